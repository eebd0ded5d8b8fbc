#include "engine/verify.h"

#include <algorithm>
#include <format>
#include <set>

#include "ports/step_request.h"

namespace ployz {
namespace {

// What should be on one machine now.
struct Expected {
  std::set<InstanceId> running;
  std::map<DatasetId, std::set<SnapshotName>> datasets;

  void made(const Action& action) {
    if (const auto* run = std::get_if<RunInstance>(&action)) running.insert(run->instance);
    if (const auto* ensure = std::get_if<EnsureDataset>(&action)) datasets[ensure->spec.id];
    if (const auto* clone = std::get_if<CloneDataset>(&action)) datasets[clone->spec.id];
    if (const auto* destroy = std::get_if<DestroyDataset>(&action)) {
      datasets.erase(destroy->dataset);
    }
    if (const auto* taken = std::get_if<SnapshotDatasets>(&action)) {
      for (const DatasetId& id : taken->datasets) datasets[id].insert(taken->snapshot);
    }
    if (const auto* gone = std::get_if<DestroySnapshots>(&action)) {
      for (const DatasetId& id : gone->datasets) {
        if (const auto found = datasets.find(id); found != datasets.end()) {
          found->second.erase(gone->snapshot);
        }
      }
    }
  }

  void received(const ReceiveDataset& action, const StepRecord& record) {
    // A round that was skipped has brought no snapshot.
    if (record.result.contains("skipped")) return;
    datasets[action.spec.id].insert(action.source.snapshot);
  }
};

bool is_done(const Session& session, const Step& step) {
  const auto record = session.op.steps.find(step.id);
  return record != session.op.steps.end() && record->second.state == StepState::done;
}

std::map<MachineId, Expected> expected_of(const Session& session) {
  std::map<MachineId, Expected> expected;
  for (const Step& step : session.op.plan.apply) {
    if (step.target != Target::agent || !is_done(session, step)) continue;
    Expected& here = expected[step.machine];
    if (const auto* receive = std::get_if<ReceiveDataset>(&step.action)) {
      here.received(*receive, session.op.steps.at(step.id));
    } else {
      here.made(step.action);
    }
  }
  std::erase_if(expected, [](const auto& one) {
    return one.second.running.empty() && one.second.datasets.empty();
  });
  return expected;
}

std::unexpected<Error> missing(const Session& session, const MachineId& machine,
                               std::string_view what, std::string_view is_not_so) {
  return fail(Code::precondition,
              std::format("{}, which the operation made on {}, {}", what, session.name_of(machine),
                          is_not_so));
}

Status check_machine(const Session& session, const MachineId& machine, const Expected& expected,
                     const MachineFacts& facts) {
  for (const InstanceId& id : expected.running) {
    const auto found = std::ranges::find(facts.instances, id, &FoundInstance::id);
    if (found != facts.instances.end() && found->state == InstanceState::running) continue;
    return missing(session, machine, "instance " + id.str(), "does not run any more");
  }
  for (const auto& [id, snapshots] : expected.datasets) {
    const auto found = std::ranges::find(facts.datasets, id,
                                         [](const Dataset& one) { return one.spec.id; });
    if (found == facts.datasets.end()) {
      return missing(session, machine, "dataset " + id.str(), "is not there any more");
    }
    for (const SnapshotName& name : snapshots) {
      if (found->snapshot(name) != nullptr) continue;
      return missing(session, machine,
                     std::format("snapshot {} of dataset {}", name.str(), id.str()),
                     "is not there any more");
    }
  }
  return {};
}

// Instances that were paused go on by themselves after seconds: what was to happen in between cannot
// be of one instant any more.
Status check_pauses(const Session& session) {
  const auto& steps = session.op.plan.apply;
  for (const Step& step : steps) {
    const auto* pause = std::get_if<PauseInstances>(&step.action);
    const auto record = session.op.steps.find(step.id);
    if (pause == nullptr || record == session.op.steps.end()) continue;
    if (record->second.state == StepState::pending) continue;
    const bool resumed = std::ranges::any_of(steps, [&](const Step& other) {
      const auto* resume = std::get_if<ResumeInstances>(&other.action);
      return resume != nullptr && other.machine == step.machine &&
             resume->instances == pause->instances && is_done(session, other);
    });
    if (resumed) continue;
    return fail(Code::precondition,
                std::format("the operation was interrupted while instances on {} were paused",
                            session.name_of(step.machine)),
                "run the command again");
  }
  return {};
}

}  // namespace

Status verify_applied(Session& session) {
  TRY(check_pauses(session));
  const std::map<MachineId, Expected> expected = expected_of(session);
  std::vector<MachineRpc::Call> calls;
  for (const auto& [machine, here] : expected) {
    FactsRequest request;
    request.datasets = !here.datasets.empty();
    calls.push_back({{machine, Target::agent, "facts"}, to_json(request)});
  }
  const auto answers = session.ports.rpc.call_all(calls, session.config.rpc_timeout);
  for (size_t i = 0; i < calls.size(); ++i) {
    const MachineId& machine = calls[i].to.machine;
    if (!answers[i]) return fail(Error(answers[i].error()).at(session.name_of(machine)));
    const MachineFacts facts = TRY(machine_facts_from_json(*answers[i]));
    TRY(check_machine(session, machine, expected.at(machine), facts));
  }
  return {};
}

}  // namespace ployz

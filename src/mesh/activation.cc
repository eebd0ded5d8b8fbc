// The second half of Admissions: from an admission to a member.
#include <format>

#include "engine/record_write.h"
#include "mesh/admissions.h"
#include "mesh/mesh_calls.h"
#include "mesh/newcomer.h"
#include "ports/step_request.h"

namespace ployz {
namespace {

// Agent and router answer in milliseconds; a member's probe makes a few attempts of kMeshProbe.
constexpr auto kAskTimeout = std::chrono::milliseconds(5000);

// Empty: fine.
std::string look_at_facts(const Result<Json>& answer, std::string_view version, uint64_t before_ms,
                          uint64_t after_ms) {
  if (!answer) return "; its agent: " + answer.error().message;
  const auto facts = machine_facts_from_json(*answer);
  if (!facts) return "; its agent's answer does not parse: " + facts.error().message;
  std::string problems;
  const uint64_t took_ms = after_ms - std::min(before_ms, after_ms);
  if (const Status clock = check_clock_skew(facts->clock_ms, after_ms, took_ms); !clock) {
    problems += "; " + clock.error().message;
  }
  if (const Status fits = check_version_fits(facts->version, version); !fits) {
    problems += "; " + fits.error().message;
  }
  return problems;
}

}  // namespace

Result<Machine> Admissions::activate(const MachineId& machine, const MeshEvents& events,
                                     std::stop_token cancel) {
  const Roster roster = TRY(read_roster(ports_.records));
  if (const Machine* member = roster.machine(machine)) {
    TRY(sweep());  // a daemon that died after making it one left its admission
    return *member;
  }
  const RecordedAdmission* recorded = roster.admission(machine);
  if (!recorded) {
    return fail(Code::not_found, std::format("machine {} is not admitted", machine.str()),
                "run ployzctl machine add again");
  }
  const Admission& admission = recorded->admission;
  if (!is_live(admission, ports_.clock.wall_ms())) {
    return fail(Code::precondition,
                std::format("the admission of machine {} has expired", admission.machine.name),
                "run ployzctl machine add again");
  }
  auto found = TRY(find_operation(ports_.records, admission.operation));
  if (!found || found->operation.ended()) {
    return fail(Code::precondition,
                std::format("the admission of machine {} was withdrawn", admission.machine.name),
                "run ployzctl machine add again");
  }
  Attempt attempt{{ports_.records, ports_.clock, *std::move(found)}, events};
  note(attempt, std::format("asking machine {} and {} members", admission.machine.name,
                            roster.machines.size()));
  TRY(prove(admission.machine, roster.machines, cancel));
  note(attempt, "overlay, agent, router and transfer port answer");
  return make_member(attempt.addition, admission.machine);
}

Status Admissions::prove(const Machine& newcomer, const std::vector<Machine>& members,
                         const std::stop_token& cancel) {
  const uint64_t deadline_ms =
      ports_.clock.steady_ms() + static_cast<uint64_t>(config_.proof.count());
  while (true) {
    const std::string problems = ask_newcomer(newcomer, members);
    if (problems.empty()) return {};
    if (ports_.clock.steady_ms() >= deadline_ms) {
      return fail(Code::precondition,
                  std::format("machine {} is not reachable yet: {}", newcomer.name,
                              problems.substr(2)),
                  "look at: journalctl -u ployzd on that machine; is UDP 51820 open?");
    }
    if (!ports_.clock.sleep_for(config_.proof_retry, cancel)) {
      return fail(Code::canceled, "canceled");
    }
  }
}

// What is missing, "; " before each; empty: nothing.
std::string Admissions::ask_newcomer(const Machine& newcomer, const std::vector<Machine>& members) {
  std::vector<MachineRpc::Call> calls;
  calls.push_back({{newcomer.id, Target::agent, "facts"}, to_json(FactsRequest{})});
  calls.push_back({{newcomer.id, Target::router, "ping"}, Json::object()});
  const Json probe = to_json(MeshProbeRequest{newcomer.overlay_address, config_.proof_ports});
  for (const Machine& member : members) {
    calls.push_back({{member.id, Target::agent, "mesh_probe"}, probe});
  }
  const uint64_t before_ms = ports_.clock.wall_ms();
  const auto answers = ports_.rpc.call_all(calls, kAskTimeout);
  std::string problems =
      look_at_facts(answers[0], config_.version, before_ms, ports_.clock.wall_ms());
  if (!answers[1]) problems += "; its router: " + answers[1].error().message;
  for (size_t i = 0; i < members.size(); ++i) {
    const auto& answer = answers[2 + i];
    if (!answer) problems += std::format("; from {}: {}", members[i].name, answer.error().message);
  }
  return problems;
}

// The journal decides: a withdrawal that took the operation over before the first write here has
// won; one that comes before the last makes us take our record back.
Result<Machine> Admissions::make_member(Addition& addition, const Machine& machine) {
  TRY(addition.enter(Phase::commit));
  const std::string& key = machine.id.str();
  const auto created = write_record(ports_.records, ports_.clock, Bucket::machines, key,
                                    to_text(to_json(machine)), 0);
  if (!created && created.error().code != Code::conflict) return fail(created.error());
  const Status ended = addition.end(Outcome::committed);
  if (!ended && addition.was_taken_over()) {
    // Taken over may also mean: ended as committed by somebody who found the machine to be a member.
    const auto now = find_operation(ports_.records, addition.id());
    const bool committed = now && *now && (*now)->operation.outcome == Outcome::committed;
    if (!committed) {
      if (created) (void)ports_.records.remove(Bucket::machines, key, *created);
      return fail(Code::conflict,
                  std::format("the admission of machine {} was withdrawn meanwhile", machine.name));
    }
  }
  if (const auto left = ports_.records.get(Bucket::invites, key); left && *left) {
    (void)ports_.records.remove(Bucket::invites, key, (*left)->revision);
  }
  return machine;
}

Result<Operation> Admissions::resume(const OperationId& id, const MeshEvents& events,
                                     std::stop_token cancel) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  if (found->operation.ended()) return std::move(found->operation);
  const MachineId machine = subject_of(found->operation);
  const Roster roster = TRY(read_roster(ports_.records));
  if (!roster.includes(machine, ports_.clock.wall_ms())) {
    return fail(Code::precondition,
                std::format("nothing of operation {} is left to go on with", id.str()),
                "run ployzctl machine add again, or: ployzctl op abort " + id.str());
  }
  (void)TRY(activate(machine, events, std::move(cancel)));
  auto ended = TRY(find_operation(ports_.records, id));
  return ended ? std::move(ended->operation) : std::move(found->operation);
}

Result<Operation> Admissions::abort(const OperationId& id) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  if (found->operation.ended()) return std::move(found->operation);
  const MachineId machine = subject_of(found->operation);
  const Status withdrawn = withdraw(machine);
  if (!withdrawn && withdrawn.error().code == Code::exists) {
    return fail(Code::precondition,
                std::format("operation {} is committed: {}", id.str(), withdrawn.error().message),
                withdrawn.error().hint);
  }
  TRY(Status(withdrawn));
  auto ended = TRY(find_operation(ports_.records, id));
  return ended ? std::move(ended->operation) : std::move(found->operation);
}

void Admissions::tell_outcomes(std::vector<Operation>& operations) {
  const bool any = std::ranges::any_of(operations, [](const Operation& operation) {
    return !operation.ended() && !subject_of(operation).empty();
  });
  if (!any) return;
  const auto roster = read_roster(ports_.records);
  if (!roster) return;
  for (Operation& operation : operations) {
    tell_outcome(operation, *roster, ports_.clock.wall_ms());
  }
}

}  // namespace ployz

#include "sim/checkers/outcome_checker.h"

#include <algorithm>
#include <format>

#include "router/projection.h"

namespace ployz::sim {
namespace {

bool is_without_effect(Outcome outcome) {
  return outcome == Outcome::failed || outcome == Outcome::aborted ||
         outcome == Outcome::refused || outcome == Outcome::unchanged;
}

bool is_committed(Outcome outcome) {
  return outcome == Outcome::committed || outcome == Outcome::committed_cleanup_pending;
}

Count count_of(const Answer& answer) {
  if (answer.lost) return Count::lost;
  if (!answer.result) return Count::errors;
  switch (answer.result->outcome) {
    case Outcome::committed: return Count::committed;
    case Outcome::unchanged: return Count::unchanged;
    case Outcome::failed: return Count::failed;
    case Outcome::aborted: return Count::aborted;
    case Outcome::refused: return Count::refused;
    case Outcome::committed_cleanup_pending: return Count::cleanup_pending;
    case Outcome::running:
    case Outcome::interrupted: break;
  }
  return Count::interrupted;
}

}  // namespace

void OutcomeChecker::on_answer(const Answer& answer) {
  world_.trace.counts.add(count_of(answer));
  if (answer.lost || !answer.result) return;
  const Operation& operation = *answer.result;
  if (is_committed(operation.outcome)) {
    committed_[operation.id] = operation.committed_sequence;
    check_committed(operation);
    check_stragglers(operation);
    if (operation.outcome == Outcome::committed) check_cleaned(operation);
  } else if (is_without_effect(operation.outcome)) {
    without_effect_.insert(operation.id);
    check_left_nothing(operation);
    check_no_backend(operation, answer);
    check_serves_again(operation);
  }
  if (!answer.operations_before.contains(operation.id.str())) check_participants(answer);
}

// A machine that does not serve the commit at this moment is named, and no other is waited for.
void OutcomeChecker::check_stragglers(const Operation& operation) {
  const bool flipped = operation.outcome == Outcome::committed ||
                       operation.phase == Phase::cleanup || !operation.unconfirmed.empty();
  if (!flipped) return;
  const std::vector<Record> members = world_.store.records(Bucket::machines);
  for (const auto& machine : world_.machines) {
    const Machine& self = machine->self();
    if (std::ranges::contains(operation.unconfirmed, self.name)) continue;
    if (!std::ranges::contains(members, self.id.str(), &Record::key)) continue;
    const RouteTable table = machine->gateway.serving();
    const auto shown = table.sequences.find(operation.name_space);
    if (shown != table.sequences.end() && shown->second >= operation.committed_sequence) continue;
    world_.trace.violation(std::format("operation {} is {} at {}, which {} does not serve, and "
                                       "does not say so",
                                       operation.id.str(), to_string(operation.outcome),
                                       operation.committed_sequence, self.name));
  }
}

// `committed` without "cleanup pending" means that nothing of what the commit replaced is left.
void OutcomeChecker::check_cleaned(const Operation& operation) {
  const std::vector<StoredCommit> log = world_.store.log();
  const auto commit = decode_commit(log.at(operation.committed_sequence - 1).bytes);
  if (!commit || commit->parent_sequence == 0) return;
  const auto parent = decode_commit(log.at(commit->parent_sequence - 1).bytes);
  if (!parent) return;
  std::set<InstanceId> replaced;
  for (const CommittedService& service : parent->services) {
    for (const CommittedInstance& instance : service.instances) replaced.insert(instance.id);
  }
  for (const CommittedService& service : commit->services) {
    for (const CommittedInstance& instance : service.instances) replaced.erase(instance.id);
  }
  for (SimMachine* machine : world_.living()) {
    for (const FoundInstance& found : machine->containers.all()) {
      if (!replaced.contains(found.id)) continue;
      world_.trace.violation(std::format("operation {} is committed, but {}, which it replaced, is "
                                         "still on {}",
                                         operation.id.str(), found.id.str(),
                                         machine->self().name));
    }
  }
}

// A plan never leans on a machine that did not answer when it was made.
void OutcomeChecker::check_participants(const Answer& answer) {
  const Operation& operation = *answer.result;
  // One that could not be made anew keeps its former plan, which came to nothing (seed 21979).
  if (answer.prepared || operation.attempt > 1 || operation.phase <= Phase::probe) return;
  for (const Claim& claim : operation.plan.claims) {
    const auto asked = answer.facts.find(claim.machine);
    if (asked != answer.facts.end() && asked->second) continue;
    world_.trace.violation(std::format("the plan of {} counts on {}, which did not answer",
                                       operation.id.str(), claim.machine.str()));
  }
}

void OutcomeChecker::must_succeed(const Answer& answer, std::string_view what) {
  if (answer.lost) {
    world_.trace.violation(std::format("{}: the daemon was away", what));
  } else if (!answer.result) {
    world_.trace.violation(std::format("{}: {}", what, answer.result.error().line()));
  } else if (answer.result->outcome != Outcome::committed &&
             answer.result->outcome != Outcome::unchanged) {
    world_.trace.violation(std::format(
        "{}: {} is {}: {}", what, answer.result->id.str(), to_string(answer.result->outcome),
        answer.result->error ? answer.result->error->line() : ""));
  }
}

void OutcomeChecker::must_not_fail(const Answer& answer, std::string_view what) {
  if (answer.lost || !answer.result) return;
  const Outcome outcome = answer.result->outcome;
  if (outcome != Outcome::refused) must_succeed(answer, what);
}

void OutcomeChecker::must_be_unchanged(const Answer& answer) {
  if (!answer.lost && answer.result && answer.result->outcome == Outcome::unchanged) return;
  world_.trace.violation("the same deploy again is not `unchanged`");
}

void OutcomeChecker::check_committed(const Operation& operation) {
  const std::vector<StoredCommit> log = world_.store.log();
  const uint64_t sequence = operation.committed_sequence;
  if (sequence == 0 || sequence > log.size()) {
    world_.trace.violation(std::format("operation {} says it committed {}, which is not in the log",
                                       operation.id.str(), sequence));
    return;
  }
  const auto commit = decode_commit(log[sequence - 1].bytes);
  if (commit && commit->operation == operation.id && commit->kind != CommitKind::fence) return;
  world_.trace.violation(std::format("commit {} is not the one operation {} reported", sequence,
                                     operation.id.str()));
}

void OutcomeChecker::check_left_nothing(const Operation& operation) {
  for (const StoredCommit& stored : world_.store.log()) {
    const auto commit = decode_commit(stored.bytes);
    if (commit && commit->operation == operation.id && commit->kind != CommitKind::fence) {
      world_.trace.violation(std::format("operation {} is {}, but commit {} is its",
                                         operation.id.str(), to_string(operation.outcome),
                                         stored.sequence));
    }
  }
  for (SimMachine* machine : world_.living()) {
    for (const FoundInstance& found : machine->containers.all()) {
      if (found.operation != operation.id) continue;
      world_.trace.violation(std::format("operation {} is {}, but its container {} is on {}",
                                         operation.id.str(), to_string(operation.outcome),
                                         found.id.str(), machine->self().name));
    }
  }
}

// What the operation stopped and started again gets its requests when the operation returns, not some
// health check later. Unless nobody reached it just then, which only the network's faults can do.
void OutcomeChecker::check_serves_again(const Operation& operation) {
  if (world_.network.was_disturbed()) return;
  for (const Operation& other : world_.operations()) {
    const bool later = other.name_space == operation.name_space && other.id > operation.id;
    if (later) return;  // it may have stopped them again
  }
  for (const Step& step : operation.plan.apply) {
    const auto record = operation.steps.find(step.id);
    const bool undone = record != operation.steps.end() && record->second.state == StepState::undone;
    if (!undone || !std::holds_alternative<AwaitRoutes>(step.action)) continue;
    for (const auto& machine : world_.machines) {
      if (machine->self().id != step.machine) continue;
      for (const std::string& server : machine->gateway.out_of_use(operation.name_space)) {
        world_.trace.violation(std::format("operation {} is {}, but the gateway of {} does not use "
                                           "{} again",
                                           operation.id.str(), to_string(operation.outcome),
                                           machine->self().name, server));
      }
    }
  }
}

// Its instances' addresses tell the backends of a candidate. A router that crashed meanwhile, or a
// gateway that failed a call, may keep one until the lazy retirement.
void OutcomeChecker::check_no_backend(const Operation& operation, const Answer& answer) {
  const bool is_older = answer.operations_before.contains(operation.id.str());
  const uint64_t at_the_start = is_older ? world_.machines.size()  // there must never be any
                                         : answer.disturbances_before;
  if (world_.disturbances() > at_the_start) return;
  std::set<std::string> addresses;
  for (const Step& step : operation.plan.apply) {
    const auto* run = std::get_if<RunInstance>(&step.action);
    if (run && !run->address.empty()) addresses.insert(run->address);
  }
  if (!operation.plan.commit) return;
  // Addresses are used again: where a container is now, it is another operation's; and a machine
  // that took no part in a former one may keep a backend of then for a while.
  for (const auto& machine : world_.machines) {
    for (const FoundInstance& found : machine->containers.all()) addresses.erase(found.address);
  }
  std::set<BackendKey> keys;
  const std::map<NamespaceName, CommitEntry> candidate{
      {operation.name_space, {1, *operation.plan.commit}}};
  for (const Backend& backend : project(candidate, world_.cluster.config).backends) {
    keys.insert(backend.key);
  }
  for (SimMachine* machine : world_.living()) {
    for (const Backend& backend : machine->gateway.taken()) {
      const bool its = keys.contains(backend.key) &&
                       std::ranges::any_of(backend.servers, [&](const std::string& server) {
                         return addresses.contains(server.substr(0, server.rfind(':')));
                       });
      if (!its) continue;
      world_.trace.violation(std::format("operation {} is {}, but the gateway of {} keeps {}",
                                         operation.id.str(), to_string(operation.outcome),
                                         machine->self().name, backend.servers.front()));
    }
  }
}

void OutcomeChecker::at_the_end() {
  for (const Operation& operation : world_.operations()) {
    if (operation.attempt > 1) world_.trace.counts.add(Count::taken_over);
    if (!operation.ended()) {
      world_.trace.violation(std::format("operation {} is still {} (phase {}): {}",
                                         operation.id.str(), to_string(operation.outcome),
                                         to_string(operation.phase),
                                         operation.error ? operation.error->line() : ""));
      continue;
    }
    if (operation.outcome == Outcome::committed) check_committed(operation);
    if (is_without_effect(operation.outcome)) check_left_nothing(operation);
    if (committed_.contains(operation.id) && operation.outcome != Outcome::committed) {
      world_.trace.violation(std::format("operation {} was reported committed, and ends {}",
                                         operation.id.str(), to_string(operation.outcome)));
    }
    if (without_effect_.contains(operation.id) && !is_without_effect(operation.outcome)) {
      world_.trace.violation(std::format("operation {} was reported undone, and ends {}",
                                         operation.id.str(), to_string(operation.outcome)));
    }
  }
}

}  // namespace ployz::sim

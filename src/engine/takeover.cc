#include "engine/takeover.h"

#include <format>

#include "engine/committer.h"
#include "engine/execution.h"
#include "engine/probe.h"
#include "engine/snapshot_reader.h"
#include "engine/verify.h"

namespace ployz {
namespace {

std::unexpected<Error> busy(const EngineContext& context, const NamespaceName& name_space,
                            const LeaseRecord& lease) {
  std::string kind = "operation";
  if (const auto found = find_operation(context.ports.records, lease.operation); found && *found) {
    kind = (*found)->operation.kind;
  }
  return fail(
      Error{Code::conflict,
            Effect::none,
            std::format("namespace {} is being changed by {} {}", name_space.str(), kind,
                        lease.operation.str()),
            std::format("watch it with: ployzctl op watch {}", lease.operation.str()),
            {{"operation", lease.operation.str()}, {"coordinator", lease.coordinator.str()}}});
}

// An operation that its coordinator has not recorded before its lease expired gets a record that
// says so. Who comes first decides: with this one there the coordinator, should it live after all,
// cannot record its own and changes nothing. False: it was quicker, and the operation is there.
Result<bool> close_unrecorded(const EngineContext& context, const NamespaceName& name_space,
                              const LeaseRecord& lease) {
  Operation closed;
  closed.id = lease.operation;
  closed.kind = "operation";
  closed.name_space = name_space;
  closed.plan.name_space = name_space;
  closed.coordinator = lease.coordinator;
  closed.phase = Phase::lock;
  closed.outcome = Outcome::aborted;
  closed.started_at_ms = closed.ended_at_ms = context.ports.clock.wall_ms();
  closed.error = Error{
      Code::canceled, Effect::none, "its coordinator was interrupted before it began", "", {}};
  Journal journal(context.ports.records, context.ports.clock);
  const Status saved = journal.save(closed);
  if (saved) return true;
  if (journal.state() == Journal::State::replaced) return false;
  return fail(saved.error());
}

// Whether the operation a lease names has nothing left to do, now and later. A record that does
// not parse counts as such: nobody could act on it, and it must not block its namespace for ever.
Result<bool> is_settled(const EngineContext& context, const NamespaceName& name_space,
                        const LeaseRecord& lease, bool live) {
  const auto found = find_operation(context.ports.records, lease.operation);
  if (!found) {
    if (found.error().code == Code::corrupt) return true;
    return fail(found.error());
  }
  if (*found) return (*found)->operation.ended();
  // Not recorded yet, or its coordinator died before.
  if (live) return false;
  return close_unrecorded(context, name_space, lease);
}

// A machine's own leases bind it only while its process works on them (RunningOperations).
bool is_held(const EngineContext& context, const SeenLease& lease) {
  if (lease.record.coordinator == context.config.self ||
      lease.record.expires_at_ms <= context.ports.clock.wall_ms()) {
    return false;
  }
  return !context.sightings.stood_still(lease.key, lease.revision, context.ports.clock.steady_ms(),
                                        static_cast<uint64_t>(context.config.lease_ttl.count()));
}

// The revision from which the lease of this operation's namespace may be taken.
Result<uint64_t> lease_to_take(const EngineContext& context, const Operation& operation) {
  const auto lease = TRY(find_lease(context.ports.records, operation.name_space));
  if (!lease) return 0;
  if (!lease->record) return lease->revision;
  const bool names_it = lease->record->operation == operation.id;
  // This process has just declared the operation as running, so for it only the lease counts.
  const SeenLease seen{*lease->record, lease_key(operation.name_space), lease->revision};
  if (names_it ? is_held(context, seen) : is_live(context, seen)) {
    return busy(context, operation.name_space, *lease->record);
  }
  if (names_it) return lease->revision;
  if (TRY(is_settled(context, operation.name_space, *lease->record, false))) {
    return lease->revision;
  }
  return fail(
      Code::conflict,
      std::format("operation {} of the same namespace is unfinished too",
                  lease->record->operation.str()),
      std::format("settle it first: ployzctl op resume {}", lease->record->operation.str()));
}

// From here on every write of the former coordinator is refused.
Status take(const EngineContext& context, Session& session, const OperationId& id) {
  auto found = TRY(find_operation(context.ports.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  const uint64_t revision = TRY(lease_to_take(context, found->operation));
  // Without the machines' names and who is gone nobody could be told what is left (seed 7384).
  std::vector<std::string> notes;
  const std::vector<Machine> machines = TRY(read_machines(context.ports.records, notes));
  TRY(session.lease.take(
      found->operation.name_space,
      {id, context.config.self, found->operation.attempt + 1, 0, session.new_id()}, revision));
  // Again: what was read before the lease may be old.
  auto current = find_operation(context.ports.records, id);
  if (!current || !*current) {
    session.lease.leave();
    return current ? fail(Code::not_found, std::format("no operation {}", id.str()))
                   : fail(current.error());
  }
  session.op = std::move((*current)->operation);
  session.journal.adopt((*current)->revision);
  if (session.op.ended()) {
    session.lease.release();
    return {};
  }
  ++session.op.attempt;
  session.op.coordinator = context.config.self;
  session.op.outcome = Outcome::running;
  if (Status saved = session.save(); !saved) {
    session.lease.leave();
    return saved;
  }
  session.know(machines);
  return {};
}

Error cause_for(const Operation& operation, Wish wish, std::string_view phase) {
  if (operation.undoing && operation.error) return *operation.error;
  if (wish == Wish::abort) {
    return {Code::canceled, Effect::none, "aborted by the operator", "", {}};
  }
  return {Code::unavailable,
          Effect::none,
          std::format("its coordinator was interrupted in phase {}", phase),
          "",
          {}};
}

Operation settle_append(Session& session, Wish wish) {
  session.begin(Phase::commit);
  // Whether it happened is for the log to say, however impatient the operator is (seed 13432).
  if (wish == Wish::resume && !session.canceled()) return append_and_finish(session);
  CommitVerdict verdict = fence_commit(session);
  switch (verdict.kind) {
    case CommitVerdict::Kind::committed:
      session.op.committed_sequence = verdict.sequence;
      return finish_committed(session);
    case CommitVerdict::Kind::not_committed:
      if (wish == Wish::resume) {
        return take_back(session,
                         {Code::canceled, Effect::none, "canceled before the commit", "", {}});
      }
      return take_back(session, cause_for(session.op, wish, "commit"));
    case CommitVerdict::Kind::unknown:
      break;
  }
  return session.finish(Outcome::interrupted, verdict.error);
}

Operation resume_apply(Session& session) {
  if (const Status verified = verify_applied(session); !verified) {
    return take_back(session, verified.error());
  }
  return run_forward(session);
}

Operation resume_probe(Session& session) {
  session.begin(Phase::probe);
  if (const Status probed = probe_claims(session); !probed) {
    return session.finish(Outcome::refused, probed.error());
  }
  return run_forward(session);
}

Operation go_on(Session& session, Wish wish) {
  const Phase phase = session.op.phase;
  if (session.op.committed_sequence > 0) return finish_committed(session);
  if (session.op.undoing) return take_back(session, cause_for(session.op, wish, ""));
  if (phase == Phase::commit) return settle_append(session, wish);
  if (wish != Wish::resume) {
    return take_back(session, cause_for(session.op, wish, to_string(phase)));
  }
  return phase == Phase::apply ? resume_apply(session) : resume_probe(session);
}

std::unexpected<Error> is_committed(const Operation& operation) {
  const std::string& id = operation.id.str();
  if (operation.ended()) {
    return fail(Code::precondition, std::format("operation {} is committed, and was finished", id),
                "a commit is undone by a rollback, not by an abort");
  }
  return fail(
      Code::precondition,
      std::format("operation {} is committed, and cannot be finished now: {}", id,
                  operation.error ? operation.error->message : "it was interrupted"),
      std::format("finish it with: ployzctl op resume {} (a commit is undone by a rollback, "
                  "not by an abort)",
                  id));
}

// The unfinished operation that `lease` names, or else one that no lease names; nullopt: none.
// `conflict`: it is live.
Result<std::optional<OperationId>> find_unsettled(const EngineContext& context,
                                                  const NamespaceName& name_space,
                                                  const std::optional<FoundLease>& lease) {
  if (lease && lease->record) {
    const LeaseRecord& record = *lease->record;
    const bool live = is_live(context, {record, lease_key(name_space), lease->revision});
    const bool here = context.running.contains(record.operation);
    if (here || !TRY(is_settled(context, name_space, record, live))) {
      if (live) return busy(context, name_space, record);
      return std::optional(record.operation);
    }
  }
  for (const OperationId& id : TRY(context.unfinished.of(context.ports.records, name_space))) {
    const auto found = find_operation(context.ports.records, id);
    if (!found && found.error().code != Code::corrupt) return fail(found.error());
    if (found && *found && !(*found)->operation.ended()) return std::optional(id);
    context.unfinished.forget(id);
  }
  return std::optional<OperationId>();
}

}  // namespace

bool is_live(const EngineContext& context, const SeenLease& lease) {
  return context.running.contains(lease.record.operation) || is_held(context, lease);
}

Result<Operation> take_over(const EngineContext& context, const OperationId& id, Wish wish,
                            const EventSink& events, std::stop_token cancel) {
  auto found = TRY(find_operation(context.ports.records, id));
  if (!found) {
    return fail(Code::not_found, std::format("no operation {}", id.str()),
                "list them with: ployzctl op ls");
  }
  if (found->operation.ended()) return found->operation;
  // The journal's bucket has other kinds of operation too, which have no plan to commit.
  if (found->operation.name_space.empty()) {
    return fail(Code::unsupported,
                std::format("operation {} is a {}, which the engine cannot {}", id.str(),
                            found->operation.kind, wish == Wish::abort ? "abort" : "resume"));
  }
  Session session(context.config, context.ports, context.running, events, std::move(cancel), id);
  if (!session.admitted()) {
    return busy(context, found->operation.name_space, {id, context.config.self, 0, 0, ""});
  }
  TRY(take(context, session, id));
  if (session.op.ended()) return session.op;
  session.emit(Event::Kind::note, std::format("taking over {} {} in phase {}", session.op.kind,
                                              id.str(), to_string(session.op.phase)));
  Operation operation = go_on(session, wish);
  context.unfinished.note(operation);
  if (wish == Wish::abort && operation.committed_sequence > 0) return is_committed(operation);
  return operation;
}

Result<uint64_t> clear_the_way(const EngineContext& context, const NamespaceName& name_space,
                               const EventSink& events, std::stop_token cancel) {
  constexpr int kRounds = 3;  // somebody else may settle at the same time
  for (int round = 0; round < kRounds; ++round) {
    const auto lease = TRY(find_lease(context.ports.records, name_space));
    const auto unsettled = TRY(find_unsettled(context, name_space, lease));
    if (!unsettled) return lease ? lease->revision : 0;
    const auto settled = take_over(context, *unsettled, Wish::settle, events, cancel);
    if (!settled) return fail(settled.error());
    if (settled->ended()) continue;
    Error error = settled->error.value_or(
        Error{Code::unavailable, Effect::none, "it was interrupted again", "", {}});
    return fail(std::move(error).at(
        std::format("operation {} of namespace {} is unfinished ({}) and must be settled first",
                    settled->id.str(), name_space.str(), to_string(settled->outcome))));
  }
  return fail(Code::conflict,
              std::format("namespace {} is being changed by others all the time", name_space.str()),
              "run the command again");
}

}  // namespace ployz

#include "engine/run.h"

#include "engine/execution.h"
#include "engine/probe.h"
#include "engine/takeover.h"

namespace ployz {
namespace {

// A plan that does not hold when it is probed is made anew from fresh facts, this often.
constexpr int kPlans = 3;

Operation end_unchanged(Session& session) {
  session.end_phase();
  session.op.outcome = Outcome::unchanged;
  session.op.ended_at_ms = session.ports.clock.wall_ms();
  return session.op;
}

// The lease, and under it a plan made from the namespace's present state.
Status lock(const EngineContext& context, Session& session, const PlanMaker& make_plan,
            const EventSink& events) {
  constexpr int kRounds = 3;
  for (int round = 1;; ++round) {
    const uint64_t revision =
        TRY(clear_the_way(context, session.op.name_space, events, session.cancel));
    const Status taken = session.lease.take(
        session.op.name_space,
        {session.op.id, context.config.self, session.op.attempt, 0, session.new_id()}, revision);
    if (taken) break;
    if (taken.error().code != Code::conflict || round == kRounds) return taken;
  }
  const auto newest = context.ports.commits.newest(session.op.name_space);
  Status fresh;
  if (!newest) {
    fresh = fail(newest.error());
  } else if ((*newest ? (*newest)->sequence : 0) != session.op.plan.expected_sequence) {
    session.emit(Event::Kind::note, "the namespace moved on meanwhile");
    fresh = make_plan(session);
  }
  if (!fresh) session.lease.release();
  return fresh;
}

// Nullopt: every machine has agreed. Otherwise how the operation ended.
std::optional<Operation> probe(Session& session, const PlanMaker& make_plan) {
  for (int plans = 1;; ++plans) {
    session.begin(Phase::probe);
    if (session.canceled()) {
      return session.finish(Outcome::aborted,
                            Error{Code::canceled, Effect::none, "canceled", "", {}});
    }
    const Status agreed = probe_claims(session);
    if (agreed) return std::nullopt;
    const bool replan =
        agreed.error().code == Code::conflict || agreed.error().code == Code::precondition;
    if (!replan || plans == kPlans) return session.finish(Outcome::refused, agreed.error());
    session.emit(Event::Kind::note, "planning again: " + agreed.error().message);
    session.begin(Phase::plan);
    if (const Status planned = make_plan(session); !planned) {
      return session.finish(Outcome::refused, planned.error());
    }
    if (session.op.plan.unchanged()) return session.finish(Outcome::unchanged, std::nullopt);
  }
}

}  // namespace

Result<Operation> run_operation(const EngineContext& context, Session& session,
                                const PlanMaker& make_plan, const EventSink& events) {
  session.op.started_at_ms = session.ports.clock.wall_ms();
  session.begin(Phase::plan);
  (void)TRY(clear_the_way(context, session.op.name_space, events, session.cancel));
  TRY(make_plan(session));
  if (session.op.plan.unchanged()) return end_unchanged(session);
  if (session.canceled()) return fail(Code::canceled, "canceled before anything was changed");

  session.begin(Phase::lock);
  TRY(lock(context, session, make_plan, events));
  if (session.op.plan.unchanged()) {
    session.lease.release();
    return end_unchanged(session);
  }
  if (const Status created = session.save(); !created) {
    session.lease.leave();
    return fail(created.error());
  }
  auto refused = probe(session, make_plan);
  Operation operation = refused ? std::move(*refused) : run_forward(session);
  context.unfinished.note(operation);
  return operation;
}

}  // namespace ployz

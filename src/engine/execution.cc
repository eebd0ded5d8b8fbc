#include "engine/execution.h"

#include <format>

#include "base/join.h"
#include "engine/apply.h"
#include "engine/committer.h"
#include "engine/flip.h"
#include "engine/undo.h"

namespace ployz {
namespace {

// Nothing more can be done by this coordinator, and nothing is undone.
Operation give_up(Session& session, const Error& why) {
  Error error = why;
  if (error.hint.empty()) {
    error.hint =
        std::format("settle it with: ployzctl op resume {} (or: op abort)", session.op.id.str());
  }
  return session.finish(Outcome::interrupted, std::move(error));
}

}  // namespace

Operation run_forward(Session& session) {
  session.begin(Phase::apply);
  if (const Status applied = apply_steps(session); !applied) {
    return take_back(session, applied.error());
  }
  return commit_and_finish(session);
}

Operation commit_and_finish(Session& session) {
  session.begin(Phase::commit);
  if (session.canceled()) {
    return take_back(session, {Code::canceled, Effect::none, "canceled before the commit", "", {}});
  }
  if (const Status saved = session.save(); !saved) return give_up(session, saved.error());
  return append_and_finish(session);
}

Operation append_and_finish(Session& session) {
  CommitVerdict verdict = append_commit(session);
  switch (verdict.kind) {
    case CommitVerdict::Kind::committed:
      session.op.committed_sequence = verdict.sequence;
      return finish_committed(session);
    case CommitVerdict::Kind::not_committed:
      return take_back(session, std::move(verdict.error));
    case CommitVerdict::Kind::unknown:
      break;
  }
  return give_up(session, verdict.error);
}

Operation finish_committed(Session& session) {
  session.begin(Phase::flip);
  session.op.error.reset();
  const Status saved = session.save();
  if (!saved && session.journal.state() == Journal::State::replaced) {
    return session.finish(Outcome::committed_cleanup_pending, saved.error());
  }
  if (!flip(session) && !session.op.plan.cleanup.empty()) {
    return session.finish(
        Outcome::committed_cleanup_pending,
        Error{Code::unavailable,
              Effect::applied,
              std::format("not confirmed by {}: what may still be served there was kept",
                          join(session.op.unconfirmed, "; ")),
              std::format("run the same command again, or: ployzctl op resume {}",
                          session.op.id.str()),
              {}});
  }
  session.begin(Phase::cleanup);
  if (const Status cleaned = cleanup_steps(session); !cleaned) {
    Error error = cleaned.error();
    error.effect = Effect::applied;
    error.hint =
        std::format("run the same command again, or: ployzctl op resume {}", session.op.id.str());
    return session.finish(Outcome::committed_cleanup_pending, std::move(error));
  }
  return session.finish(Outcome::committed, std::nullopt);
}

Operation take_back(Session& session, Error cause) {
  if (session.journal.state() == Journal::State::replaced) return give_up(session, cause);
  session.op.undoing = true;
  session.op.error = cause;
  session.emit(Event::Kind::note, "undoing: " + cause.message);
  if (const Status saved = session.save(); !saved) return give_up(session, saved.error());
  const UndoResult undone = undo_steps(session);
  if (!undone.left.empty()) {
    Error error = std::move(cause).with("left", join(undone.left, "; "));
    error.message =
        std::format("{}; and it could not be undone: {}", error.message, join(undone.left, "; "));
    error.hint = std::format("when the cause is gone: ployzctl op abort {}", session.op.id.str());
    return session.finish(Outcome::interrupted, std::move(error));
  }
  if (!undone.lost.empty()) {
    cause.message =
        std::format("{}; and not all is as it was: {}", cause.message, join(undone.lost, "; "));
  }
  cause.effect = Effect::none;
  const Outcome outcome = cause.code == Code::canceled ? Outcome::aborted : Outcome::failed;
  return session.finish(outcome, std::move(cause));
}

}  // namespace ployz

#include "engine/committer.h"

#include <format>

#include "engine/record_write.h"

namespace ployz {
namespace {

using Kind = CommitVerdict::Kind;

// With the pauses and the store's own timeouts at most about a minute.
constexpr int kTries = 8;
// How many commits may have followed ours before anybody looks.
constexpr size_t kHistory = 256;

Error superseded(const Session& session) {
  return {Code::conflict,
          Effect::none,
          std::format("namespace {} moved on: another commit took the place after sequence {}",
                      session.op.name_space.str(), session.op.plan.expected_sequence),
          "run the command again",
          {}};
}

Error unsettled(const Session& session, const Error& last) {
  return {last.code,
          Effect::unknown,
          std::format("whether the commit of namespace {} happened is unknown: {}",
                      session.op.name_space.str(), last.message),
          std::format("when the store is back: ployzctl op resume {}", session.op.id.str()),
          {}};
}

bool is_commit(const StoredCommit& stored, const CommitId& id) {
  const auto commit = decode_commit(stored.bytes);
  return commit && commit->id == id;
}

struct Look {
  std::optional<uint64_t> ours;  // where our commit is
  bool moved = false;            // the expectation cannot hold any more
  std::optional<StoredCommit> newest;
};

// Errors: the store's.
Result<Look> look(Session& session) {
  const Plan& plan = session.op.plan;
  Look found;
  found.newest = TRY(session.ports.commits.newest(plan.name_space));
  const uint64_t newest = found.newest ? found.newest->sequence : 0;
  if (newest == plan.expected_sequence) return found;
  found.moved = true;
  if (found.newest && is_commit(*found.newest, plan.commit->id)) {
    found.ours = newest;
    return found;
  }
  // Somebody may have committed on top of ours.
  for (const StoredCommit& stored : TRY(session.ports.commits.history(plan.name_space, kHistory))) {
    if (stored.sequence <= plan.expected_sequence) break;
    if (is_commit(stored, plan.commit->id)) found.ours = stored.sequence;
  }
  return found;
}

// The verdict of a look that found the place after the expectation taken.
CommitVerdict verdict_of(const Session& session, const Look& found) {
  if (found.ours) return {Kind::committed, *found.ours, {}};
  return {Kind::not_committed, 0, superseded(session)};
}

bool may_repeat(const Error& error) {
  return error.effect == Effect::unknown || error.code == Code::unavailable ||
         error.code == Code::timeout || error.code == Code::conflict;
}

}  // namespace

CommitVerdict append_commit(Session& session) {
  const Plan& plan = session.op.plan;
  const std::string bytes = encode(*plan.commit);
  // A former attempt may have sent it already.
  bool unknown = session.op.attempt > 1;
  Error last;
  for (int tried = 0; tried < kTries; ++tried) {
    if (tried > 0) session.ports.clock.sleep_for(backoff(tried), {});
    session.lease.renew_if_due();
    const auto appended =
        session.ports.commits.append(plan.name_space, plan.expected_sequence, bytes);
    if (appended) return {Kind::committed, *appended, {}};
    last = appended.error();
    if (last.effect == Effect::unknown) unknown = true;
    if (last.code == Code::conflict) {
      const auto found = look(session);
      if (found && found->moved) return verdict_of(session, *found);
      if (!found) last = found.error();
      // The log refused us, so the place is taken, by ours or another's: until it can be read,
      // nobody knows.
      unknown = true;
    }
    if (!may_repeat(last) && !unknown) return {Kind::not_committed, 0, last};
  }
  if (!unknown) return {Kind::not_committed, 0, last};
  return {Kind::unknown, 0, unsettled(session, last)};
}

CommitVerdict fence_commit(Session& session) {
  const Plan& plan = session.op.plan;
  Commit fence;
  fence.id = CommitId(session.new_id());
  Error last{Code::unavailable, Effect::unknown, "the store does not answer", "", {}};
  for (int tried = 0; tried < kTries; ++tried) {
    if (tried > 0) session.ports.clock.sleep_for(backoff(tried), {});
    session.lease.renew_if_due();
    const auto found = look(session);
    if (!found) {
      last = found.error();
      continue;
    }
    if (found->moved) return verdict_of(session, *found);
    if (found->newest) {
      auto parent = decode_commit(found->newest->bytes);
      if (!parent) return {Kind::unknown, 0, unsettled(session, parent.error())};
      parent->id = fence.id;
      fence = std::move(*parent);
    } else {
      fence.removed = true;  // the namespace does not exist yet, and shall not
      fence.name_space = plan.name_space;
    }
    fence.kind = CommitKind::fence;
    fence.operation = session.op.id;
    fence.parent_sequence = plan.expected_sequence;
    fence.created_at_ms = session.ports.clock.wall_ms();
    const auto appended =
        session.ports.commits.append(plan.name_space, plan.expected_sequence, encode(fence));
    if (appended) return {Kind::not_committed, 0, superseded(session)};
    last = appended.error();  // ours, the fence or a stranger took the place: look again
    if (!may_repeat(last)) break;
  }
  return {Kind::unknown, 0, unsettled(session, last)};
}

}  // namespace ployz

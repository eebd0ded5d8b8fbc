#include "sim/world/store_site.h"

#include <format>

#include "mesh/roster.h"
#include "ports/peer_calls.h"

namespace ployz::sim {
namespace {

constexpr std::chrono::milliseconds kAgreed{45'000};
constexpr auto kRetry = std::chrono::milliseconds(1000);
constexpr auto kPing = std::chrono::milliseconds(1500);

}  // namespace

Status StoreSite::step(std::string_view what) {
  const Fate fate = parts_.hook.enter(what, self_.name, Kind::local);
  if (fate != Fate::normal) return fail(Code::unavailable, std::format("{} failed", what));
  parts_.hook.leave(what, "ok");
  return {};
}

bool StoreSite::is_prepared(const StoreCall& call) {
  const StoreDisk::Server& there = server(call.next.epoch);
  return there.store != nullptr && there.store->operation == call.operation &&
         there.store->place.epoch == call.next.epoch;
}

void StoreSite::stop_server(uint64_t epoch) {
  StoreDisk::Server& there = server(epoch);
  if (there.store == nullptr) return;
  there.running = false;
  parts_.network.stop_serving(there.store->number, index_);
}

Status StoreSite::prepare(const StoreCall& call) {
  const auto newest = TRY(transfers().newest());
  TRY(check_prepare(self_, parts_.disk.followed, newest, call));
  if (!is_prepared(call)) {
    TRY(step("units.stop"));
    stop_server(call.next.epoch);
    server(call.next.epoch) = {};
    TRY(step("units.start"));
    PlacedStore& store = parts_.stores.prepared_by(call.operation, call.next);
    server(call.next.epoch) = {&store, true};
    parts_.network.serve(store.number, call.next.members.size(), index_);
  }
  return step("units.status");
}

Status StoreSite::discard(const StoreCall& call) {
  if (parts_.disk.followed.epoch >= call.next.epoch || !is_prepared(call)) return {};
  TRY(step("units.stop"));
  stop_server(call.next.epoch);
  server(call.next.epoch) = {};
  return {};
}

Status StoreSite::freeze(const StoreCall& call) {
  if (!parts_.disk.followed.includes(self_.id)) {
    return fail(Code::precondition, "does not hold the store");
  }
  MutantTransfers log = transfers();
  return begin_transfer(log, parts_.disk.followed, call, clock_.wall_ms());
}

Status StoreSite::eventually(std::chrono::milliseconds limit,
                             const std::function<Status()>& attempt) {
  const uint64_t until = clock_.steady_ms() + static_cast<uint64_t>(limit.count());
  Status reached = attempt();
  while (!reached && clock_.steady_ms() < until) {
    (void)clock_.sleep_for(kRetry, {});
    reached = attempt();
  }
  return reached;
}

// A new store takes nothing before all its machines are there.
Status StoreSite::whole(const PlacedStore& store) {
  TRY(step("nats.settled"));
  for (const StoreMember& member : store.place.members) {
    for (MachineIndex i = 0; i < parts_.members.size(); ++i) {
      if (parts_.members[i].id != member.machine) continue;
      if (parts_.network.serves(store.number, i) && parts_.hook.reaches_both_ways(index_, i)) continue;
      return fail(Code::unavailable, "a machine of the new store is not there");
    }
  }
  return {};
}

Status StoreSite::form(const StoreCall& call) {
  if (!call.next.includes(self_.id) || !is_prepared(call)) {
    return fail(Code::precondition, "no server of the next epoch was prepared here");
  }
  PlacedStore& next = *server(call.next.epoch).store;
  return eventually(kStoreForming, [&] { return whole(next); });
}

Status StoreSite::copy_stream(FakeStore& to, StreamName stream, CopiedStore& copied) {
  FakeStore& from = parts_.store.at().store;
  const FakeStore::StreamCopy taken = TRY(from.take_copy(stream));
  TRY(to.restore(taken));
  copied.messages += taken.commits.size() + taken.changes.size();
  return eventually(kAgreed, [&]() -> Status {
    const FakeStore::StreamCopy was = TRY(from.take_copy(stream));
    const FakeStore::StreamCopy is = TRY(to.take_copy(stream));
    if (was == is) return {};
    return fail(Code::corrupt, "the copy of a stream differs");
  });
}

Result<CopiedStore> StoreSite::copy(const StoreCall& call) {
  if (!call.next.includes(self_.id) || !is_prepared(call)) {
    return fail(Code::precondition, "no server of the next epoch was prepared here");
  }
  PlacedStore& next = *server(call.next.epoch).store;
  TRY(whole(next));
  CopiedStore copied;
  for (const StreamName& stream : all_fake_streams()) {
    TRY(copy_stream(next.store, stream, copied));
  }
  TRY(write_place(next.store, clock_, call));
  return copied;
}

Result<Decision> StoreSite::decide(const StoreCall& call, TransferState wanted) {
  const StoreEpoch followed = parts_.disk.followed;
  if (followed.epoch >= call.next.epoch) {
    if (parts_.mutation == Mutation::epoch_is_enough) return Decision{TransferState::committed, 0};
    return Decision{TRY(decided_before(parts_.store, call)), 0};
  }
  if (!followed.includes(self_.id)) return fail(Code::precondition, "does not hold the store");
  MutantTransfers log = transfers();
  const TransferState state = TRY(parts_.mutation == Mutation::blind_decision
                                      ? log.decide_blindly(call, wanted)
                                      : decide_transfer(log, call, wanted));
  return Decision{state, 0};
}

void StoreSite::follow() {
  follower_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (const Status looked = look(); !looked) {
        parts_.trace.say("following the store: {}", looked.error().line());
      }
      (void)clock_.sleep_for(std::chrono::milliseconds(random_.between(1500, 4000)), stop);
    }
  });
}

Status StoreSite::look() {
  const auto read = transfers().newest();
  if (!read && (read.error().code == Code::unavailable || read.error().code == Code::timeout)) {
    return ask_peers();
  }
  const auto& newest = TRY(Result(read));
  if (next_move(self_, parts_.disk.followed, newest, 0) == StoreMove::go_over) {
    return go_over(newest->record.next);
  }
  const bool abandoned = waits_for_decision(self_, parts_.disk.followed, newest) &&
                         TRY(is_abandoned(parts_.store, parts_.rpc, newest->record.operation));
  const std::unique_lock lock(changing_, std::try_to_lock);
  if (!lock) return {};  // a step is at work
  if (newest) TRY(settle(*newest, abandoned));
  return end_former();
}

Status StoreSite::ask_peers() {
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : parts_.members) {
    if (machine.id == self_.id) continue;
    calls.push_back({{machine.id, Target::agent, std::string(kStorePlace)}, Json::object()});
  }
  StoreEpoch latest = parts_.disk.followed;
  for (const auto& answer : parts_.peers.call_all(calls, kPing)) {
    const auto place = answer ? store_epoch_from_json(*answer) : Result<StoreEpoch>(StoreEpoch());
    if (place && place->epoch > latest.epoch) latest = *place;
  }
  return latest.epoch > parts_.disk.followed.epoch ? go_over(latest) : Status{};
}

Status StoreSite::settle(const StoredTransfer& newest, bool abandoned) {
  const TransferRecord& record = newest.record;
  const StoreCall call{record.operation, record.next, ""};
  const StoreEpoch followed = parts_.disk.followed;
  switch (next_move(self_, followed, newest, clock_.wall_ms(), abandoned)) {
    case StoreMove::give_up: {
      const Decision decision = TRY(decide(call, TransferState::aborted));
      return decision.state == TransferState::aborted ? discard(call) : Status{};
    }
    case StoreMove::discard:
      TRY(discard(call));
      if (!followed.includes(self_.id) || enforced_ == newest) return {};
      return enforce(newest);
    case StoreMove::go_over:
    case StoreMove::none:
      return {};
  }
  return {};
}

Status StoreSite::enforce(const StoredTransfer& newest) {
  MutantTransfers log = transfers();
  TRY(enforce_decision(log));
  enforced_ = newest;
  return {};
}

Status StoreSite::end_former() {
  const StoreEpoch followed = parts_.disk.followed;
  StoreDisk::Server& other = server(followed.epoch + 1);
  if (other.store == nullptr || !other.running || other.store->place.epoch > followed.epoch) {
    return {};
  }
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : TRY(read_roster(parts_.store)).machines) {
    calls.push_back({{machine.id, Target::agent, std::string(kStoreEpoch)}, Json::object()});
  }
  for (const auto& answer : parts_.rpc.call_all(calls, kPing)) {
    if (!answer || get_uint_or(*answer, "epoch", 0).value_or(0) < followed.epoch) return {};
  }
  TRY(step("units.stop"));
  stop_server(other.store->place.epoch);
  return {};
}

Status StoreSite::go_over(const StoreEpoch& next) {
  PlacedStore* const store = parts_.stores.of_epoch(next.epoch);
  if (store == nullptr || store->place != next || next.epoch < parts_.disk.followed.epoch) {
    parts_.trace.violation(std::format("machine {} goes from epoch {} of the store to epoch {}, which "
                                       "was not decided like that",
                                       self_.name, parts_.disk.followed.epoch, next.epoch));
    return fail(Code::corrupt, "no such store");
  }
  TRY(step("identity.save"));
  if (!next.includes(self_.id)) stop_server(next.epoch);
  parts_.disk.followed = next;
  parts_.store.go_over(*store);
  parts_.network.follow(index_, store->number);
  parts_.trace.note("follows", std::format("{} epoch {}", self_.name, next.epoch));
  return {};
}

}  // namespace ployz::sim

// The half of StoreHost that follows what was decided: nobody has to be told twice, or at all.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "drivers/nats/key_value.h"
#include "mesh/removal_inquiry.h"
#include "mesh/roster.h"
#include "mesh/store_decision.h"
#include "ports/peer_calls.h"
#include "store_host.h"

namespace ployz {
namespace {

constexpr auto kLookEvery = std::chrono::seconds(2);
constexpr uint64_t kAskPeersMs = 10'000;
constexpr auto kPing = std::chrono::milliseconds(1500);

}  // namespace

StoreHost::~StoreHost() {
  feed_.reset();
  follower_.request_stop();
  if (follower_.joinable()) follower_.join();
}

void StoreHost::follow(Switch go_over) {
  go_over_ = std::move(go_over);
  follower_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void StoreHost::run(const std::stop_token& stop) {
  std::string last_error;
  while (!stop.stop_requested()) {
    if (!feed_) {
      auto feed = follow_transfers(ports_.connection, [this](const StoredTransfer&) {
        const std::lock_guard lock(mutex_);
        changed_ = true;
        wake_.notify_all();
      });
      if (feed) feed_ = *std::move(feed);
    }
    const Status looked = look(stop);
    const std::string error = looked ? "" : looked.error().line();
    if (!error.empty() && error != last_error) spdlog::warn("following the store: {}", error);
    last_error = error;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kLookEvery, [this] { return changed_; });
    changed_ = false;
  }
}

// What is in the store decides; whether word of it came, or a deadline has passed, does not matter.
Status StoreHost::look(const std::stop_token& stop) {
  if (stop.stop_requested()) return {};
  const auto read = newest_transfer(ports_.connection);
  if (!read && (read.error().code == Code::unavailable || read.error().code == Code::timeout)) {
    return ask_peers();
  }
  const auto& newest = TRY(Result(read));
  const Identity identity = ports_.identity();
  if (next_move(identity.machine, identity.store, newest, 0) == StoreMove::go_over) {
    return go_over_(newest->record.next);
  }
  // A store that was given up while its machine was away is no store any more.
  if (identity.has_store() && ports_.clock.steady_ms() >= peers_asked_ms_ + kAskPeersMs) {
    peers_asked_ms_ = ports_.clock.steady_ms();
    TRY(ask_peers());
  }
  NatsKeyValue records(ports_.connection);
  const bool abandoned = waits_for_decision(identity.machine, identity.store, newest) &&
                         TRY(is_abandoned(records, ports_.rpc, newest->record.operation));
  const std::unique_lock lock(changing_, std::try_to_lock);
  if (!lock) return {};  // a step is at work
  TRY(settle(newest, abandoned));
  return end_former();
}

// Any member's word will do: each proves itself, and an epoch that a member follows was decided.
Status StoreHost::ask_peers() {
  const Identity identity = ports_.identity();
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : *ports_.last_seen()) {
    if (machine.id == identity.machine.id) continue;
    calls.push_back({{machine.id, Target::agent, std::string(kStorePlace)}, Json::object()});
  }
  StoreEpoch latest = identity.store;
  bool refused = false;
  for (const auto& answer : ports_.peers.call_all(calls, kPing)) {
    refused = refused || (!answer && answer.error().code == Code::denied);
    const auto place = answer ? store_epoch_from_json(*answer) : Result<StoreEpoch>(StoreEpoch());
    if (place && place->epoch > latest.epoch) latest = *place;
  }
  if (latest.epoch > identity.store.epoch) return go_over_(latest);
  if (!refused) return {};
  const auto notice = ask_removal(ports_.peers, *ports_.last_seen(), identity.machine.id,
                                  identity.store.epoch, kPing);
  return notice ? ports_.removed(*notice) : Status{};
}

Status StoreHost::settle(const std::optional<StoredTransfer>& newest, bool abandoned) {
  if (!newest) return {};
  const Identity identity = ports_.identity();
  const TransferRecord& record = newest->record;
  const StoreCall call{record.operation, record.next, ""};
  const uint64_t now_ms = ports_.clock.wall_ms();
  switch (next_move(identity.machine, identity.store, newest, now_ms, abandoned)) {
    case StoreMove::give_up: {
      spdlog::warn("operation {} froze the store and did not end: given up",
                   record.operation.str());
      const Decision decision = TRY(decide(call, TransferState::aborted));
      return decision.state == TransferState::aborted ? discard(call) : Status{};
    }
    case StoreMove::discard:
      TRY(discard(call));
      return enforce(*newest);
    case StoreMove::go_over:
    case StoreMove::none:
      return {};
  }
  return {};
}

// A store that is over stays reachable, frozen, until everybody follows the next: who was away learns
// from it where that is.
Status StoreHost::end_former() {
  const Identity identity = ports_.identity();
  const uint64_t other = other_epoch();
  if (other == 0 || other > identity.store.epoch) return {};
  const std::string former = unit::nats(other);
  const auto status = TRY(ports_.units.status(former));
  if (status.active_state != "active") return {};
  NatsKeyValue records(ports_.connection);
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : TRY(read_roster(records)).machines) {
    calls.push_back({{machine.id, Target::agent, std::string(kStoreEpoch)}, Json::object()});
  }
  for (const auto& answer : ports_.rpc.call_all(calls, kPing)) {
    if (!answer || get_uint_or(*answer, "epoch", 0).value_or(0) < identity.store.epoch) return {};
  }
  spdlog::info("all machines follow epoch {}: {} ends", identity.store.epoch, former);
  return ports_.units.ensure_stopped(former);
}

}  // namespace ployz

#include "sim/world/stores.h"

#include <algorithm>
#include <format>
#include <thread>

namespace ployz::sim {
namespace {

using namespace std::chrono_literals;

// As the driver waits for a store that moves (drivers/nats/jetstream.cc).
constexpr auto kFrozenPause = 200ms;
constexpr auto kFrozenLimit = 5s;

bool met_the_freeze(const Error& error) {
  return error.effect == Effect::none &&
         std::ranges::contains(error.context, FakeStore::kFrozenKey, &Context::key);
}

template <class Attempt>
auto past_the_freeze(const Attempt& attempt) {
  const auto until = std::chrono::steady_clock::now() + kFrozenLimit;
  while (true) {
    auto done = attempt();
    if (done || !met_the_freeze(done.error()) ||
        std::chrono::steady_clock::now() + kFrozenPause >= until) {
      return done;
    }
    std::this_thread::sleep_for(kFrozenPause);
  }
}

}  // namespace

Stores::Stores(SimHook& hook, Trace& trace, Network& network, StoreEpoch first)
    : hook_(hook), trace_(trace), network_(network) {
  chain_.push_back(&add(first, OperationId()));
}

PlacedStore& Stores::add(const StoreEpoch& place, const OperationId& operation) {
  PlacedStore& added = all_.emplace_back(hook_, all_.size(), place, operation);
  added.store.on_write([this, &added] {
    if (!added.over) return;
    trace_.violation(std::format("the store of epoch {} is over, and takes a write",
                                 added.place.epoch));
  });
  added.store.on_transfer([this, &added](const TransferRecord& record) {
    trace_.note("transfer", std::format("{} {}", record.operation.str(), to_string(record.state)));
    if (record.state == TransferState::committed) decided(added, record);
  });
  return added;
}

void Stores::decided(PlacedStore& former, const TransferRecord& record) {
  if (former.over || &former != chain_.back()) {
    trace_.violation(std::format("the store of epoch {} decides, and is not in force",
                                 former.place.epoch));
  }
  former.over = true;
  enter_force(prepared_by(record.operation, record.next));
}

void Stores::enter_force(PlacedStore& next) {
  next.commits = in_force().commits;
  next.changes = in_force().changes;
  chain_.push_back(&next);
  network_.in_force(next.number);
  trace_.counts.add(Count::store_moves);
  check_acknowledged();
}

void Stores::recovered(PlacedStore& next) {
  const size_t commits = next.store.log().size();
  const auto stored = changes_of(next.store);
  PlacedStore& lost = in_force();
  lost.over = true;
  for (const StoredCommit& commit : lost.commits) {
    if (commit.sequence <= commits) next.commits.push_back(commit);
  }
  for (const RecordChange& change : lost.changes) {
    const auto found = stored.find(change.record.revision);
    if (found != stored.end() && found->second == change) next.changes.push_back(change);
  }
  chain_.push_back(&next);
  network_.in_force(next.number);
}

std::map<uint64_t, RecordChange> Stores::changes_of(FakeStore& store) {
  std::map<uint64_t, RecordChange> changes;
  for (const StreamName& stream : all_fake_streams()) {
    if (!stream) continue;
    for (RecordChange& change : store.look(stream).changes) {
      changes[change.record.revision] = std::move(change);
    }
  }
  return changes;
}

PlacedStore* Stores::of_epoch(uint64_t epoch) {
  const auto found = std::ranges::find(
      chain_, epoch, [](const PlacedStore* each) { return each->place.epoch; });
  return found == chain_.end() ? nullptr : *found;
}

PlacedStore& Stores::prepared_by(const OperationId& operation, const StoreEpoch& place) {
  for (PlacedStore& each : all_) {
    if (each.operation == operation && each.place.epoch == place.epoch) return each;
  }
  return add(place, operation);
}

bool Stores::made_one(const OperationId& operation) const {
  return std::ranges::any_of(chain_,
                             [&](const PlacedStore* each) { return each->operation == operation; });
}

void Stores::check_acknowledged() {
  PlacedStore& now = in_force();
  const auto log = now.store.log();
  for (const StoredCommit& commit : now.commits) {
    if (commit.sequence <= log.size() && log[commit.sequence - 1].bytes == commit.bytes &&
        log[commit.sequence - 1].name_space == commit.name_space) {
      continue;
    }
    trace_.violation(std::format("commit {} of {} was acknowledged, and is not in the store of "
                                 "epoch {}",
                                 commit.sequence, commit.name_space.str(), now.place.epoch));
  }
  const auto stored = changes_of(now.store);
  for (const RecordChange& change : now.changes) {
    const auto found = stored.find(change.record.revision);
    if (found != stored.end() && found->second == change) continue;
    trace_.violation(std::format("write {} of {}/{} was acknowledged, and is not in the store of "
                                 "epoch {}",
                                 change.record.revision, to_string(change.bucket),
                                 change.record.key, now.place.epoch));
  }
}

void MachineStore::go_over(PlacedStore& next) {
  std::erase_if(followers_, [&](const FakeStore::Follower& follower) {
    const uint64_t after = at_->store.detach(follower);
    if (follower->closed()) return true;
    next.store.attach(follower, after);
    return false;
  });
  at_ = &next;
}

Result<uint64_t> MachineStore::append(const NamespaceName& name_space, uint64_t expected,
                                      std::string_view bytes) {
  auto appended = past_the_freeze([&] { return at_->store.append(name_space, expected, bytes); });
  if (appended) stores_.acknowledged(StoredCommit{*appended, name_space, std::string(bytes)});
  return appended;
}

Result<std::unique_ptr<Subscription>> MachineStore::follow(
    std::function<void(StoredCommit)> on_commit, std::function<void()> on_caught_up) {
  // A subscription begun while the store is away catches up later.
  (void)at_->hook.enter("store.follow", "", Kind::read);
  auto queue = std::make_shared<Queue<FakeStore::Logged>>();
  at_->store.attach(queue, std::nullopt);
  followers_.push_back(queue);
  return std::make_unique<Delivery<FakeStore::Logged>>(
      hook_, "store.follow", queue,
      [on_commit = std::move(on_commit),
       on_caught_up = std::move(on_caught_up)](FakeStore::Logged logged) {
        if (logged.commit) {
          on_commit(std::move(*logged.commit));
        } else {
          on_caught_up();
        }
      });
}

Result<uint64_t> MachineStore::create(Bucket bucket, std::string_view key,
                                      std::string_view value) {
  auto created = past_the_freeze([&] { return at_->store.create(bucket, key, value); });
  if (created) {
    stores_.acknowledged(RecordChange{bucket, {std::string(key), std::string(value), *created}, false});
  }
  return created;
}

Result<uint64_t> MachineStore::update(Bucket bucket, std::string_view key, std::string_view value,
                                      uint64_t revision) {
  auto updated = past_the_freeze([&] { return at_->store.update(bucket, key, value, revision); });
  if (updated) {
    stores_.acknowledged(RecordChange{bucket, {std::string(key), std::string(value), *updated}, false});
  }
  return updated;
}

// It does not say its revision; what comes of it shows in the next write of its key.
Status MachineStore::remove(Bucket bucket, std::string_view key, uint64_t revision) {
  return past_the_freeze([&] { return at_->store.remove(bucket, key, revision); });
}

}  // namespace ployz::sim

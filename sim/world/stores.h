// All stores that a simulated cluster ever had: each operation that moves the store prepares another
// one, and the former one decides whether that is in force (docs/adr/0013). What holds of them always is
// looked at here: a store that is over takes no write, and what was acknowledged is in the one in force.
#pragma once

#include <deque>
#include <memory>

#include "sim/fakes/fake_store.h"
#include "sim/world/placed_hook.h"

namespace ployz::sim {

struct PlacedStore {
  PlacedStore(SimHook& sim_hook, StoreNumber its_number, StoreEpoch its_place, OperationId made_by)
      : number(its_number),
        place(std::move(its_place)),
        operation(std::move(made_by)),
        hook(sim_hook, number),
        store(hook) {}

  const StoreNumber number;
  const StoreEpoch place;
  const OperationId operation;  // empty: the first one's
  StoreHook hook;
  FakeStore store;
  bool over = false;  // the next one is in force
  // Acknowledged by this store, or by one that it follows.
  std::vector<StoredCommit> commits;
  std::vector<RecordChange> changes;
};

// To whom asks from outside, it is the store in force: of the world's own threads, and for checkers.
class Stores final : public KeyValue {
 public:
  Stores(SimHook& hook, Trace& trace, Network& network, StoreEpoch first);

  [[nodiscard]] PlacedStore& in_force() { return *chain_.back(); }
  [[nodiscard]] PlacedStore& first() { return *chain_.front(); }
  // The one of that epoch which was in force, or is; nullptr: none was.
  [[nodiscard]] PlacedStore* of_epoch(uint64_t epoch);
  // The one that this operation prepares.
  [[nodiscard]] PlacedStore& prepared_by(const OperationId& operation, const StoreEpoch& place);
  // The one in force is gone for good, and this one, which has some of it, takes its place. What it does
  // not have is acknowledged no more.
  void recovered(PlacedStore& next);
  // Whether that operation made a store that was in force, or is.
  [[nodiscard]] bool made_one(const OperationId& operation) const;
  [[nodiscard]] size_t moves() const { return chain_.size() - 1; }

  // What a client was told.
  void acknowledged(StoredCommit commit) { in_force().commits.push_back(std::move(commit)); }
  void acknowledged(RecordChange change) { in_force().changes.push_back(std::move(change)); }
  // What was acknowledged is there, once, at its place.
  void check_acknowledged();

  [[nodiscard]] std::vector<StoredCommit> log() { return in_force().store.log(); }
  [[nodiscard]] std::vector<StoredCommit> log_since(uint64_t sequence) {
    return in_force().store.log_since(sequence);
  }
  [[nodiscard]] std::vector<Record> records(Bucket bucket) {
    return in_force().store.records(bucket);
  }
  Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override {
    return in_force().store.get(bucket, key);
  }
  Result<uint64_t> create(Bucket bucket, std::string_view key, std::string_view value) override {
    return in_force().store.create(bucket, key, value);
  }
  Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                          uint64_t revision) override {
    return in_force().store.update(bucket, key, value, revision);
  }
  Status remove(Bucket bucket, std::string_view key, uint64_t revision) override {
    return in_force().store.remove(bucket, key, revision);
  }
  Result<std::vector<Record>> list(Bucket bucket) override { return in_force().store.list(bucket); }
  Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool removed)> on_change) override {
    return in_force().store.watch(bucket, std::move(on_change));
  }

 private:
  PlacedStore& add(const StoreEpoch& place, const OperationId& operation);
  void decided(PlacedStore& former, const TransferRecord& record);
  void enter_force(PlacedStore& next);
  [[nodiscard]] static std::map<uint64_t, RecordChange> changes_of(FakeStore& store);

  SimHook& hook_;
  Trace& trace_;
  Network& network_;
  std::deque<PlacedStore> all_;      // references stay good
  std::vector<PlacedStore*> chain_;  // those that were in force, and the one that is
};

// The store as one machine's processes reach it: that of the epoch which the machine follows. Their
// subscriptions go on when it goes over, as a connection's do (drivers/nats).
class MachineStore final : public CommitLog, public KeyValue {
 public:
  MachineStore(SimHook& hook, Stores& stores)
      : hook_(hook), stores_(stores), at_(&stores.first()) {}

  [[nodiscard]] PlacedStore& at() { return *at_; }
  void go_over(PlacedStore& next);

  Result<uint64_t> append(const NamespaceName& name_space, uint64_t expected,
                          std::string_view bytes) override;
  Result<std::optional<StoredCommit>> newest(const NamespaceName& name_space) override {
    return at_->store.newest(name_space);
  }
  Result<std::vector<StoredCommit>> newest_of_all() override { return at_->store.newest_of_all(); }
  Result<std::vector<StoredCommit>> history(const NamespaceName& name_space,
                                            size_t limit) override {
    return at_->store.history(name_space, limit);
  }
  Result<std::unique_ptr<Subscription>> follow(std::function<void(StoredCommit)> on_commit,
                                               std::function<void()> on_caught_up) override;
  Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override {
    return at_->store.get(bucket, key);
  }
  Result<uint64_t> create(Bucket bucket, std::string_view key, std::string_view value) override;
  Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                          uint64_t revision) override;
  Status remove(Bucket bucket, std::string_view key, uint64_t revision) override;
  Result<std::vector<Record>> list(Bucket bucket) override { return at_->store.list(bucket); }
  // Nobody here watches; it does not go over.
  Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool removed)> on_change) override {
    return at_->store.watch(bucket, std::move(on_change));
  }

 private:
  SimHook& hook_;
  Stores& stores_;
  PlacedStore* at_;
  std::vector<FakeStore::Follower> followers_;
};

}  // namespace ployz::sim

// The control-plane store in memory: one linear log of commits and records with revisions. What it
// acknowledged it keeps; it outlives every process of the simulated world.
#pragma once

#include <map>
#include <mutex>

#include "ports/control_store.h"
#include "sim/fakes/delivery.h"

namespace ployz::sim {

class FakeStore final : public CommitLog, public KeyValue {
 public:
  explicit FakeStore(Hook& hook) : hook_(hook) {}

  Result<uint64_t> append(const NamespaceName& name_space, uint64_t expected,
                          std::string_view bytes) override;
  Result<std::optional<StoredCommit>> newest(const NamespaceName& name_space) override;
  Result<std::vector<StoredCommit>> newest_of_all() override;
  Result<std::vector<StoredCommit>> history(const NamespaceName& name_space,
                                            size_t limit) override;
  Result<std::unique_ptr<Subscription>> follow(std::function<void(StoredCommit)> on_commit,
                                               std::function<void()> on_caught_up) override;

  Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override;
  Result<uint64_t> create(Bucket bucket, std::string_view key, std::string_view value) override;
  Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                          uint64_t revision) override;
  Status remove(Bucket bucket, std::string_view key, uint64_t revision) override;
  Result<std::vector<Record>> list(Bucket bucket) override;
  Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool removed)> on_change) override;

  // For checkers and tests: everything, without a call.
  [[nodiscard]] std::vector<StoredCommit> log();
  // Those after `sequence`.
  [[nodiscard]] std::vector<StoredCommit> log_since(uint64_t sequence);
  [[nodiscard]] std::vector<Record> records(Bucket bucket);

 private:
  struct Change {
    Record record;
    bool removed = false;
  };
  struct Logged {  // nullopt: caught up
    std::optional<StoredCommit> commit;
  };
  struct Watcher {
    Bucket bucket;
    std::shared_ptr<Queue<Change>> queue;
  };

  template <class T>
  Result<T> write(std::string_view call, const std::string& detail,
                  std::function<Result<T>()> effect);
  Status read(std::string_view call, std::string_view detail);
  Result<uint64_t> append_now(const NamespaceName& name_space, uint64_t expected,
                              const std::string& bytes);
  Result<uint64_t> put_now(Bucket bucket, const std::string& key, const std::string& value,
                           std::optional<uint64_t> revision);
  Status remove_now(Bucket bucket, const std::string& key, uint64_t revision);
  void tell(Bucket bucket, const Change& change);
  std::vector<StoredCommit> newest_locked() const;

  Hook& hook_;
  std::mutex mutex_;  // never held over a call of the hook
  std::vector<StoredCommit> log_;  // sequence = index + 1
  std::map<NamespaceName, uint64_t> newest_;
  std::map<Bucket, std::map<std::string, Record, std::less<>>> buckets_;
  uint64_t revision_ = 0;
  std::vector<std::shared_ptr<Queue<Logged>>> followers_;
  std::vector<Watcher> watchers_;
};

}  // namespace ployz::sim

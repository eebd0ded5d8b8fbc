// The control-plane store in memory: one linear log of commits and records with revisions. What it
// acknowledged it keeps; it outlives every process of the simulated world. Its streams are frozen, read
// and restored one by one, as those of the real one (drivers/nats/stream_copy.h).
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "mesh/store_decision.h"
#include "ports/control_store.h"
#include "sim/fakes/delivery.h"

namespace ployz::sim {

// Which of its streams: the commits, or those of a bucket.
using StreamName = std::optional<Bucket>;
[[nodiscard]] const std::vector<StreamName>& all_fake_streams();

// What a write of a bucket made of a record; `record.value` is empty when it was removed.
struct RecordChange {
  Bucket bucket = Bucket::meta;
  Record record;
  bool removed = false;
  bool operator==(const RecordChange& other) const {
    return bucket == other.bucket && removed == other.removed && record.key == other.record.key &&
           record.value == other.record.value && record.revision == other.record.revision;
  }
};

class FakeStore final : public CommitLog, public KeyValue, public TransferLog {
 public:
  struct Logged {  // nullopt: caught up
    std::optional<StoredCommit> commit;
  };
  using Follower = std::shared_ptr<Queue<Logged>>;
  // The error of a write that meets the freeze has this key in its context.
  static constexpr std::string_view kFrozenKey = "frozen";

  // For a planted bug: what a transfer's record is appended after does not matter.
  static constexpr uint64_t kWhatever = UINT64_MAX;

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

  // Transfers of this store (mesh/store_decision.h).
  Result<std::optional<StoredTransfer>> newest() override;
  Result<uint64_t> append(const TransferRecord& record, uint64_t expected) override;
  Status check_frozen() override;
  Status set_frozen(bool frozen) override;

  // One stream of it at a moment; whether two are the same.
  struct StreamCopy {
    StreamName stream;
    std::vector<StoredCommit> commits;
    std::vector<RecordChange> changes;
    bool operator==(const StreamCopy& other) const;
  };
  [[nodiscard]] Result<StreamCopy> take_copy(StreamName stream);
  // `exists`: it holds such a stream.
  [[nodiscard]] Status restore(const StreamCopy& copy);

  // A subscription that goes on with another store: those after `after`, or from the beginning.
  void attach(const Follower& follower, std::optional<uint64_t> after);
  // Returns the sequence of the last commit that it was given.
  uint64_t detach(const Follower& follower);

  // For checkers and tests: everything, without a call.
  [[nodiscard]] std::optional<StoredTransfer> newest_transfer();
  [[nodiscard]] bool frozen();  // some stream of it is
  [[nodiscard]] StreamCopy look(StreamName stream);
  // With every write that takes effect, and every transfer's record.
  void on_write(std::function<void()> callback) { on_write_ = std::move(callback); }
  void on_transfer(std::function<void(const TransferRecord&)> callback) {
    on_transfer_ = std::move(callback);
  }
  [[nodiscard]] std::vector<StoredCommit> log();
  // Those after `sequence`.
  [[nodiscard]] std::vector<StoredCommit> log_since(uint64_t sequence);
  [[nodiscard]] std::vector<Record> records(Bucket bucket);

 private:
  struct Watcher {
    Bucket bucket;
    std::shared_ptr<Queue<RecordChange>> queue;
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
  Result<uint64_t> append_transfer_now(const TransferRecord& record, uint64_t expected);
  void tell(const RecordChange& change);
  [[nodiscard]] Status check_open(StreamName stream) const;
  std::vector<StoredCommit> newest_locked() const;

  Hook& hook_;
  std::mutex mutex_;  // never held over a call of the hook
  std::vector<StoredCommit> log_;  // sequence = index + 1
  std::map<NamespaceName, uint64_t> newest_;
  std::map<Bucket, std::map<std::string, Record, std::less<>>> buckets_;
  std::map<uint64_t, RecordChange> changes_;  // by revision, of all buckets
  uint64_t revision_ = 0;
  std::vector<StoredTransfer> transfers_;
  std::set<StreamName> frozen_;
  std::set<StreamName> restored_;
  std::function<void()> on_write_;
  std::function<void(const TransferRecord&)> on_transfer_;
  std::vector<Follower> followers_;
  std::vector<Watcher> watchers_;
};

}  // namespace ployz::sim

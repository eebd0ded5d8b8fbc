// The datasets of one simulated machine; they survive its daemons. Content is a few named texts,
// shared between a dataset, its snapshots and clones as a copy-on-write filesystem does: a pool is
// full when the distinct texts fill it.
//
// What takes several system calls in a real driver is two calls of the hook here. A process that
// dies in between leaves something that list() does not show and destroy() removes: leftovers().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "ports/clock.h"
#include "ports/volumes.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

struct FakePool {
  std::string name;  // of the machine: guids of snapshots taken on two machines differ
  std::string driver = "btrfs";
  bool atomic_multi_snapshot = false;
  uint64_t size_bytes = 1 << 30;
};

// What became of a dataset, at the moment of it.
struct VolumeEvent {
  enum class Kind { made, received, snapshot, written, destroyed, snapshot_destroyed };
  Kind kind;
  const DatasetSpec& spec;
  SnapshotName snapshot;     // received, snapshot, snapshot_destroyed
  std::string_view content;  // of the file "data" of the dataset, or of that snapshot, from now on
};

class FakeVolumes final : public Volumes {
 public:
  FakeVolumes(Hook& hook, Clock& clock, FakePool pool)
      : hook_(hook), clock_(clock), pool_(std::move(pool)) {}

  [[nodiscard]] VolumeCapabilities capabilities() const override;
  Result<StoragePool> pool() override;
  Result<std::vector<Dataset>> list() override;
  Result<std::optional<Dataset>> find(const DatasetId& dataset) override;
  Result<std::filesystem::path> path(const DatasetId& dataset) override;
  Status ensure_dataset(const DatasetSpec& spec) override;
  Result<std::vector<DatasetSnapshot>> snapshot(const std::vector<DatasetId>& datasets,
                                                const SnapshotName& name) override;
  Status clone(const DatasetSpec& spec, const DatasetOrigin& source) override;
  Status set_quota(const DatasetId& dataset, std::optional<uint64_t> quota_bytes) override;
  Status destroy(const DatasetId& dataset) override;
  Status destroy_snapshot(const DatasetId& dataset, const SnapshotName& name) override;
  Result<uint64_t> send_size(const SendRequest& request) override;
  Status send(const SendRequest& request, const StreamSink& sink, std::stop_token stop) override;
  Result<DatasetSnapshot> receive(const ReceiveRequest& request, const StreamSource& source,
                                  std::stop_token stop) override;

  // What a container does, without a call. `precondition`: quota or pool are full; `not_found`.
  Status write(const DatasetId& dataset, std::string text, const std::string& file = "data");
  // Adds to the end of the file "data".
  Status append(const DatasetId& dataset, std::string_view text);
  // Nullopt: no such dataset, snapshot or file.
  [[nodiscard]] std::optional<std::string> content(const DatasetId& dataset,
                                                   const std::string& file = "data");
  [[nodiscard]] std::optional<std::string> content(const DatasetId& dataset,
                                                   const SnapshotName& snapshot,
                                                   const std::string& file = "data");
  void resize(uint64_t size_bytes);
  // list() without a call, for checkers; and what only destroy() knows of.
  [[nodiscard]] std::vector<Dataset> all();
  [[nodiscard]] std::set<DatasetId> leftovers();
  // Says whether a process has the dataset mounted; asked by destroy(). None: nobody has.
  void mounted_by(std::function<bool(const DatasetId&)> mounted);
  // Called under the fake's lock: must not call it. From the beginning, or never.
  void observe(std::function<void(const VolumeEvent&)> observer) { observer_ = std::move(observer); }

 private:
  using Files = std::map<std::string, std::shared_ptr<const std::string>>;
  struct Snapshot {
    DatasetSnapshot facts;
    Files files;
  };
  struct Entry {
    DatasetSpec spec;
    std::optional<DatasetOrigin> origin;
    uint64_t created_at_ms = 0;
    Files files;
    std::vector<Snapshot> snapshots;
  };

  template <class Effect>
  auto call(std::string_view name, const std::string& detail, Effect effect) -> decltype(effect());
  // Makes the dataset in two calls: `check` says whether it is there already, `make` builds it.
  Status create(const std::string& name, const DatasetId& id,
                const std::function<Result<bool>()>& check,
                const std::function<Result<Entry>()>& make);
  Result<bool> is_there_locked(const DatasetSpec& spec, const std::optional<DatasetOrigin>& origin);
  Result<Entry*> entry_locked(const DatasetId& dataset);
  Result<const Snapshot*> snapshot_locked(const DatasetId& dataset, const SnapshotName& name);
  const Snapshot* by_guid_locked(std::string_view guid);
  Result<std::string> stream_locked(const SendRequest& request);
  // Nullopt: the snapshot is not here yet.
  Result<std::optional<DatasetSnapshot>> received_locked(const ReceiveRequest& request);
  Result<Files> apply_locked(const ReceiveRequest& request, std::string_view bytes);
  [[nodiscard]] Status room_locked(uint64_t bytes);
  Status write_locked(Entry& entry, std::string text, const std::string& file);
  void tell_locked(VolumeEvent::Kind kind, const Entry& entry, const Snapshot* snapshot = nullptr);
  [[nodiscard]] uint64_t used_locked(const Files& more = {}) const;
  [[nodiscard]] Dataset describe_locked(const Entry& entry) const;
  static uint64_t size_of(const Files& files);

  Hook& hook_;
  Clock& clock_;
  std::mutex mutex_;  // never held over a call of the hook
  FakePool pool_;  // only its size ever changes
  std::map<DatasetId, Entry> datasets_;
  std::set<DatasetId> leftovers_;
  uint64_t snapshots_taken_ = 0;
  uint64_t at_most_used_ = 0;  // so that not every write has to count everything
  std::function<bool(const DatasetId&)> mounted_;
  std::function<void(const VolumeEvent&)> observer_;
};

}  // namespace ployz::sim

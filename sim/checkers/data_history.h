// Every dataset of the cluster from its beginning to its end, as its machine saw it, and what must hold
// at each of these moments:
//
// - Only those write a dataset who may: an instance of the commits that map it, while the newest one
//   does; before that, the operation that made it. What is shared is also written by candidates.
// - Its content only ever grows by what is written: nobody turns it back in place.
// - An id names one dataset, once.
// - What a commit maps is destroyed only after a commit that gives it up: prune, volume rm, or
//   namespace rm --volumes.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/world/world.h"

namespace ployz::sim {

class DataHistory {
 public:
  // Watches from now on, every machine.
  explicit DataHistory(World& world);

  struct Write {
    uint64_t moment = 0;
    InstanceId writer;
  };
  struct Taken {
    std::string content;
    uint64_t moment = 0;
  };
  struct Past {
    DatasetSpec spec;
    MachineId machine;
    std::string began;    // before anybody wrote it
    std::string content;  // now, or when it was destroyed
    bool destroyed = false;
    std::vector<Write> writes;
    std::map<SnapshotName, Taken> snapshots;  // destroyed ones, too
    std::set<SnapshotName> gone;
  };
  [[nodiscard]] const Past* find(const DatasetId& dataset) const;
  [[nodiscard]] const std::map<DatasetId, Past>& all() const { return datasets_; }
  // What is in the log now, fences included; sequence = index + 1.
  [[nodiscard]] const std::deque<Commit>& log();
  // Of the same namespace, fences left out, oldest first.
  [[nodiscard]] std::vector<const Commit*> log_of(const NamespaceName& name_space);
  // A commit of the log gives up this dataset (or, if named, only this snapshot of it).
  [[nodiscard]] bool given_up(const DatasetId& dataset, const SnapshotName* snapshot = nullptr);
  // The newest commit of some namespace maps it.
  [[nodiscard]] bool mapped(const DatasetId& dataset);
  // Some commit of the log does, or did.
  [[nodiscard]] bool ever_mapped(const DatasetId& dataset);

 private:
  void on_event(const MachineId& machine, const VolumeEvent& event);
  void on_made(const MachineId& machine, const VolumeEvent& event);
  void on_received(const MachineId& machine, const VolumeEvent& event);
  void on_written(Past& past, const VolumeEvent& event);
  void check_writer(const Past& past, const InstanceId& writer, const OperationId& operation);
  void on_destroyed(Past& past);
  void on_snapshot_destroyed(Past& past, const SnapshotName& name);
  void note(const Commit& commit);

  World& world_;
  std::map<DatasetId, Past> datasets_;
  std::deque<Commit> log_;  // references stay good
  std::map<NamespaceName, size_t> newest_;  // index in log_
  std::map<DatasetId, std::set<InstanceId>> writers_;  // of all commits that map it
  uint64_t moments_ = 0;
};

}  // namespace ployz::sim

// Where this machine keeps its volumes: the one place that chooses a driver by the configuration.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "model/config.h"
#include "ports/units.h"
#include "ports/volumes.h"

namespace ployz {

// zfs_root, else btrfs_root, else the pool in a file, which must be mounted. `unavailable`: it is
// not there; the hint says what is missing.
[[nodiscard]] Result<std::unique_ptr<Volumes>> open_volumes(const Config& config);

class Storage {
 public:
  Storage(Config config, Units& units);
  ~Storage();

  // Makes the pool in a file and starts its unit, unless the configuration names another; then
  // volumes() has it. Repeating it repairs. Errors say what is missing.
  [[nodiscard]] Status ensure();
  // The same, where only a pool that was configured must be there: without btrfs a machine is a
  // member of its network like any other, and keeps no volumes.
  [[nodiscard]] Status ensure(const std::function<void(std::string)>& progress);
  // The pool in a file and all that is in it; datasets in a configured zfs_root or btrfs_root are
  // destroyed one by one. Absent: success. `conflict`: something is mounted.
  [[nodiscard]] Status remove();
  // Nullptr: this machine keeps no volumes. Once there, it stays for the life of this object; while
  // the pool is not mounted its calls are `unavailable`.
  [[nodiscard]] Volumes* volumes();

 private:
  class Opened;  // Volumes that are opened by the first call that finds the pool there
  [[nodiscard]] bool in_a_file() const;
  // A pool was configured or made, whether or not it can be opened now.
  [[nodiscard]] bool is_expected() const;

  const Config config_;
  Units& units_;
  std::mutex mutex_;
  std::unique_ptr<Opened> opened_;
};

}  // namespace ployz

// Two ZFS pools in files, for the Volumes contract. They need the kernel module: tools/zfs-lab.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/subprocess.h"
#include "contract/volumes_world.h"
#include "drivers/zfs/zfs_volumes.h"

namespace ployz::contract {

inline std::string zfs_tool(std::vector<std::string> argv) {
  const std::string what = argv.at(0) + " " + argv.at(1);
  auto out = run_ok({.argv = std::move(argv)}, {.timeout = std::chrono::minutes(2)});
  EXPECT_TRUE(out) << what << ": " << (out ? "" : out.error().line());
  return out.value_or("");
}

// One for the whole program: an emulated processor needs seconds to make a pool. What a test has
// made in it is destroyed after the test.
class ZfsPoolFile {
 public:
  ZfsPoolFile(const std::string& name, const std::string& size)
      : name_(name + std::to_string(::getpid())), folder_("/var/tmp/" + name_) {
    std::filesystem::create_directory(folder_);
    zfs_tool({"truncate", "-s", size, (folder_ / "disk").string()});
    zfs_tool({"zpool", "create", "-f", "-o", "ashift=12", "-o", "cachefile=none", "-O",
              "mountpoint=none", name_, (folder_ / "disk").string()});
  }
  ~ZfsPoolFile() {
    zfs_tool({"zpool", "destroy", "-f", name_});
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ZfsPoolFile(const ZfsPoolFile&) = delete;
  ZfsPoolFile& operator=(const ZfsPoolFile&) = delete;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::filesystem::path mounts() const { return folder_ / "mounts"; }

 private:
  std::string name_;
  std::filesystem::path folder_;
};

class ZfsVolumesWorld final : public MountedVolumesWorld {
 public:
  ZfsVolumesWorld() { reopen(); }
  ~ZfsVolumesWorld() override {
    for (size_t i = 0; i < pools_.size(); ++i) {
      zfs_tool({"zfs", "destroy", "-R", root(i)});
      settle(*pools_[i]);
    }
  }
  Volumes& here() override { return *pools_[0]; }
  Volumes& there() override { return *pools_[1]; }

  void reopen() override {
    for (size_t i = 0; i < pools_.size(); ++i) {
      pools_[i] = std::make_unique<ZfsVolumes>(ZfsConfig{root(i), file(i).mounts()});
      EXPECT_TRUE(pools_[i]->pool());
    }
  }

  size_t leftovers(Volumes& pool) override {
    const std::string& top = root(&pool == pools_[1].get());
    std::set<std::string> known{top};
    const auto listed = pool.list().value();
    for (const Dataset& dataset : listed) {
      const std::string name = top + "/" + dataset.spec.id.str();
      known.insert(name);
      for (const auto& snapshot : dataset.snapshots) known.insert(name + "@" + snapshot.name.str());
    }
    const std::string all = zfs_tool({"zfs", "list", "-H", "-r", "-t", "all", "-o", "name", top});
    size_t unknown = 0;
    for (size_t at = 0; at < all.size();) {
      const size_t end = all.find('\n', at);
      unknown += known.contains(all.substr(at, end - at)) ? 0 : 1;
      at = end + 1;
    }
    return unknown;
  }

  void settle(Volumes& pool) override {
    const std::string& name = file(&pool == pools_[1].get()).name();
    zfs_tool({"zpool", "sync", name});
    zfs_tool({"zpool", "wait", "-t", "free", name});
  }

  static std::string root(size_t pool) { return file(pool).name() + "/ployz"; }
  ZfsVolumes& driver() { return *pools_[0]; }

 private:
  // The second is small, but half of it is what ZFS keeps to itself (spa_slop_shift, zfs(4)).
  static const ZfsPoolFile& file(size_t pool) {
    static const ZfsPoolFile here("ployz-here", "1G");
    static const ZfsPoolFile there("ployz-there", "192M");
    return pool == 0 ? here : there;
  }

  std::array<std::unique_ptr<ZfsVolumes>, 2> pools_;
};

}  // namespace ployz::contract

// Two btrfs filesystems in files, mounted by loop devices, for the Volumes contract.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/subprocess.h"
#include "contract/volumes_world.h"
#include "drivers/btrfs/btrfs_volumes.h"

namespace ployz::contract {

inline std::string run_or_fail(std::vector<std::string> argv) {
  const std::string what = argv.front();
  auto out = run_ok({.argv = std::move(argv)});
  EXPECT_TRUE(out) << what << ": " << (out ? "" : out.error().line());
  std::string text = out.value_or("");
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// A filesystem that ends with the object.
class BtrfsImage {
 public:
  BtrfsImage(const std::filesystem::path& folder, const std::string& name, const std::string& size)
      : image_(folder / (name + ".img")), mount_(folder / name) {
    std::filesystem::create_directory(mount_);
    run_or_fail({"truncate", "-s", size, image_.string()});
    run_or_fail({"mkfs.btrfs", "-q", image_.string()});
    loop_ = run_or_fail({"losetup", "-f", "--show", image_.string()});
    run_or_fail({"mount", "-t", "btrfs", loop_, mount_.string()});
  }
  ~BtrfsImage() {
    run_or_fail({"umount", mount_.string()});
    run_or_fail({"losetup", "-d", loop_});
  }
  BtrfsImage(const BtrfsImage&) = delete;
  BtrfsImage& operator=(const BtrfsImage&) = delete;
  [[nodiscard]] const std::filesystem::path& mount() const { return mount_; }

 private:
  std::filesystem::path image_;
  std::filesystem::path mount_;
  std::string loop_;
};

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "ployz-btrfs-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class BtrfsVolumesWorld : public MountedVolumesWorld {
 public:
  BtrfsVolumesWorld() { reopen(); }
  Volumes& here() override { return *pools_[0]; }
  Volumes& there() override { return *pools_[1]; }

  void reopen() override {
    for (size_t i = 0; i < pools_.size(); ++i) {
      auto opened = BtrfsVolumes::open(root(i));
      ASSERT_TRUE(opened) << opened.error().line();
      pools_[i] = std::move(*opened);
    }
  }

  size_t leftovers(Volumes& pool) override {
    size_t found = 0;
    for (const char* folder : {"incoming", "trash"}) {
      const std::filesystem::directory_iterator entries(root(&pool == pools_[1].get()) / folder);
      found += static_cast<size_t>(std::distance(begin(entries), end(entries)));
    }
    return found;
  }

  void settle(Volumes& pool) override {
    const std::string path = root(&pool == pools_[1].get()).string();
    run_or_fail({"btrfs", "filesystem", "sync", path});
    run_or_fail({"btrfs", "-q", "subvolume", "sync", path});
  }

  [[nodiscard]] std::filesystem::path root(size_t pool) const {
    return (pool == 0 ? here_ : there_).mount();
  }
  BtrfsVolumes& driver() { return *pools_[0]; }

 private:
  TemporaryFolder folder_;
  BtrfsImage here_{folder_.path(), "here", "1G"};
  BtrfsImage there_{folder_.path(), "there", "192M"};
  std::array<std::unique_ptr<BtrfsVolumes>, 2> pools_;
};

}  // namespace ployz::contract

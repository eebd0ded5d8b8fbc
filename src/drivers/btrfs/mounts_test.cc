#include "drivers/btrfs/mounts.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace ployz::btrfs {
namespace {

// A /proc with processes that have these mounts.
class MountsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "ployz-mounts-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    proc_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(proc_); }

  void process(const std::string& pid, const std::string& name_space, const std::string& mounts) {
    std::filesystem::create_directories(proc_ / pid / "ns");
    std::filesystem::create_symlink(name_space, proc_ / pid / "ns/mnt");
    std::ofstream(proc_ / pid / "mountinfo") << mounts;
  }
  static std::string mount(const std::string& place) {
    return "36 35 98:0 " + place + " /data rw,noatime master:1 - btrfs /dev/loop0 rw\n";
  }
  bool mounted(const std::string& id) {
    const auto found = is_mounted("datasets/" + id + "/live", proc_);
    EXPECT_TRUE(found) << found.error().line();
    return found.value_or(false);
  }

  std::filesystem::path proc_;
};

TEST_F(MountsTest, OfAnyProcessAndBelow) {
  process("1", "mnt:[1]", "25 1 0:23 / / rw - ext4 /dev/vda rw\n" + mount("/"));
  process("20", "mnt:[2]", mount("/datasets/one/live"));
  process("30", "mnt:[3]", "broken\n" + mount("/@pool/datasets/two/live/sub"));
  std::filesystem::create_directories(proc_ / "self/ns");
  EXPECT_TRUE(mounted("one"));
  EXPECT_TRUE(mounted("two"));
  EXPECT_FALSE(mounted("three"));
}

TEST_F(MountsTest, OthersThatOnlyLookAlikeAreNot) {
  process("20", "mnt:[2]",
          mount("/datasets/one/live2") + mount("/datasets/one2/live") +
              mount("/xdatasets/one/live") + mount("/datasets/one/snapshots/a/data"));
  EXPECT_FALSE(mounted("one"));
}

TEST_F(MountsTest, AProcessThatEndsMeanwhileHasNone) {
  std::filesystem::create_directories(proc_ / "40/ns");
  process("50", "mnt:[5]", "");
  std::filesystem::remove(proc_ / "50/mountinfo");
  EXPECT_FALSE(mounted("one"));
}

TEST_F(MountsTest, NoProcAtAllIsAnError) {
  EXPECT_FALSE(is_mounted("datasets/one/live", proc_ / "absent"));
}

}  // namespace
}  // namespace ployz::btrfs

#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ployz {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/ployz-files-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  static std::optional<std::string> content(const std::filesystem::path& path) {
    auto bytes = read_file(path);
    EXPECT_TRUE(bytes);
    return bytes.value_or(std::nullopt);
  }
  std::filesystem::path folder_;
};

TEST_F(Files, WritesReadsReplacesAndRemoves) {
  const auto path = folder_ / "deep" / "state.json";
  EXPECT_EQ(content(path), std::nullopt);
  ASSERT_TRUE(write_file(path, "one", 0600));
  ASSERT_TRUE(write_file(path, std::string("t\0wo", 4), 0600));
  EXPECT_EQ(content(path), std::string("t\0wo", 4));
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(remove_file(path));
  EXPECT_TRUE(remove_file(path));
  EXPECT_TRUE(std::filesystem::is_empty(path.parent_path()));
}

TEST_F(Files, AFailedWriteLeavesTheOldFileAndNothingElse) {
  const auto path = folder_ / "state";
  ASSERT_TRUE(write_file(path, "old"));
  // A folder in the way of the rename.
  const auto blocked = folder_ / "folder";
  std::filesystem::create_directories(blocked / "x");
  const Status written = write_file(blocked, "new");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("cannot replace"), std::string::npos);
  EXPECT_EQ(content(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 2);
}

}  // namespace
}  // namespace ployz

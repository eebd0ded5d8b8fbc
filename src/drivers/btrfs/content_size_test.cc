#include "drivers/btrfs/content_size.h"

#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace ployz::btrfs {
namespace {

TEST(ContentSize, CountsEveryFileOnceAndStopsAtTheLimit) {
  std::string name = std::filesystem::temp_directory_path() / "ployz-content-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const std::filesystem::path folder = name;
  EXPECT_EQ(content_bytes(folder, 10).value(), 0u);
  std::filesystem::create_directories(folder / "a/b");
  std::ofstream(folder / "a/b/file") << std::string(100'000, 'x');
  const uint64_t once = content_bytes(folder, 10).value().value();
  EXPECT_GE(once, 100'000u);
  EXPECT_LT(once, 200'000u);
  std::filesystem::create_hard_link(folder / "a/b/file", folder / "again");
  std::filesystem::create_symlink("/etc", folder / "elsewhere");
  EXPECT_EQ(content_bytes(folder, 10).value(), once);
  EXPECT_EQ(content_bytes(folder, 4).value(), std::nullopt);
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(content_bytes(folder, 10));
}

}  // namespace
}  // namespace ployz::btrfs

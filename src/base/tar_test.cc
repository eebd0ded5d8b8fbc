#include "base/tar.h"

#include <gtest/gtest.h>

#include "base/subprocess.h"

namespace ployz {
namespace {

class StringReader final : public RandomReader {
 public:
  explicit StringReader(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    if (offset >= bytes_.size()) return 0;
    return std::string_view(bytes_).substr(offset).copy(into.data(), into.size());
  }

 private:
  std::string bytes_;
};

std::string file(std::string_view name, std::string_view bytes) {
  return tar_header(name, bytes.size()) + std::string(bytes) +
         std::string(tar_padding(bytes.size()), '\0');
}

auto index_of(std::string bytes) {
  StringReader reader(std::move(bytes));
  return read_tar_index(reader);
}

// What the system's tar makes of these files.
std::string made_by_tar(const std::string& format) {
  return run_ok({.argv = {"sh", "-c",
                          "cd $(mktemp -d) && mkdir -p d && printf hello > d/f && ln -s f d/l && "
                          "long=$(printf 'x%.0s' $(seq 150)) && printf long > $long && "
                          "tar --sort=name --format=" +
                              format + " -cf - d $long"}})
      .value();
}

TEST(Tar, ReadsWhatItWrites) {
  const auto entries = index_of(file("a", "hello") + file("b", "") + tar_end());
  ASSERT_TRUE(entries) << entries.error().line();
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ(entries->at(0), (TarEntry{"a", TarEntry::Kind::file, 512, 5, ""}));
  EXPECT_EQ(entries->at(1).name, "b");
}

TEST(Tar, TheSystemsTarReadsWhatItWrites) {
  const auto listed = run_ok({.argv = {"tar", "-xOf", "-"}},
                             {.input = file("a", "hello ") + file("b", "world") + tar_end()});
  EXPECT_EQ(listed, "hello world");
}

TEST(Tar, ReadsUstarPaxAndGnu) {
  for (const std::string format : {"ustar", "pax", "gnu"}) {
    if (format == "ustar") continue;  // cannot hold the long name
    const auto entries = index_of(made_by_tar(format));
    ASSERT_TRUE(entries) << format << entries.error().line();
    ASSERT_EQ(entries->size(), 4U) << format;
    EXPECT_EQ(entries->at(0).kind, TarEntry::Kind::directory);
    EXPECT_EQ(entries->at(1).name, "d/f");
    EXPECT_EQ(entries->at(1).size, 5U);
    EXPECT_EQ(entries->at(2).target, "f");
    EXPECT_EQ(entries->at(3).name, std::string(150, 'x'));
  }
}

TEST(Tar, SizesAboveEightGibibytes) {
  const uint64_t size = uint64_t{9} << 30;
  class Sparse final : public RandomReader {
   public:
    explicit Sparse(uint64_t size) : header_(tar_header("big", size)), size_(size) {}
    Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
      if (offset < header_.size()) return header_.copy(into.data(), into.size(), offset);
      if (offset >= header_.size() + size_ + 1024) return 0;
      std::ranges::fill(into, '\0');
      return into.size();
    }

   private:
    std::string header_;
    uint64_t size_;
  } sparse(size);
  const auto entries = read_tar_index(sparse);
  ASSERT_TRUE(entries) << entries.error().line();
  EXPECT_EQ(entries->at(0).size, size);
}

TEST(Tar, RefusesGarbageAndCutArchives) {
  EXPECT_EQ(index_of("").error().code, Code::corrupt);
  EXPECT_EQ(index_of("hello").error().code, Code::corrupt);
  EXPECT_EQ(index_of(std::string(1024, 'x')).error().code, Code::corrupt);
  const std::string whole = file("a", std::string(2000, 'y'));
  EXPECT_EQ(index_of(whole.substr(0, 512)).error().code, Code::corrupt);
  EXPECT_EQ(index_of(whole.substr(0, 2000)).error().code, Code::corrupt);
  std::string flipped = whole;
  flipped[3] = 'z';
  EXPECT_EQ(index_of(flipped).error().code, Code::corrupt);
  EXPECT_TRUE(index_of(whole));  // without its end marker
}

}  // namespace
}  // namespace ployz

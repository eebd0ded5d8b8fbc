#include "drivers/btrfs/send_stream.h"

#include <gtest/gtest.h>

namespace ployz::btrfs {
namespace {

std::string number(uint32_t value, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xff);
  return text;
}

std::string command(uint16_t kind, const std::string& body) {
  return number(static_cast<uint32_t>(body.size()), 4) + number(kind, 2) + "crc!" + body;
}

std::string magic(uint32_t version = 2) {
  return std::string("btrfs-stream\0", 13) + number(version, 4);
}

std::string whole() {
  return magic() + command(1, "subvolume") + command(15, std::string(5000, 'w')) + command(21, "");
}

// In pieces of this size; the first error, or how it ends.
Status follow(const std::string& bytes, size_t piece) {
  SendStream stream;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    TRY(stream.feed(std::string_view(bytes).substr(at, piece)));
  }
  return stream.finish();
}

TEST(SendStream, AWholeOneIsWholeInAnyPieces) {
  for (const size_t piece : {1, 2, 3, 7, 100, 4096, 100'000}) {
    EXPECT_TRUE(follow(whole(), piece)) << piece;
  }
}

TEST(SendStream, CutAnywhereItIsCorrupt) {
  const std::string bytes = whole();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Status ended = follow(bytes.substr(0, size), 512);
    ASSERT_FALSE(ended) << size;
    EXPECT_EQ(ended.error().code, Code::corrupt);
  }
}

TEST(SendStream, GarbageIsCorrupt) {
  EXPECT_FALSE(follow(std::string(100, 'x'), 10));
  EXPECT_FALSE(follow(whole() + "x", 10));
  EXPECT_FALSE(follow(whole() + whole(), 10));
  EXPECT_FALSE(follow(magic(3) + command(1, "") + command(21, ""), 10));
  EXPECT_FALSE(follow(magic() + command(15, "") + command(21, ""), 10));
  EXPECT_FALSE(follow(magic() + command(1, "") + command(2, "") + command(21, ""), 10));
  EXPECT_FALSE(follow(magic() + number(0xffffffff, 4) + number(1, 2) + "crc!", 10));
}

}  // namespace
}  // namespace ployz::btrfs

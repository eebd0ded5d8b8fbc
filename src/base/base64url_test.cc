#include "base/base64url.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(Base64Url, BytesComeBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const std::string text = encode_base64url(bytes);
    EXPECT_EQ(
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        std::string::npos);
    EXPECT_EQ(decode_base64url(text), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(encode_base64url("\xfb\xff"), "-_8");  // "+/8=" of the ordinary alphabet
}

TEST(Base64Url, OneTextForEachBytes) {
  for (const char* text : {"-_8=", "+/8", "-_9", "A", "AA A", "AAA\n", "\xff"}) {
    EXPECT_EQ(decode_base64url(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ployz

#include "base/digest.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

constexpr std::string_view kEmpty =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";  // FIPS 180-4

TEST(Digest, OfNothingIsTheKnownOne) { EXPECT_EQ(sha256_digest(""), kEmpty); }

TEST(Digest, InPiecesIsTheDigestOfTheWhole) {
  Sha256 hash;
  hash.update("pl");
  hash.update("");
  hash.update("oyz");
  EXPECT_EQ(hash.digest(), sha256_digest("ployz"));
}

TEST(Digest, IsRecognised) {
  EXPECT_TRUE(is_sha256_digest(kEmpty));
  EXPECT_FALSE(is_sha256_digest(kEmpty.substr(0, 70)));
  EXPECT_FALSE(is_sha256_digest("sha256:E3B0"));
  EXPECT_EQ(short_digest(kEmpty), "e3b0c44298fc");
}

}  // namespace
}  // namespace ployz

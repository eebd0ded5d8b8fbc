#include "base/nkey.h"

#include <gtest/gtest.h>
#include <sodium.h>

namespace ployz {
namespace {

// The pair printed in NATS's documentation ("Authentication / NKeys").
constexpr std::string_view kSeed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr std::string_view kPublic = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

TEST(Nkey, KnownVector) {
  const auto key = Nkey::from_seed(kSeed);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key(), kPublic);
  EXPECT_EQ(key->seed(), kSeed);
}

TEST(Nkey, SeedIsDeterminedByItsRandomBytes) {
  std::array<uint8_t, 32> random{};
  random.fill(7);
  const Nkey key = Nkey::from_random(random);
  EXPECT_TRUE(key.seed().starts_with("SU"));
  EXPECT_EQ(key.seed().size(), 58u);
  EXPECT_EQ(key.public_key().size(), 56u);
  EXPECT_EQ(Nkey::from_seed(key.seed())->public_key(), key.public_key());
  EXPECT_NE(Nkey::generate().seed(), Nkey::generate().seed());
}

TEST(Nkey, SignaturesVerify) {
  const Nkey key = Nkey::generate();
  const auto signature = key.sign("nonce");
  // Ed25519 is deterministic, so an equal key gives an equal signature.
  EXPECT_EQ(signature, Nkey::from_seed(key.seed())->sign("nonce"));
  EXPECT_NE(signature, key.sign("other"));
  EXPECT_NE(signature, Nkey::generate().sign("nonce"));
}

TEST(Nkey, OnlyTheSignersKeyVerifies) {
  const Nkey key = Nkey::generate();
  const auto bytes = key.sign("words");
  const std::string signature(bytes.begin(), bytes.end());
  EXPECT_TRUE(is_signed_by(key.public_key(), "words", signature));
  EXPECT_FALSE(is_signed_by(key.public_key(), "other words", signature));
  EXPECT_FALSE(is_signed_by(Nkey::generate().public_key(), "words", signature));
  EXPECT_FALSE(is_signed_by(key.public_key(), "words", signature.substr(1)));
  EXPECT_FALSE(is_signed_by("", "words", signature));
  EXPECT_FALSE(is_signed_by(key.seed(), "words", signature));
}

TEST(Nkey, RefusesAnythingElse) {
  std::string damaged(kSeed);
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  for (const std::string_view seed :
       {std::string_view{}, std::string_view{"SU"}, kPublic, std::string_view{damaged},
        std::string_view{"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3V1"}}) {
    const auto key = Nkey::from_seed(seed);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Code::invalid);
    EXPECT_EQ(key.error().line().find(std::string(kSeed).substr(2, 20)), std::string::npos);
  }
}

TEST(Nkey, RecognisesPublicKeys) {
  EXPECT_TRUE(is_user_public_key(kPublic));
  EXPECT_FALSE(is_user_public_key(kSeed));
  EXPECT_FALSE(is_user_public_key(""));
  std::string damaged(kPublic);
  damaged[5] = damaged[5] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(is_user_public_key(damaged));
}

}  // namespace
}  // namespace ployz

#include "model/join_token.h"

#include <gtest/gtest.h>

#include "base/base64url.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/nkey.h"

namespace ployz {
namespace {

Nkey key_of(uint8_t number) {
  std::array<uint8_t, 32> random{};
  random.fill(number);
  return Nkey::from_random(random);
}

JoinToken sample() {
  const std::string wireguard = std::string(43, 'A') + "=";
  JoinToken token{"prod",
                  "10.101.0.0/16",
                  InviteId("01arz3ndektsv4rrffq69g5fav"),
                  "web-1",
                  7,
                  1'700'000'000'000,
                  wireguard,
                  key_of(1).seed(),
                  {}};
  for (uint8_t number = 2; number < 5; ++number) {
    token.machines.push_back({MachineId("01arz3ndektsv4rrffq69g5fa" + std::to_string(number)),
                              "10.101.0.1",
                              wireguard,
                              key_of(number).public_key(),
                              {"192.0.2.7:51820", "[2001:db8::1]:51820"}});
  }
  return token;
}

// As if somebody had made it who knows the form.
std::string forged(const Json& json) {
  const std::string document = to_text(json);
  return std::string(kTokenPrefix) +
         encode_base64url(document + sha256_digest(document).substr(7, 16));
}
Json document_of(const JoinToken& token) {
  const auto bytes = decode_base64url(encode_join_token(token).substr(kTokenPrefix.size())).value();
  return parse_json(bytes.substr(0, bytes.size() - 16)).value();
}

void expect_refused(const std::string& text, Code code = Code::invalid) {
  const auto token = decode_join_token(text);
  ASSERT_FALSE(token) << text;
  EXPECT_EQ(token.error().code, code) << token.error().line();
  EXPECT_EQ(token.error().effect, Effect::none);
  EXPECT_FALSE(token.error().hint.empty());
  // Not even of a broken one anything is shown.
  EXPECT_FALSE(token.error().line().contains(sample().nats_seed));
  EXPECT_FALSE(text.size() > 40 && token.error().line().contains(text.substr(20, 20)));
}

TEST(JoinToken, ComesBackAsItWas) {
  const std::string text = encode_join_token(sample());
  EXPECT_EQ(text.find_first_of(" \t\r\n'\"\\$&|;<>*?()[]{}/+="), std::string::npos)
      << "no shell minds it";
  EXPECT_LT(text.size(), 4096u);
  EXPECT_EQ(decode_join_token(text), sample());
  EXPECT_EQ(decode_join_token("  " + text + "\r\n"), sample());
  JoinToken unnamed = sample();
  unnamed.name.clear();
  EXPECT_EQ(decode_join_token(encode_join_token(unnamed)), unnamed);
}

TEST(JoinToken, WhatWasCutOffMistypedOrAddedToIsRefused) {
  const std::string text = encode_join_token(sample());
  for (size_t length = 0; length < text.size(); ++length) expect_refused(text.substr(0, length));
  for (size_t at = 0; at < text.size(); at += 7) {
    std::string changed = text;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    const auto token = decode_join_token(changed);
    EXPECT_FALSE(token) << at;
  }
  expect_refused(text + "A");
  expect_refused(text + text);
  expect_refused(text.substr(0, 100) + "\n" + text.substr(100));
}

TEST(JoinToken, GarbageOfEveryKindIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("hello"), std::string("ployz1_"),
        std::string("ployz1_!!!"), std::string("ployz_abc"), std::string("ployz1"),
        std::string(1 << 20, 'A'), std::string(kTokenPrefix) + std::string(20'000, 'A'),
        std::string("ployz1_\0\0", 9), std::string("\xff\xfe"), std::string("{\"format\":1}")}) {
    expect_refused(text);
  }
  expect_refused("ployz2_abcdef", Code::unsupported);
  expect_refused("ployzx_abcdef");
}

TEST(JoinToken, AForgedDocumentIsCheckedFieldByField) {
  const Json good = document_of(sample());
  ASSERT_TRUE(decode_join_token(forged(good)));
  for (const auto& [key, value] : good.items()) {
    Json json = good;
    json.erase(key);
    expect_refused(forged(json));
    json = good;
    json[key] = Json::object();
    expect_refused(forged(json));
    if (key == "name" || key == "expires_at_ms" || key == "guest") continue;  // may be so
    json[key] = "";
    expect_refused(forged(json));
  }
  const auto with = [&](const char* key, Json value) {
    Json json = good;
    json[key] = std::move(value);
    return forged(json);
  };
  expect_refused(with("network", "Not A Label"));
  expect_refused(with("name", "-"));
  expect_refused(with("guest", 256));
  expect_refused(with("guest", -1));
  expect_refused(with("nats", key_of(1).public_key()));
  expect_refused(with("machines", Json::array()));
  expect_refused(with("more", 1));
  Json many = good;
  for (int i = 0; i < 3; ++i) many["machines"].push_back(good["machines"][0]);
  expect_refused(forged(many));
  for (const char* key : {"id", "wireguard", "nats", "address", "endpoints"}) {
    Json json = good;
    json["machines"][1][key] = std::string_view(key) == "endpoints" ? Json::array() : Json("");
    expect_refused(forged(json));
  }
  expect_refused(forged(Json(nullptr)));
  expect_refused(forged(Json::array()));
}

}  // namespace
}  // namespace ployz

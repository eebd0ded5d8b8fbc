#include "model/manifest.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace ployz {
namespace {

TEST(Manifest, Example) {
  std::ifstream in("src/model/testdata/manifest/example.toml");
  std::stringstream text;
  text << in.rdbuf();
  auto m = parse_manifest(text.str(), "example.toml");
  ASSERT_TRUE(m) << m.error().line();
  std::puts(to_json(*m).dump(1).c_str());
}

// Undefined in toml++ itself (model/toml.h): only a sanitizer tells.
TEST(Manifest, WhatIsNotAsciiOutsideQuotesIsRefused) {
  for (const auto* text : {"a\xCD\x8F", "é = 1", "a = [\"shop\"ü]", "a = 2{\"b\"[\"shop\xC8\x9A:2\"}]"}) {
    EXPECT_FALSE(parse_manifest(text, "shop.toml")) << text;
  }
}

// toml++ asserts that a key begins here (found by fuzz_manifest).
TEST(Manifest, AHeaderThatNamesNoTableIsRefused) {
  for (const auto* text : {"[;]", "[[;x]]", "[[\nname = 1", "[ =", "a = 1\n[{}]"}) {
    const auto manifest = parse_manifest(text, "shop.toml");
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().code, Code::invalid) << text;
    EXPECT_TRUE(manifest.error().message.starts_with("shop.toml:")) << manifest.error().line();
  }
}

}  // namespace
}  // namespace ployz

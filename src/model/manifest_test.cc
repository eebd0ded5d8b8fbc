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
}  // namespace
}  // namespace ployz

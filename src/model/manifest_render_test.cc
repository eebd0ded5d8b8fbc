#include "model/manifest_render.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

void expect_same(Manifest manifest) {
  normalise(manifest);
  const std::string text = to_toml(manifest);
  const auto again = parse_manifest(text, "rendered.toml");
  ASSERT_TRUE(again) << again.error().line() << "\n" << text;
  EXPECT_EQ(*again, manifest) << text;
}

TEST(ManifestRender, WhatIsWrittenIsReadBack) {
  Manifest manifest;
  manifest.name_space = NamespaceName("shop");
  Service service = testing::sample_service();
  service.container.image_id.clear();
  service.container.env["QUOTED"] = "a \"b\" \\ \n\t\x01 end";
  service.container.stop_grace_period = std::chrono::milliseconds(1500);
  manifest.services = {service};
  VolumeSpec uploads;
  uploads.name = VolumeName("uploads");
  uploads.scope = VolumeScope::shared;
  uploads.quota_bytes = 20ull << 30;
  uploads.mode = "0700";
  uploads.owner = "999:999";
  manifest.volumes = {uploads};
  expect_same(manifest);
}

TEST(ManifestRender, TheExampleOfTheManual) {
  auto manifest = parse_manifest(testing::read_text(testing::kTestdata / "manifest/example.toml"),
                                 "example.toml");
  ASSERT_TRUE(manifest) << manifest.error().line();
  expect_same(*manifest);
}

TEST(ManifestRender, Sections) {
  Manifest manifest;
  manifest.name_space = NamespaceName("shop");
  manifest.promote = PromoteSection{NamespaceName("pr-1"), {{VolumeName("data"), PromoteData::take}}};
  expect_same(manifest);
  EXPECT_EQ(to_toml(manifest),
            "namespace = \"shop\"\n\n[promote]\nfrom = \"pr-1\"\nvolumes = { \"data\" = \"take\" }\n");
  manifest.promote.reset();
  manifest.rollback = RollbackSection{"01abc", RollbackData::commit};
  expect_same(manifest);
}

}  // namespace
}  // namespace ployz

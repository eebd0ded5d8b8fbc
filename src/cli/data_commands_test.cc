// Commands that move data, against a daemon with a FakeService behind a real socket.
#include "cli/cli_test_host.h"

namespace ployz::cli {
namespace {

template <class R>
const R& asked(const FakeService& service) {
  EXPECT_TRUE(service.changed);
  return std::get<R>(*service.changed);
}

TEST_F(CliTest, BranchTakesModesAndNames) {
  EXPECT_EQ(run({"branch", "apply", "shop", "pr-1", "--volume-mode", "branch", "--volume",
                 "logs=fresh", "--service", "web=fresh", "--consistency", "crash"}),
            0)
      << host_.err;
  const auto& request = asked<BranchRequest>(service_);
  EXPECT_EQ(request.source.str(), "shop");
  EXPECT_EQ(request.target.str(), "pr-1");
  EXPECT_EQ(request.service_mode, BranchMode::branch);
  EXPECT_EQ(request.volume_mode, BranchMode::branch);
  EXPECT_EQ(request.volumes.at(VolumeName("logs")), BranchMode::fresh);
  EXPECT_EQ(request.services.at(ServiceName("web")), BranchMode::fresh);
  EXPECT_EQ(request.consistency, Consistency::crash);
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"branch", "apply", "shop"},
        {"branch", "apply", "shop", "PR"},
        {"branch", "apply", "shop", "pr", "--volume", "logs"},
        {"branch", "apply", "shop", "pr", "--volume", "logs=copy"},
        {"branch", "apply", "shop", "pr", "--volume-mode", "copy"},
        {"branch", "prepare", "shop", "pr", "--expires-in", "9d"}}) {
    EXPECT_EQ(run(wrong), 2) << wrong.back();
  }
}

TEST_F(CliTest, PrepareTellsTheIdAndApplyPreparedTakesIt) {
  service_.result.id = OperationId("01arz3ndektsv4rrffq69g5faw");
  EXPECT_EQ(run({"branch", "prepare", "shop", "pr", "--expires-in", "2h", "--json"}), 0)
      << host_.err;
  EXPECT_EQ(document()["prepared_deploy_id"], "01arz3ndektsv4rrffq69g5faw");
  EXPECT_EQ(document()["expires_at_ms"], 1'700'007'200'000);
  EXPECT_EQ(run({"branch", "apply-prepared", "01arz3ndektsv4rrffq69g5faw"}), 0) << host_.err;
  EXPECT_EQ(service_.applied->str(), "01arz3ndektsv4rrffq69g5faw");
  EXPECT_EQ(run({"branch", "apply-prepared", "nonsense"}), 2);
}

TEST_F(CliTest, PromoteRollbackAndMigrateSayWhatIsMeant) {
  EXPECT_EQ(run({"promote", "apply", "pr", "shop", "--volume", "data=take"}), 0) << host_.err;
  EXPECT_EQ(asked<PromoteRequest>(service_).volumes.at(VolumeName("data")), PromoteData::take);
  EXPECT_EQ(run({"rollback", "apply", "shop", "--to", "01ab", "--state", "commit"}), 0);
  EXPECT_EQ(asked<RollbackRequest>(service_).to, "01ab");
  EXPECT_EQ(asked<RollbackRequest>(service_).state, RollbackData::commit);
  EXPECT_EQ(run({"migrate", "apply", "shop/db", "--to", "m2"}), 0);
  EXPECT_EQ(asked<MigrateRequest>(service_).to, "m2");
  EXPECT_EQ(run({"migrate", "apply", "shop/db"}), 2);
  EXPECT_EQ(run({"migrate", "apply", "shop", "--to", "m2"}), 2);
  EXPECT_EQ(run({"rollback", "apply", "shop", "--state", "first"}), 2);
  EXPECT_EQ(run({"promote", "apply", "pr", "shop", "--volume", "data"}), 2);
}

TEST_F(CliTest, RenderedManifestsAreFilesForDeploy) {
  EXPECT_EQ(run({"promote", "render-manifest", "pr", "shop", "--volume", "data=take"}), 0);
  EXPECT_EQ(host_.out,
            "namespace = \"shop\"\n\n[promote]\nfrom = \"pr\"\nvolumes = { \"data\" = \"take\" }\n");
  const auto file = write("promote.toml", host_.out);
  EXPECT_EQ(run({"deploy", "-f", file}), 0) << host_.err;
  ASSERT_TRUE(service_.deployed->manifest.promote);
  EXPECT_EQ(service_.deployed->manifest.promote->volumes.at(VolumeName("data")), PromoteData::take);
}

TEST_F(CliTest, DeployCarriesTheDecisionAboutData) {
  const auto file = write("shop.toml", kManifest);
  EXPECT_EQ(run({"deploy", "-f", file, "--state", "keep"}), 0) << host_.err;
  EXPECT_EQ(service_.deployed->state, RollbackData::keep);
  EXPECT_EQ(run({"deploy", "-f", file, "--state", "now"}), 2);
}

TEST_F(CliTest, WhatDeletesDataAsks) {
  EXPECT_EQ(run({"volume", "rm", "shop/data"}), 2);
  EXPECT_TRUE(host_.err.contains("--yes")) << host_.err;
  EXPECT_EQ(run({"volume", "prune", "shop"}), 2);
  EXPECT_FALSE(service_.changed);
  EXPECT_EQ(run({"volume", "prune", "shop", "--keep", "2", "--yes"}), 0) << host_.err;
  EXPECT_EQ(asked<VolumePruneRequest>(service_).keep, 2u);
  EXPECT_EQ(run({"volume", "rm", "shop", "--yes"}), 2);
}

TEST_F(CliTest, VolumesAreListedByWhetherACommitNamesThem) {
  VolumeReport served;
  served.dataset.spec.id = DatasetId("01d1");
  served.dataset.spec.name_space = served.name_space = NamespaceName("shop");
  served.dataset.spec.volume = served.volume = VolumeName("data");
  served.machine_name = "m1";
  VolumeReport former = served;
  former.dataset.spec.id = DatasetId("01d0");
  former.name_space = {};
  former.volume = {};
  service_.volumes_report = {{served, former}, {"m3"}};
  EXPECT_EQ(run({"volume", "ls"}), 0);
  EXPECT_TRUE(host_.out.contains("01d1") && !host_.out.contains("01d0")) << host_.out;
  EXPECT_TRUE(host_.out.contains("do not answer: m3")) << host_.out;
  EXPECT_EQ(run({"volume", "ls", "--unreferenced", "--json"}), 0);
  EXPECT_EQ(document()["volumes"].size(), 1u);
  EXPECT_EQ(document()["volumes"][0]["spec"]["id"], "01d0");
  EXPECT_EQ(run({"volume", "inspect", "shop/data"}), 0) << host_.err;
  EXPECT_EQ(run({"volume", "inspect", "shop/nope"}), 3);
}

}  // namespace
}  // namespace ployz::cli

// What a machine says of itself, on the simulator's fakes; and its way through JSON.
#include "doctor/checkup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/fake_images.h"
#include "sim/fakes/fake_overlay.h"
#include "sim/fakes/fake_units.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

class CheckupTest : public testing::Test {
 protected:
  CheckupTest()
      : images_(hook_), containers_(hook_, images_), units_(hook_), overlay_(hook_), host_(hook_) {
    images_.add("web:1", "sha256:web", {});
    units_.install("ployz-knot.service");
    (void)units_.ensure_started("ployz-knot.service");
    OverlayConfig overlay;
    overlay.private_key = std::string(43, 'A') + "=";
    overlay.address = "10.101.0.1";
    overlay.subnet = "10.101.0.0/24";
    overlay.cluster_cidr = "10.101.0.0/16";
    (void)overlay_.ensure_up(overlay);
  }
  Checkup examine_it(Volumes* volumes = nullptr) {
    return examine({MachineId("machine-1"), 3, {"ployz-knot.service", "ployz-nats.service"}},
                   {containers_, volumes, units_, overlay_, host_, clock_});
  }

  sim::NoHook hook_;
  sim::FakeImages images_;
  sim::FakeContainers containers_;
  sim::FakeUnits units_;
  sim::FakeOverlay overlay_;
  sim::FakeHost host_;
  sim::SkewedClock clock_;
};

TEST_F(CheckupTest, EachPartIsAFactOrAnError) {
  const Checkup checkup = examine_it();
  EXPECT_EQ(checkup.facts.machine, MachineId("machine-1"));
  EXPECT_FALSE(checkup.facts.version.empty());
  EXPECT_GT(checkup.facts.clock_ms, 0u);
  EXPECT_GT(checkup.facts.disk_free_bytes, 0u);
  EXPECT_EQ(checkup.epoch, 3u);
  EXPECT_FALSE(checkup.keeps_volumes);
  EXPECT_FALSE(checkup.routes.empty());
  ASSERT_EQ(checkup.units.size(), 1u);
  EXPECT_EQ(checkup.units[0].active_state, "active");
  EXPECT_GT(checkup.units[0].since_ms, 0u);
  // The unit that is not there hides nothing else.
  ASSERT_EQ(checkup.errors.size(), 1u);
  EXPECT_TRUE(checkup.errors.contains("ployz-nats.service"));
}

TEST(CheckupJson, ComesBackWhole) {
  Checkup checkup;
  checkup.facts.machine = MachineId("machine-1");
  checkup.facts.version = "1";
  checkup.facts.clock_ms = 5;
  checkup.facts.pool = StoragePool{"btrfs", false, 100, 50, 1000};
  Dataset dataset;
  dataset.spec.id = DatasetId("d1");
  dataset.snapshots = {{SnapshotName("c1"), "guid", 7}};
  checkup.facts.datasets = {dataset};
  checkup.epoch = 2;
  checkup.keeps_volumes = true;
  checkup.units = {{"a.service", "failed", "failed", 4, 9}};
  checkup.peers = {{"key=", "192.0.2.7:51820", 120}, {"other=", "", std::nullopt}};
  checkup.routes = {{"10.101.0.0/16", "wg"}};
  checkup.copy = CopyFacts{true, 1500, 7, 8};
  checkup.errors = {{"disk", "gone"}};
  Json json = to_json(checkup);
  json["of_a_newer_machine"] = 1;
  const auto read = checkup_from_json(json);
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(*read, checkup);
  for (const auto* key : {"facts", "epoch", "units", "peers", "routes", "copy", "errors"}) {
    Json broken = json;
    broken[key] = "garbage";
    EXPECT_FALSE(checkup_from_json(broken)) << key;
  }
  json.erase("copy");  // of an older machine
  const auto older = checkup_from_json(json);
  ASSERT_TRUE(older) << older.error().line();
  EXPECT_FALSE(older->copy);
}

}  // namespace
}  // namespace ployz

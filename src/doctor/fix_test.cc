// What a machine does of itself when it is told to mend something.
#include "doctor/fix.h"

#include <gtest/gtest.h>

#include "doctor/finding.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_images.h"
#include "sim/fakes/fake_units.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

class Mend : public testing::Test {
 protected:
  Mend() : images_(hook_), containers_(hook_, images_), units_(hook_) {
    images_.add("web:1", "sha256:web", {});
    for (const char* unit : {"ployz-knot.service", "ployz-router.service", "ssh.service"}) {
      units_.install(unit);
    }
  }
  Status mend_it(FixKind kind, std::string target) {
    return mend({kind, std::move(target)},
                {{"ployz-knot.service", "ployz-router.service"}, "ployz-router.service"},
                {containers_, units_});
  }
  std::string state(std::string_view unit) { return units_.status(unit)->active_state; }

  sim::NoHook hook_;
  sim::FakeImages images_;
  sim::FakeContainers containers_;
  sim::FakeUnits units_;
};

TEST_F(Mend, StartsWhatItsMachineMustRun) {
  ASSERT_TRUE(mend_it(FixKind::start_unit, "ployz-knot.service"));
  EXPECT_EQ(state("ployz-knot.service"), "active");
  EXPECT_TRUE(mend_it(FixKind::start_unit, "ployz-knot.service")) << "again";
  const auto other = mend_it(FixKind::start_unit, "ssh.service");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::unsupported);
  EXPECT_EQ(state("ssh.service"), "inactive");
}

TEST_F(Mend, RestartsTheRouterAndNothingElse) {
  ASSERT_TRUE(mend_it(FixKind::start_unit, "ployz-router.service"));
  const uint32_t before = units_.status("ployz-router.service")->main_pid;
  ASSERT_TRUE(mend_it(FixKind::restart_unit, "ployz-router.service"));
  EXPECT_NE(units_.status("ployz-router.service")->main_pid, before);
  EXPECT_FALSE(mend_it(FixKind::restart_unit, "ployz-knot.service"));
  EXPECT_EQ(state("ployz-knot.service"), "inactive");
}

TEST_F(Mend, RemovesOneContainer) {
  for (const char* id : {"one", "two"}) {
    InstanceConfig config;
    config.run.instance = InstanceId(id);
    config.run.name_space = NamespaceName("shop");
    config.run.service = ServiceName("web");
    config.run.spec.image = "web:1";
    config.run.spec.image_id = "sha256:web";
    ASSERT_TRUE(containers_.ensure_running(config));
  }
  ASSERT_TRUE(mend_it(FixKind::remove_container, "one"));
  EXPECT_TRUE(mend_it(FixKind::remove_container, "one")) << "again";
  const auto left = containers_.list();
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().id, InstanceId("two"));
}

TEST_F(Mend, AnOperationIsNoMachinesToFinish) {
  EXPECT_FALSE(mend_it(FixKind::finish_operation, "op-1"));
}

TEST(FixJson, ComesBackAndGarbageIsRefused) {
  const FixRequest request{{"m1"},
                           {{"m2", {FixKind::start_unit, "ployz-knot.service"}},
                            {"", {FixKind::finish_operation, "op-1"}}}};
  const auto read = fix_request_from_json(to_json(request));
  ASSERT_TRUE(read) << read.error().line();
  EXPECT_EQ(*read, request);
  for (const char* text : {R"({})", R"({"kind":"destroy","target":"x"})",
                           R"({"kind":"start_unit","target":""})", R"({"kind":1,"target":"x"})"}) {
    EXPECT_FALSE(fix_from_json(*parse_json(text))) << text;
    Json broken = to_json(request);
    broken["fixes"][0]["fix"] = *parse_json(text);
    EXPECT_FALSE(fix_request_from_json(broken)) << text;
  }
}

TEST(FixReport, SaysHowItEnded) {
  FixReport report;
  EXPECT_EQ(to_json(report)["outcome"], "unchanged");
  report.fixes = {{{"m2", {FixKind::start_unit, "a.service"}}, {}}};
  EXPECT_EQ(to_json(report)["outcome"], "fixed");
  report.fixes.push_back({{"m3", {FixKind::start_unit, "b.service"}},
                          Error{Code::timeout, Effect::unknown, "no answer", "", {}}});
  const Json json = to_json(report);
  EXPECT_EQ(json["outcome"], "failed");
  EXPECT_EQ(json["fixes"][0]["done"], true);
  EXPECT_EQ(json["fixes"][1]["error"]["message"], "no answer");
  EXPECT_EQ(json["fixes"][1]["fix"]["text"], "start b.service");
}

}  // namespace
}  // namespace ployz

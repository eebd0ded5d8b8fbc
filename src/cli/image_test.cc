// image: between machines. (From this computer's engine: the scenarios in tests/e2e.)
#include "cli/cli_test_host.h"

namespace ployz::cli {
namespace {

class ImageTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    for (const char* name : {"m1", "m2", "m3"}) {
      MachineReport report;
      report.machine.id = MachineId(std::string("id-") + name);
      report.machine.name = name;
      report.self = report.machine.name == "m1";
      reports_.push_back(report);
    }
    service_.machine_list = reports_;
    service_.distribute_reports = {{MachineId("id-m2"), "m2", false, 2048, 2, std::nullopt},
                                   {MachineId("id-m3"), "m3", true, 0, 0, std::nullopt}};
  }
  std::vector<MachineReport> reports_;
};

TEST_F(ImageTest, DistributeNamesMachinesByNameOrId) {
  EXPECT_EQ(run({"image", "distribute", "web:1", "--from", "m1", "--to", "m2,id-m3"}), 0);
  ASSERT_TRUE(service_.distributed);
  EXPECT_EQ(service_.distributed->from.str(), "id-m1");
  ASSERT_EQ(service_.distributed->to.size(), 2u);
  EXPECT_EQ(service_.distributed->to[1].str(), "id-m3");
  EXPECT_TRUE(host_.out.contains("2.0 KiB sent, 2 layers")) << host_.out;
  EXPECT_TRUE(host_.out.contains("has it already")) << host_.out;

  EXPECT_EQ(run({"image", "distribute", "web:1", "--to", "all"}), 0);
  EXPECT_TRUE(service_.distributed->from.empty());
  EXPECT_TRUE(service_.distributed->to.empty());
  EXPECT_EQ(run({"image", "distribute", "web:1", "--to", "all", "--json"}), 0);
  EXPECT_EQ(document()["outcome"], "distributed");
}

TEST_F(ImageTest, AMachineThatFailedIsNamedAndTheExitCodeSaysSo) {
  service_.distribute_reports[0].error =
      Error{Code::unavailable, Effect::none, "m2 does not answer", "", {}};
  EXPECT_EQ(run({"image", "distribute", "web:1", "--to", "m2"}), 1);
  EXPECT_TRUE(host_.out.contains("m2 does not answer")) << host_.out;
}

TEST_F(ImageTest, UnknownMachinesAreRefusedBeforeAnythingIsSent) {
  EXPECT_EQ(run({"image", "distribute", "web:1", "--to", "m2,m9"}), 3);
  EXPECT_TRUE(host_.err.contains("no machine 'm9'")) << host_.err;
  EXPECT_TRUE(host_.err.contains("m1, m2, m3")) << host_.err;
  EXPECT_EQ(run({"image", "distribute", "web:1"}), 2);
  EXPECT_EQ(run({"image", "push", "web:1", "--to", "m9"}), 3);
  EXPECT_FALSE(service_.distributed);
}

TEST_F(ImageTest, StatusShowsEveryMachine) {
  service_.image_statuses = {
      {MachineId("id-m1"), "m1", "sha256:0123456789abcdef", std::nullopt},
      {MachineId("id-m2"), "m2", "", std::nullopt},
      {MachineId("id-m3"), "m3", "", Error{Code::timeout, Effect::none, "no answer", "", {}}}};
  EXPECT_EQ(run({"image", "status", "web:1"}), 0);
  for (const char* text : {"0123456789ab", "present", "absent", "unknown", "no answer"}) {
    EXPECT_TRUE(host_.out.contains(text)) << text << "\n" << host_.out;
  }
}

// The engine here has what m1 has already: nothing is saved, and m1 sends it on.
TEST_F(ImageTest, PushToOthersGoesThroughTheContextsMachine) {
  service_.image_list = {{"sha256:a", {"web:1"}, {}, 1}};
  host_.on_run = [](const Command&) {
    Finished finished;
    finished.out = "sha256:a\n";
    return finished;
  };
  EXPECT_EQ(run({"image", "push", "web:1", "--to", "m1"}), 0);
  EXPECT_FALSE(service_.distributed);
  EXPECT_EQ(run({"image", "push", "web:1", "--to", "all"}), 0);
  ASSERT_TRUE(service_.distributed);
  EXPECT_EQ(service_.distributed->from.str(), "id-m1");
  EXPECT_EQ(service_.distributed->to.size(), 2u);
  EXPECT_TRUE(host_.out.contains("web:1 (a) is on m1 already")) << host_.out;
  EXPECT_TRUE(host_.out.contains("m2")) << host_.out;
}

}  // namespace
}  // namespace ployz::cli

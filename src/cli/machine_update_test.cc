// machine update: what is sent, what is said, and going on with the next daemon.
#include "base/digest.h"
#include "cli/cli_test_host.h"

namespace ployz::cli {
namespace {

using Fate = MachineUpdated::Fate;

UpdateReport report_of(Outcome outcome, std::vector<MachineUpdated> machines) {
  UpdateReport report;
  report.version = "0.2.0";
  report.outcome = outcome;
  report.machines = std::move(machines);
  return report;
}

MachineUpdated machine(std::string name, Fate fate) {
  return {MachineId("01" + name), name, "0.1.0", "0.2.0", fate, {}};
}

TEST_F(CliTest, MachineUpdateGivesThePackageAndTellsOfEachMachine) {
  const auto file = write("ployz.deb", "a package");
  service_.update_report =
      report_of(Outcome::committed, {machine("m2", Fate::updated), machine("m1", Fate::unchanged)});
  EXPECT_EQ(run({"machine", "update", "--deb", file, "m2", "m1", "--plain"}), 0) << host_.err;
  EXPECT_EQ(service_.package, "a package");
  EXPECT_TRUE(service_.package_kept);
  EXPECT_EQ(host_.out, "m2\t0.1.0\t0.2.0\tupdated\t\nm1\t0.1.0\t0.2.0\tunchanged\t\n");
  ASSERT_EQ(service_.updates.size(), 1u);
  EXPECT_EQ(service_.updates[0].version, "0.2.0");
  EXPECT_EQ(service_.updates[0].machines, (std::vector<std::string>{"m2", "m1"}));
  EXPECT_TRUE(host_.err.contains("package ployz 0.2.0 for amd64")) << host_.err;
}

TEST_F(CliTest, MachineUpdateDryRunKeepsNothing) {
  service_.update_report = report_of(Outcome::unchanged, {machine("m1", Fate::planned)});
  service_.update_report.preview = true;
  EXPECT_EQ(run({"machine", "update", "--deb", write("ployz.deb", "a package"), "-n"}), 0);
  EXPECT_FALSE(service_.package_kept);
  ASSERT_EQ(service_.updates.size(), 1u);
  EXPECT_TRUE(service_.updates[0].preview);
  EXPECT_EQ(service_.updates[0].architecture, "amd64");
  EXPECT_TRUE(host_.out.contains("preview; nothing was changed")) << host_.out;
}

TEST_F(CliTest, MachineUpdateOfAVersionThatIsKept) {
  service_.update_report = report_of(Outcome::unchanged, {machine("m1", Fate::unchanged)});
  EXPECT_EQ(run({"machine", "update", "--version", "0.2.0"}), 0) << host_.err;
  EXPECT_EQ(service_.package, "");
  EXPECT_TRUE(host_.out.contains("every machine has version 0.2.0 already")) << host_.out;
  // The global flag of this name is another's.
  EXPECT_EQ(run({"machine", "ls", "--version"}), 0);
  EXPECT_TRUE(host_.out.starts_with("ployzctl ")) << host_.out;
}

TEST_F(CliTest, MachineUpdateThatFailedSaysWhichMachineHasWhat) {
  service_.update_report = report_of(
      Outcome::failed, {machine("m3", Fate::updated), machine("m2", Fate::back),
                        machine("m1", Fate::waiting)});
  const Error error{Code::precondition, Effect::none, "it is of version 0.1.0 again", "", {}};
  service_.update_report.machines[1].error = error;
  service_.update_report.error = error;
  EXPECT_EQ(run({"machine", "update", "--version", "0.2.0", "--plain"}), 1);
  EXPECT_EQ(host_.out,
            "m3\t0.1.0\t0.2.0\tupdated\t\n"
            "m2\t0.1.0\t0.2.0\twent back\tit is of version 0.1.0 again\n"
            "m1\t0.1.0\t0.2.0\tnot begun\t\n");
  EXPECT_EQ(run({"machine", "update", "--version", "0.2.0", "--json"}), 1);
  EXPECT_EQ(document()["machines"][1]["outcome"], "back");
}

TEST_F(CliTest, MachineUpdateGoesOnWithTheNextDaemon) {
  service_.update_report = report_of(Outcome::committed, {machine("m1", Fate::updated)});
  service_.update_errors = {
      {Code::unavailable, Effect::unknown, "this machine's daemon is being replaced", "", {}},
      {Code::unavailable, Effect::none, "the store does not answer", "", {}}};
  EXPECT_EQ(run({"machine", "update", "--version", "0.2.0"}), 0) << host_.err;
  EXPECT_EQ(service_.updates.size(), 3u);
  EXPECT_EQ(host_.pauses, 2);
  EXPECT_TRUE(host_.err.contains("being replaced; waiting")) << host_.err;
  // What failed before it began is not tried again.
  service_.update_errors = {{Code::unavailable, Effect::none, "machine m2: no answer", "", {}}};
  EXPECT_EQ(run({"machine", "update", "--version", "0.2.0"}), 3);
  EXPECT_EQ(service_.updates.size(), 4u);
}

TEST_F(CliTest, MachineUpdateRefusesWhatIsNotClear) {
  EXPECT_EQ(run({"machine", "update"}), 2);
  EXPECT_TRUE(host_.err.contains("--deb")) << host_.err;
  EXPECT_EQ(run({"machine", "update", "--deb", folder_ + "/nothing.deb"}), 2);
  EXPECT_TRUE(host_.err.contains("cannot read")) << host_.err;
  EXPECT_EQ(run({"machine", "update", "--deb", write("a.deb", "x"), "--version", "0.3.0"}), 2);
  EXPECT_TRUE(host_.err.contains("is of version 0.2.0, not 0.3.0")) << host_.err;
  EXPECT_TRUE(service_.updates.empty());
}

}  // namespace
}  // namespace ployz::cli

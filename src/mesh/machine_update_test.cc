// The coordinator alone: what it asks of machines, in which order, and what it makes of their answers.
#include "mesh/machine_update.h"

#include <gtest/gtest.h>

#include "engine/testing/fake_cluster.h"

namespace ployz {
namespace {

using Fate = MachineUpdated::Fate;
using testing::Cluster;
using testing::test_machine;

constexpr auto kOld = "0.1.0";
constexpr auto kNew = "0.1.1";

// Machines that keep packages and are updated by the next question but one. Over the peer port they
// answer the same.
class Machines final : public testing::SerialRpc {
 public:
  struct One {
    UpdateState state{kOld, kOld, "amd64", false, {}, {}};
    std::vector<Package> packages;
    int questions = 0;  // that are left until its updater has ended
    bool broken = false;  // the new version is
    bool silent = false;
  };
  std::map<std::string, One> machines;  // by number
  std::string log;                      // "fetch 2, install 2, …"
  std::function<void(const std::string& line)> before;

  Result<Json> call(const RpcAddress& to, const Json& asked, std::chrono::milliseconds) override {
    const std::string who = to.machine.str().substr(std::string_view("machine-").size());
    One& one = machines[who];
    const Json request = TRY(parse_json(to_text(asked)));
    if (to.command != kUpdateState && to.command != kPackageList) {
      const std::string line = to.command.substr(to.command.find('_') + 1) + " " + who;
      log += (log.empty() ? "" : ", ") + line;
      if (before) before(line);
    }
    if (one.silent) return fail(Code::unavailable, "no responders");
    if (to.command == kUpdateState) return parse_json(to_text(to_json(state_of(one))));
    if (to.command == kPackageList) {
      Json packages = Json::array();
      for (const Package& package : one.packages) packages.push_back(to_json(package));
      return parse_json(to_text(Json{{"packages", packages}}));
    }
    if (to.command == kPackageOffer) return Json{{"key", "k"}, {"address", who + ":4319"}};
    if (to.command == kPackageFetch) {
      one.packages.push_back(TRY(package_fetch_from_json(request)).package);
      return Json::object();
    }
    TRY(install(one, TRY(update_install_from_json(request))));
    return Json::object();
  }

 private:
  static UpdateState state_of(One& one) {
    if (one.state.updating && --one.questions <= 0) {
      one.state.updating = false;
      one.state.last->stage = one.broken ? UpdateStage::back : UpdateStage::done;
      if (one.broken) one.state.last->error = "it does not come up";
      if (!one.broken) one.state.version = one.state.installed = one.state.last->to;
    }
    return one.state;
  }
  static Status install(One& one, const UpdateInstall& install) {
    UpdateState& state = one.state;
    const bool ours = state.last && state.last->operation == install.operation;
    if (ours && (state.updating || has_ended(state.last->stage))) return {};
    if (state_of(one).updating) return fail(Code::conflict, "another update runs");
    state.last = UpdateNote{install.operation, state.installed, install.version,
                            UpdateStage::installing, ""};
    state.updating = true;
    one.questions = 2;
    return {};
  }
};

// Three machines; the second coordinates and keeps the package, the first holds the store.
class MachineUpdateTest : public ::testing::Test {
 protected:
  MachineUpdateTest() {
    for (const char* who : {"1", "2", "3"}) machines_.machines[who];
    machines_.machines["2"].packages = {package(kNew)};
    Machine first = test_machine(1);
    first.stores = true;
    const auto record = cluster_.records.get(Bucket::machines, first.id.str()).value();
    EXPECT_TRUE(cluster_.records.update(Bucket::machines, first.id.str(), to_text(to_json(first)),
                                        record->revision));
  }
  static Package package(std::string version) { return {std::move(version), "amd64", "sha256:1", 9}; }

  MachineUpdate update() {
    return {{MachineId("machine-2")},
            {cluster_.records, machines_, machines_, cluster_.clock, cluster_.entropy}};
  }
  Result<UpdateReport> run(std::vector<std::string> machines = {}, std::string version = kNew) {
    return update().run({std::move(version), std::move(machines), false, ""}, {},
                        stop_.get_token());
  }
  static std::string fates(const UpdateReport& report) {
    std::string text;
    for (const MachineUpdated& step : report.machines) {
      text += std::format("{}{} {}", text.empty() ? "" : ", ", step.name, to_string(step.fate));
    }
    return text;
  }
  Operation newest() { return list_operations(cluster_.records, 1).value().at(0).operation; }
  std::string recorded(int machine) {
    const auto record =
        cluster_.records.get(Bucket::machines, test_machine(machine).id.str()).value();
    return machine_from_json(*parse_json(record->value))->version;
  }

  Cluster cluster_{3};
  Machines machines_;
  std::stop_source stop_;
};

TEST_F(MachineUpdateTest, EveryPackageFirstThenOneAfterTheOther) {
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(machines_.log,
            "offer 2, fetch 3, offer 2, fetch 1, install 3, install 1, install 2");
  EXPECT_EQ(fates(*done), "m3 updated, m1 updated, m2 updated");
  EXPECT_EQ(done->outcome, Outcome::committed);
  EXPECT_EQ(newest().outcome, Outcome::committed);
  EXPECT_EQ(newest().id, done->operation);
  EXPECT_EQ(newest().plan.changes.at(0).detail, "0.1.0 → 0.1.1");
  for (const int machine : {1, 2, 3}) EXPECT_EQ(recorded(machine), kNew);
}

TEST_F(MachineUpdateTest, RepeatedNothingIsDone) {
  ASSERT_TRUE(run());
  machines_.log.clear();
  const auto again = run();
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(again->outcome, Outcome::unchanged);
  EXPECT_EQ(fates(*again), "m3 unchanged, m1 unchanged, m2 unchanged");
  EXPECT_EQ(machines_.log, "");
  EXPECT_EQ(list_operations(cluster_.records, 9).value().size(), 1u);
}

TEST_F(MachineUpdateTest, APreviewAsksAndChangesNothing) {
  const auto plan = update().run({kNew, {"m3"}, true, ""}, {}, {});
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(fates(*plan), "m3 planned");
  // Of a package that nobody keeps, as long as it says for which architecture it is.
  EXPECT_EQ(fates(*update().run({"0.2.0", {}, true, "amd64"}, {}, {})),
            "m3 planned, m1 planned, m2 planned");
  EXPECT_EQ(update().run({"0.2.0", {}, true, ""}, {}, {}).error().code, Code::not_found);
  EXPECT_EQ(machines_.log, "");
  EXPECT_TRUE(list_operations(cluster_.records, 9).value().empty());
}

TEST_F(MachineUpdateTest, NobodyKeepsIt) {
  const auto refused = run({}, "0.1.7");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_found);
  EXPECT_TRUE(refused.error().hint.contains(kNew)) << refused.error().hint;
}

TEST_F(MachineUpdateTest, AMachineThatGoesBackStopsItAndTheSameCommandGoesOn) {
  machines_.machines["1"].broken = true;
  const auto failed = run();
  ASSERT_TRUE(failed) << failed.error().line();
  EXPECT_EQ(fates(*failed), "m3 updated, m1 back, m2 waiting");
  EXPECT_EQ(failed->outcome, Outcome::failed);
  ASSERT_TRUE(failed->error);
  EXPECT_TRUE(failed->error->message.contains("machine m1: it is of version 0.1.0 again: it does "
                                              "not come up"))
      << failed->error->message;
  EXPECT_EQ(newest().outcome, Outcome::failed);
  EXPECT_EQ(recorded(3), kNew);

  machines_.machines["1"].broken = false;
  machines_.log.clear();
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(fates(*done), "m3 unchanged, m1 updated, m2 updated");
  EXPECT_EQ(machines_.log, "install 1, install 2");
}

// The daemon that coordinates dies with its machine's own update; the next one ends the operation.
TEST_F(MachineUpdateTest, TheCoordinatorsOwnMachineIsUpdatedOverItsDeath) {
  machines_.before = [&](const std::string& line) {
    if (line == "install 2") stop_.request_stop();
  };
  const auto cut = run();
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::unavailable);
  EXPECT_EQ(cut.error().effect, Effect::unknown);
  EXPECT_FALSE(newest().ended());
  const OperationId operation = newest().id;
  machines_.before = {};
  stop_ = {};
  machines_.machines["2"].questions = 3;  // its updater still looks around when it is asked
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->operation, operation);
  EXPECT_EQ(fates(*done), "m3 unchanged, m1 unchanged, m2 updated");
  EXPECT_EQ(newest().outcome, Outcome::committed);
  EXPECT_EQ(newest().attempt, 2u);
}

// All is done, but for the word of it.
TEST_F(MachineUpdateTest, AnOperationThatLacksOnlyItsEndIsEnded) {
  machines_.before = [&](const std::string& line) {
    if (line == "install 2") stop_.request_stop();
  };
  ASSERT_FALSE(run());
  machines_.before = {};
  stop_ = {};
  UpdateState& own = machines_.machines["2"].state;
  own.updating = false;
  own.version = own.installed = kNew;
  own.last->stage = UpdateStage::done;
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->outcome, Outcome::committed);
  EXPECT_EQ(newest().outcome, Outcome::committed);
  EXPECT_EQ(recorded(2), kNew);
}

TEST_F(MachineUpdateTest, AnotherUpdateEndsOneThatWasCutOff) {
  machines_.before = [&](const std::string& line) {
    if (line == "install 2") stop_.request_stop();
  };
  ASSERT_FALSE(run());
  const OperationId former = newest().id;
  machines_.before = {};
  stop_ = {};
  machines_.machines["2"].packages.push_back(package("0.1.2"));
  machines_.machines["2"].questions = 1;
  const auto done = run({}, "0.1.2");
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_NE(done->operation, former);
  EXPECT_EQ(fates(*done), "m3 updated, m1 updated, m2 updated");
  EXPECT_EQ(find_operation(cluster_.records, former).value()->operation.outcome, Outcome::aborted);
}

TEST_F(MachineUpdateTest, CanceledBetweenMachinesItStops) {
  machines_.before = [&](const std::string& line) {
    if (line == "install 3") stop_.request_stop();
  };
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(done->outcome, Outcome::aborted);
  EXPECT_EQ(fates(*done), "m3 failed, m1 waiting, m2 waiting");
  EXPECT_EQ(newest().outcome, Outcome::aborted);
}

TEST_F(MachineUpdateTest, OneThatIsNotHeardOfAgainIsGivenUp) {
  machines_.before = [&](const std::string& line) {
    if (line == "install 3") machines_.machines["3"].silent = true;
  };
  const auto done = run();
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(fates(*done), "m3 failed, m1 waiting, m2 waiting");
  EXPECT_EQ(done->outcome, Outcome::failed);
}

TEST_F(MachineUpdateTest, ResumedAndAbortedByItsId) {
  machines_.before = [&](const std::string& line) {
    if (line == "install 2") stop_.request_stop();
  };
  ASSERT_FALSE(run());
  machines_.before = {};
  const auto resumed = update().resume(newest().id, {}, {});
  ASSERT_TRUE(resumed) << resumed.error().line();
  EXPECT_EQ(resumed->outcome, Outcome::committed);
  EXPECT_EQ(update().abort(newest().id)->outcome, Outcome::committed);
  EXPECT_EQ(update().resume(OperationId("nobody"), {}, {}).error().code, Code::not_found);
}

}  // namespace
}  // namespace ployz

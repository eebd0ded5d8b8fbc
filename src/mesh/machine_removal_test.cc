// Removals through the real engine, on machines in memory; killed at every step, and run again.
#include "mesh/machine_removal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/testing/fake_cluster.h"
#include "mesh/machine_state.h"
#include "mesh/revocation.h"
#include "mesh/roster.h"
#include "mesh/subnets.h"

namespace ployz {
namespace {

using testing::Cluster;
using ::testing::ElementsAre;
using testing::failing;
using ::testing::HasSubstr;
using testing::kImage1;
using testing::test_machine;
using testing::test_request;
using testing::test_service;
using End = RemovalReport::End;

struct Killed {};

// Calls back before and after every write.
class WatchedRecords final : public KeyValue {
 public:
  explicit WatchedRecords(KeyValue& inner) : inner_(inner) {}
  std::function<void()> tick = [] {};

  template <class F>
  auto around(F write) {
    tick();
    auto done = write();
    tick();
    return done;
  }

  Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override {
    return inner_.get(bucket, key);
  }
  Result<uint64_t> create(Bucket bucket, std::string_view key, std::string_view value) override {
    return around([&] { return inner_.create(bucket, key, value); });
  }
  Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                          uint64_t revision) override {
    return around([&] { return inner_.update(bucket, key, value, revision); });
  }
  Status remove(Bucket bucket, std::string_view key, uint64_t revision) override {
    return around([&] { return inner_.remove(bucket, key, revision); });
  }
  Result<std::vector<Record>> list(Bucket bucket) override { return inner_.list(bucket); }
  Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool)> on_change) override {
    return inner_.watch(bucket, std::move(on_change));
  }

 private:
  KeyValue& inner_;
};

Service database() {
  Service db = test_service("db");
  db.rollout = Rollout::recreate;
  db.placement.machines = {"m2"};
  db.container.mounts = {{VolumeName("data"), "/data", false}};
  return db;
}

// Every machine has every image here; machine_drain_test has those that lack some.
CopyImage no_copies() {
  return [](const ImageCopy& copy, const MachineId&, const EventSink&, std::stop_token) -> Status {
    return fail(Code::internal, "nobody lacks image " + copy.image);
  };
}

class MachineRemovalTest : public ::testing::Test {
 protected:
  MachineRemovalTest() {
    for (auto& [machine, facts] : cluster_.machines.machines) {
      facts.images[std::string(kImage1)] = std::string(kImage1);
      facts.pool = StoragePool{"btrfs", false, 1ull << 40, 1ull << 40, 1000};
    }
    for (int number = 1; number <= 3; ++number) {
      const Machine machine = test_machine(number);
      EXPECT_TRUE(record_subnet(cluster_.records, cluster_.clock, machine.subnet, machine.id));
    }
    EXPECT_TRUE(cluster_.run(test_request({test_service("web", 3)})));
    cluster_.take_log();
  }

  // A database whose data is on m2, and only there; it may stand anywhere.
  void with_database() {
    DeployRequest request = test_request({database()}, "bank");
    VolumeSpec data;
    data.name = VolumeName("data");
    request.manifest.volumes = {data};
    for (const bool pinned : {true, false}) {
      if (!pinned) request.manifest.services[0].placement.machines.clear();
      const auto deployed = cluster_.run(request);
      ASSERT_TRUE(deployed) << deployed.error().line();
      ASSERT_TRUE(deployed->ended() && !deployed->error) << to_string(deployed->outcome);
    }
    cluster_.take_log();
  }

  MachineRemoval removal(int self = 1) {
    return MachineRemoval(
        {test_machine(self).id, std::chrono::milliseconds(500)},
        {*cluster_.engine, records_, cluster_.machines, cluster_.clock, cluster_.entropy,
         no_copies(), moves_});
  }
  Result<RemovalReport> run(RemovalRequest request = {"m2"}, std::stop_token cancel = {}) {
    return removal().run(request, cluster_.sink(), std::move(cancel));
  }
  RemovalReport done(RemovalRequest request = {"m2"}) {
    auto report = run(std::move(request));
    EXPECT_TRUE(report) << report.error().line();
    return report ? *std::move(report) : RemovalReport{};
  }
  Error refused(RemovalRequest request) {
    const auto report = run(std::move(request));
    EXPECT_FALSE(report);
    EXPECT_EQ(cluster_.take_log(), "");
    return report ? Error{} : report.error();
  }
  std::optional<MachineState> state() {
    const auto record = cluster_.records.get(Bucket::machines, test_machine(2).id.str());
    if (!record || !*record) return std::nullopt;
    return machine_from_json(parse_json((*record)->value).value()).value().state;
  }
  Operation operation() {
    auto found = list_operations(cluster_.records, 100).value();
    std::erase_if(found, [](const auto& one) { return one.operation.kind != kMachineRm; });
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? Operation{} : found.front().operation;
  }
  // From the moment it was told, it answers nobody.
  void leaves_when_told() {
    cluster_.machines.fault = [this](const std::string& line) -> std::optional<Error> {
      if (line == "leave machine-2") cluster_.machines.silent.insert(test_machine(2).id);
      return std::nullopt;
    };
  }
  void silence(int number = 2) { cluster_.machines.silent.insert(test_machine(number).id); }
  void expect_out() {
    EXPECT_EQ(state(), std::nullopt);
    EXPECT_EQ(claimed_subnet(cluster_.records, test_machine(2).id).value(), std::nullopt);
    SelfRecord again;
    again.id = test_machine(2).id;
    again.wireguard_public_key = again.nats_public_key = "another";
    EXPECT_EQ(check_not_removed(cluster_.records, again).error().code, Code::denied);
    EXPECT_EQ(operation().outcome, Outcome::committed);
    // Every newest commit can be deployed again, and names nothing there.
    const Snapshot stored = cluster_.engine->stored().value();
    for (const auto& [name, entry] : stored.newest) {
      for (const CommittedService& service : entry.commit.services) {
        for (const CommittedInstance& instance : service.instances) {
          EXPECT_NE(instance.machine, test_machine(2).id);
        }
      }
    }
  }
  std::vector<std::string> logged(std::string_view prefix) {
    std::vector<std::string> lines;
    for (const std::string& line : cluster_.machines.log) {
      if (line.starts_with(prefix)) lines.push_back(line);
    }
    return lines;
  }

  Cluster cluster_{3};
  MovesUnderWay moves_;
  WatchedRecords records_{cluster_.records};
};

TEST_F(MachineRemovalTest, EverythingMovesAndItsCredentialsAreRevoked) {
  leaves_when_told();
  const auto preview = removal().preview({"m2"});
  ASSERT_TRUE(preview) << preview.error().line();
  EXPECT_EQ(preview->end, End::preview);
  EXPECT_EQ(preview->steps.size(), 1u);
  EXPECT_EQ(state(), MachineState::active);

  const RemovalReport report = done();
  EXPECT_EQ(report.end, End::removed) << report.error.value_or(Error{}).line();
  EXPECT_TRUE(report.host_leaves);
  EXPECT_TRUE(report.unconfirmed.empty());
  EXPECT_TRUE(find_tombstone(cluster_.records, "m2").value()->told);
  EXPECT_EQ(report.steps.size(), 1u);
  EXPECT_THAT(logged("mesh_sync"), ElementsAre("mesh_sync machine-1", "mesh_sync machine-3"));
  EXPECT_EQ(cluster_.machines.containers(), 3u);
  expect_out();
  EXPECT_EQ(operation().plan.changes.front().resource, "machine m2");

  EXPECT_EQ(done().end, End::unchanged);
  EXPECT_EQ(run({"m9"}).error().code, Code::not_found);
}

TEST_F(MachineRemovalTest, KilledAtEachStepTheSameCommandGoesOn) {
  // The whole of it in as many pieces as there are moments to die at.
  int ticks = 0;
  int kill_at = 0;
  const auto tick = [&] {
    if (++ticks == kill_at) throw Killed{};
  };
  int kills = 0;
  for (kill_at = 1;; ++kill_at) {
    SCOPED_TRACE(kill_at);
    Cluster fresh{3};
    WatchedRecords records(fresh.records);
    records.tick = tick;
    for (auto& [machine, facts] : fresh.machines.machines) {
      facts.images[std::string(kImage1)] = std::string(kImage1);
    }
    ASSERT_TRUE(fresh.run(test_request({test_service("web", 3)})));
    fresh.machines.fault = [&](const std::string& line) -> std::optional<Error> {
      if (line == "leave machine-2") fresh.machines.silent.insert(test_machine(2).id);
      tick();
      return std::nullopt;
    };
    const auto remove = [&] {
      return MachineRemoval({test_machine(1).id, std::chrono::milliseconds(500)},
                            {*fresh.engine, records, fresh.machines, fresh.clock, fresh.entropy,
                             no_copies(), moves_})
          .run({"m2"}, {}, {});
    };
    ticks = 0;
    bool killed = false;
    try {
      (void)remove();
    } catch (const Killed&) {
      killed = true;
      ++kills;
    }
    if (killed) {
      fresh.restart();
      const auto again = remove();
      ASSERT_TRUE(again) << again.error().line();
      // When it dies between the answer and its note, nobody knows whether the host cleans itself.
      EXPECT_THAT(again->end, ::testing::AnyOf(End::removed, End::unchanged, End::cleanup_pending))
          << again->error.value_or(Error{}).line();
    }
    EXPECT_FALSE(fresh.records.get(Bucket::machines, "machine-2").value());
    EXPECT_TRUE(find_tombstone(fresh.records, "m2").value());
    EXPECT_EQ(fresh.machines.running("machine-2"), "");
    EXPECT_EQ(fresh.machines.containers(), 3u);
    if (!killed) break;
  }
  EXPECT_GT(kills, 20);
}

TEST_F(MachineRemovalTest, WhatCannotBeRemovedIsRefusedBeforeAnythingChanges) {
  EXPECT_THAT(refused({"m1"}).hint, HasSubstr("run the same command on another one, such as m2"));
  EXPECT_THAT(refused({"m2", true, false, true}).hint, HasSubstr("ployzctl machine rm m2"));
  silence();
  EXPECT_THAT(refused({"m2"}).hint, HasSubstr("ployzctl machine rm m2 --force"));
  EXPECT_EQ(state(), MachineState::active);

  Cluster alone{1};
  const auto last =
      MachineRemoval({MachineId("machine-9")},
                     {*alone.engine, alone.records, alone.machines, alone.clock, alone.entropy,
                      no_copies(), moves_})
          .preview({"m1"});
  ASSERT_FALSE(last);
  EXPECT_THAT(last.error().hint, HasSubstr("ployzctl mesh destroy"));
}

TEST_F(MachineRemovalTest, DataThatIsNowhereElseGoesOnlyWhenThatWasSaid) {
  Dataset orphan;
  orphan.spec.id = DatasetId("01orphan");
  orphan.spec.name_space = NamespaceName("old");
  orphan.spec.volume = VolumeName("data");
  orphan.snapshots = {{SnapshotName("01s"), "guid-1", 0}};
  cluster_.machines.machines.at(test_machine(2).id).datasets = {orphan};
  const Error error = refused({"m2"});
  EXPECT_EQ(error.code, Code::precondition);
  EXPECT_THAT(error.message, HasSubstr("1 datasets that are nowhere else"));
  EXPECT_EQ(error.context.at(0).key, "old/data");
  EXPECT_THAT(error.hint, HasSubstr("--keep-data"));
  EXPECT_EQ(state(), MachineState::active);

  // A copy of its last state elsewhere is enough.
  auto copy = orphan;
  copy.spec.id = DatasetId("01copy");
  auto& elsewhere = cluster_.machines.machines.at(test_machine(3).id).datasets;
  elsewhere = {copy};
  EXPECT_TRUE(removal().preview({"m2"})->only_there.empty());
  elsewhere.clear();

  leaves_when_told();
  const RemovalReport report = done({"m2", false, true});
  EXPECT_EQ(report.end, End::removed) << report.error.value_or(Error{}).line();
  EXPECT_TRUE(report.keep_data);
  EXPECT_EQ(report.deletes.size(), 1u);
  expect_out();
}

TEST_F(MachineRemovalTest, OneThatWasToldIsNoObstacleWhenItIsSilent) {
  cluster_.machines.fault = [this](const std::string& line) -> std::optional<Error> {
    if (line != "leave machine-2") return std::nullopt;
    silence();
    return Error{Code::timeout, Effect::unknown, "no reply", "", {}};
  };
  const RemovalReport report = done();
  EXPECT_EQ(report.end, End::cleanup_pending);
  EXPECT_FALSE(report.host_leaves);
  EXPECT_THAT(report.error->hint, HasSubstr("mesh destroy --force"));
  EXPECT_FALSE(find_tombstone(cluster_.records, "m2").value()->told)
      << "nobody has seen it take note";
  expect_out();
}

TEST_F(MachineRemovalTest, MembersThatDoNotConfirmAreNamed) {
  cluster_.machines.fault = [this](const std::string& line) -> std::optional<Error> {
    if (line == "leave machine-2") silence(3);
    return std::nullopt;
  };
  const RemovalReport report = done();
  EXPECT_EQ(report.end, End::removed) << report.error.value_or(Error{}).line();
  EXPECT_THAT(report.unconfirmed, ElementsAre("m3"));
}

TEST_F(MachineRemovalTest, ADrainThatFailsEndsItAndTheMachineMayStay) {
  cluster_.machines.fault = failing("apply run_instance");
  const RemovalReport report = done();
  EXPECT_EQ(report.end, End::failed);
  EXPECT_THAT(report.error->hint, HasSubstr("go on: ployzctl machine rm m2"));
  EXPECT_EQ(operation().outcome, Outcome::failed);
  EXPECT_EQ(state(), MachineState::draining);
  cluster_.machines.fault = nullptr;
  ASSERT_TRUE(put_in_service("m2", false, cluster_.engine->stored().value(), cluster_.records,
                             cluster_.clock));

  std::stop_source cancel;
  cancel.request_stop();
  const auto aborted = run({"m2"}, cancel.get_token());
  ASSERT_TRUE(aborted) << aborted.error().line();
  EXPECT_EQ(aborted->end, End::aborted);
  EXPECT_EQ(state(), MachineState::draining);
}

TEST_F(MachineRemovalTest, WhatIsLeavingTakesNoOtherState) {
  ASSERT_TRUE(change_machine_state(cluster_.records, cluster_.clock, test_machine(2).id,
                                   MachineState::leaving));
  const auto back = change_machine_state(cluster_.records, cluster_.clock, test_machine(2).id,
                                         MachineState::active);
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().hint, HasSubstr("machine rm m2"));
}

TEST_F(MachineRemovalTest, ResumedAndAborted) {
  ASSERT_TRUE(cluster_.records.get(Bucket::machines, "machine-2").value());
  Removal begun(cluster_.records, cluster_.clock, OperationId("01removal"), test_machine(3).id,
                test_machine(2), {"m2", false, true});
  ASSERT_TRUE(begun.save());
  EXPECT_TRUE(begun.request().keep_data);
  const auto aborted = removal().abort(OperationId("01removal"));
  ASSERT_TRUE(aborted) << aborted.error().line();
  EXPECT_EQ(aborted->outcome, Outcome::aborted);

  Removal second(cluster_.records, cluster_.clock, OperationId("01removal2"), test_machine(3).id,
                 test_machine(2), {"m2"});
  ASSERT_TRUE(second.save());
  leaves_when_told();
  const auto resumed = removal().resume(OperationId("01removal2"), cluster_.sink(), {});
  ASSERT_TRUE(resumed) << resumed.error().line();
  EXPECT_EQ(resumed->outcome, Outcome::committed);
  EXPECT_EQ(state(), std::nullopt);
  // The former coordinator is stopped at its next write.
  EXPECT_FALSE(second.save());
}

// -- by force -------------------------------------------------------------------------------------

TEST_F(MachineRemovalTest, ALostMachineIsListedAndWhatCanRestartsElsewhere) {
  with_database();
  silence();
  const Error asked = refused({"m2", true});
  EXPECT_THAT(asked.hint, HasSubstr("--force --yes"));
  ASSERT_EQ(asked.context.size(), 3u);
  EXPECT_EQ(asked.context[0].key + ": " + asked.context[0].value, "bank/data: lost");
  EXPECT_EQ(asked.context[1].key + ": " + asked.context[1].value, "bank/db: ends");
  EXPECT_EQ(asked.context[2].key + ": " + asked.context[2].value, "shop/web: restarts");
  EXPECT_EQ(state(), MachineState::active);

  const RemovalReport report = done({"m2", true, false, true});
  EXPECT_EQ(report.end, End::removed) << report.error.value_or(Error{}).line();
  EXPECT_EQ(report.steps.size(), 2u);
  const Tombstone tombstone = find_tombstone(cluster_.records, "m2").value().value();
  EXPECT_EQ(tombstone.notice.operation, report.operation);
  EXPECT_TRUE(tombstone.notice.forced && !tombstone.told) << "it is told when it comes back";
  expect_out();
  const auto stored = cluster_.engine->stored().value();
  EXPECT_TRUE(stored.newest.at(NamespaceName("bank")).commit.services.empty());
  EXPECT_TRUE(stored.newest.at(NamespaceName("bank")).commit.volumes.empty());
  EXPECT_EQ(stored.newest.at(NamespaceName("shop")).commit.services[0].instances.size(), 3u);
  EXPECT_EQ(done({"m2", true, false, true}).end, End::unchanged);

  // The next deploy works, with new and empty data.
  DeployRequest request = test_request({database()}, "bank");
  request.manifest.services[0].placement.machines.clear();
  VolumeSpec data;
  data.name = VolumeName("data");
  request.manifest.volumes = {data};
  const auto deployed = cluster_.run(request);
  ASSERT_TRUE(deployed) << deployed.error().line();
  EXPECT_EQ(deployed->outcome, Outcome::committed);
}

TEST_F(MachineRemovalTest, ALossThatIsNotSettledIsGoneOnWith) {
  silence();
  cluster_.machines.fault = failing("apply run_instance");
  const RemovalReport pending = done({"m2", true, false, true});
  EXPECT_EQ(pending.end, End::cleanup_pending);
  EXPECT_EQ(operation().outcome, Outcome::committed_cleanup_pending);
  EXPECT_EQ(state(), std::nullopt);
  cluster_.machines.fault = nullptr;
  // One that came in under its name meanwhile is another.
  Machine namesake = test_machine(4);
  namesake.name = "m2";
  const auto record = cluster_.records.create(Bucket::machines, namesake.id.str(),
                                              to_text(to_json(namesake)));
  ASSERT_TRUE(record);
  const auto other = removal().preview({"m2"});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("machine m2 does not answer"));
  ASSERT_TRUE(cluster_.records.remove(Bucket::machines, namesake.id.str(), *record));
  // What was agreed to needs no second yes.
  const RemovalReport report = done({"m2"});
  EXPECT_EQ(report.end, End::removed) << report.error.value_or(Error{}).line();
  expect_out();
}

}  // namespace
}  // namespace ployz

// Each kind of finding by itself, from a healthy cluster with one thing wrong.
#include "doctor/diagnose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "doctor/findings.h"
#include "doctor/testing.h"

namespace ployz {
namespace {

using namespace ployz::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Diagnose : public ::testing::Test {
 protected:
  // The only one there is; an empty one, with a failure, otherwise.
  Finding the_finding() {
    const auto all = diagnose(view);
    EXPECT_EQ(all.size(), 1u) << listed(all);
    return all.size() == 1 ? all.front() : Finding{};
  }
  void expect(Severity severity, std::string_view topic, std::string_view machine,
              std::string_view what, std::string_view run, std::string_view run_on) {
    const Finding finding = the_finding();
    EXPECT_EQ(finding.severity, severity);
    EXPECT_EQ(finding.topic, topic);
    EXPECT_EQ(finding.machine, machine);
    EXPECT_THAT(finding.what, HasSubstr(std::string(what)));
    EXPECT_EQ(finding.run, run);
    EXPECT_EQ(finding.run_on, run_on);
  }
  static std::string listed(const std::vector<Finding>& all) {
    std::string text;
    for (const Finding& finding : all) text += to_json(finding).dump() + "\n";
    return text;
  }
  Checkup& checkup(size_t index) { return *view.machines.at(index).checkup; }
  MachineFacts& facts(size_t index) { return checkup(index).facts; }
  void read_histories() {
    for (const NamespaceName& name : histories_to_read(view)) view.history[name];
  }

  ClusterView view = healthy_cluster();
  const NamespaceName shop{"shop"};
};

TEST_F(Diagnose, AHealthyClusterHasNoFindings) {
  EXPECT_THAT(diagnose(view), IsEmpty());
  EXPECT_THAT(histories_to_read(view), IsEmpty());
  EXPECT_EQ((DoctorReport{{"m1"}, diagnose(view)}).worst(), Severity::ok);
}

TEST_F(Diagnose, ASilentMachineIsOneFinding) {
  view.machines[1].checkup.reset();
  view.machines[1].router.reset();
  view.machines[1].answers_ping = false;
  view.machines[1].silent = Error{Code::timeout, Effect::unknown, "no answer in 1200 ms", "", {}};
  expect(Severity::error, "machine", "m2",
         "does not answer: no answer in 1200 ms; last handshake with it 30 s ago",
         "systemctl status ployzd ployz-nats ployz-wireguard", "m2");
  checkup(0).peers.clear();
  EXPECT_THAT(the_finding().what, HasSubstr("no handshake with it"));
}

TEST_F(Diagnose, ASilentMachineThatAnswersItsPeers) {
  MachineView& m2 = view.machines[1];
  m2.checkup.reset();
  m2.router.reset();
  m2.answers_ping = false;
  m2.silent =
      Error{Code::unavailable, Effect::none, "ployzd of machine m2 does not answer", "", {}};
  const std::string run = "systemctl status ployz-nats ployz-wireguard";
  m2.hello = PeerHello{m2.machine.id, "lab", 1, "1.0", false};
  expect(Severity::error, "machine", "m2",
         "is alive, but cut off from the store: NATS does not answer there", run, "m2");
  EXPECT_FALSE(the_finding().what.contains("epoch"));
  m2.hello->connected = true;
  m2.hello->epoch = 2;
  expect(
      Severity::error, "machine", "m2",
      "is alive, but cut off from the store: NATS answers there, but nothing of it arrives here; "
      "it knows epoch 2 of the store, and this machine epoch 1",
      run, "m2");
  m2.hello->epoch = 1;
  m2.machine.stores = true;
  m2.hello->connected = false;
  expect(Severity::error, "machine", "m2",
         "is alive, but without its store: NATS does not answer there", run, "m2");
  m2.hello.reset();
  m2.peer_silent = Error{Code::unavailable, Effect::none, "connection refused", "", {}};
  expect(
      Severity::error, "machine", "m2",
      "does not answer, nor on its peer port (connection refused): ployzd of machine m2 does not",
      "systemctl status ployzd ployz-nats ployz-wireguard", "m2");
  m2.peer_silent->code = Code::denied;
  expect(Severity::error, "machine", "m2", "is alive, but does not take this machine for a member",
         "ployzctl machine ls", "m2");
}

// With the store away it is no news that somebody cannot be looked at, but that he is alive is.
TEST_F(Diagnose, WhoAnswersHisPeersWhileTheStoreIsAway) {
  view.store_silent = Error{Code::timeout, Effect::none, "no answer in 700 ms", "", {}};
  view.epoch = 0;
  MachineView& m2 = view.machines[1];
  m2.checkup.reset();
  m2.answers_ping = false;
  m2.silent = Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  m2.hello = PeerHello{m2.machine.id, "lab", 1, "1.0", true};
  const auto of_m2 = [&] {
    const auto all = diagnose(view);
    const auto found = std::ranges::find(all, "m2", &Finding::machine);
    return found == all.end() ? Finding{} : *found;
  };
  EXPECT_EQ(of_m2().severity, Severity::warning);
  EXPECT_EQ(of_m2().what, "is alive; more cannot be asked while the store does not answer");
  m2.hello->epoch = 7;
  EXPECT_EQ(of_m2().severity, Severity::error);
  EXPECT_THAT(of_m2().what, HasSubstr("epoch 7 of the store, and this machine epoch 1"));
  m2.hello.reset();
  EXPECT_THAT(of_m2().what, HasSubstr("does not answer"));
}

TEST_F(Diagnose, ADaemonThatAnswersAndCannotBeExamined) {
  view.machines[1].checkup.reset();
  view.machines[1].silent = Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  expect(Severity::error, "machine", "m2", "not all of its parts do",
         "journalctl -u ployzd -u docker -n 50", "m2");
  view.machines[1].silent->code = Code::unsupported;
  expect(Severity::warning, "version", "m2", "cannot be examined", "ployzctl --version", "m2");
}

TEST_F(Diagnose, Units) {
  UnitFacts& unit = checkup(1).units[0];
  unit = {"ployz-haproxy.service", "inactive", "dead", 0, kAskedMs};
  expect(Severity::error, "unit", "m2", "ployz-haproxy.service is inactive (dead)",
         "systemctl start ployz-haproxy.service", "m2");
  unit = {"ployz-knot.service", "activating", "auto-restart", 31, kAskedMs};
  expect(Severity::error, "unit", "m2", "ends whenever it is started (31 times)",
         "journalctl -u ployz-knot.service -n 50", "m2");
  unit = {"ployz-knot.service", "activating", "start", 0, kAskedMs - 60'000};
  expect(Severity::warning, "unit", "m2", "is activating for 60 s",
         "journalctl -u ployz-knot.service -n 50", "m2");
  unit = {"ployz-knot.service", "active", "running", 2, kAskedMs - 60'000};
  expect(Severity::warning, "unit", "m2", "ended by itself 2 times, the last time 60 s ago",
         "journalctl -u ployz-knot.service -n 50", "m2");
  unit.since_ms = kAskedMs - kUnsteadyMs - 1000;  // long ago
  EXPECT_THAT(diagnose(view), IsEmpty());
  checkup(1).errors["ployz-nats.service"] = "unit ployz-nats.service is not-found";
  expect(Severity::error, "unit", "m2", "cannot be looked at", "systemctl daemon-reload", "m2");
}

TEST_F(Diagnose, PartsThatCannotBeAsked) {
  checkup(1).errors = {{"pool", "not mounted"}};
  expect(Severity::error, "pool", "m2", "its pool of volumes cannot be looked at: not mounted",
         "systemctl restart ployz-pool", "m2");
  // Nothing is concluded from what was not seen.
  checkup(1).errors.clear();
  checkup(0).errors = {{"containers", "no answer"}};
  facts(0).instances.clear();
  expect(Severity::error, "containers", "m1", "its containers", "systemctl restart docker", "m1");
  checkup(0).errors = {{"peers", "x"}};
  facts(0).instances = {found_instance("i1")};
  checkup(0).peers.clear();
  EXPECT_EQ(the_finding().topic, "peer");
  checkup(0) = *healthy_cluster().machines[0].checkup;
  checkup(0).errors = {{"routes", "x"}, {"disk", "x"}, {"memory", "x"}, {"datasets", "x"}};
  checkup(0).routes.clear();
  facts(0).disk_free_bytes = 0;
  EXPECT_EQ(diagnose(view).size(), 4u) << listed(diagnose(view));
}

TEST_F(Diagnose, Clocks) {
  facts(1).clock_ms = view.answered_at_ms + 3'000;
  expect(Severity::warning, "clock", "m2", "3.0 s ahead of", "timedatectl set-ntp true", "m2");
  facts(1).clock_ms = view.asked_at_ms - 60'000;
  expect(Severity::error, "clock", "m2", "60.0 s behind", "timedatectl set-ntp true", "m2");
  facts(1).clock_ms = view.asked_at_ms - 1'500;  // within what a slow answer may make of it
  EXPECT_THAT(diagnose(view), IsEmpty());
}

TEST_F(Diagnose, PeersAndRoutes) {
  checkup(0).peers[0].handshake_age_ms = kHandshakeLimitMs + 20'000;
  expect(Severity::error, "peer", "m1", "no handshake with m2 for 3 min (endpoint 192.0.2.7:51820)",
         "ping -c 3 10.101.2.1", "m1");
  checkup(0).peers[0] = {"key-2", "", std::nullopt};
  EXPECT_THAT(the_finding().what, HasSubstr("no handshake with m2 yet (endpoint unknown)"));
  checkup(0).peers.clear();
  expect(Severity::error, "peer", "m1", "its tunnel does not know m2", "systemctl restart ployzd",
         "m1");
  view = healthy_cluster();
  checkup(1).routes.pop_back();
  expect(Severity::error, "route", "m2", "10.101.2.0/24 does not lead to the bridge ployz0",
         "ployzctl mesh start", "m2");
  checkup(1).routes = {{"10.101.0.0/16", "ployz0"}, {"10.101.2.0/24", "ployz0"}};
  expect(Severity::error, "route", "m2", "10.101.0.0/16 does not lead into the tunnel",
         "ployzctl mesh start", "m2");
}

TEST_F(Diagnose, DiskAndPool) {
  facts(0).disk_free_bytes = 1ull << 30;
  expect(Severity::warning, "disk", "m1", "1.0 GiB are free", "docker system df", "m1");
  facts(0).disk_free_bytes = 10ull << 20;
  expect(Severity::error, "disk", "m1", "10.0 MiB are free", "docker system df", "m1");
  view = healthy_cluster();
  facts(0).pool->free_bytes = 5ull << 30;
  expect(Severity::warning, "pool", "m1", "5.0 GiB of 100.0 GiB (5%) are free",
         "ployzctl volume ls --unreferenced", "");
  facts(0).pool->free_bytes = 1ull << 30;
  EXPECT_EQ(the_finding().severity, Severity::error);
  facts(0).pool.reset();  // it keeps none
  EXPECT_THAT(diagnose(view), IsEmpty());
}

TEST_F(Diagnose, CopiesOfTheStore) {
  checkup(1).copy = CopyFacts{true, 4'000, 7, 8};
  EXPECT_THAT(diagnose(view), IsEmpty());
  checkup(1).copy->behind_ms = 5 * 60'000;
  expect(Severity::warning, "copy", "m2",
         "its copy of the store was last seen to have everything 5 min ago: it has commit 7 of 8",
         "journalctl -u ployzd -u 'ployz-nats*' -n 50", "m2");
  checkup(1).copy->behind_ms = 3 * kCopyErrorMs;
  EXPECT_EQ(the_finding().severity, Severity::error);
  checkup(1).copy = CopyFacts{false, 5'000, 0, 0};
  EXPECT_THAT(diagnose(view), IsEmpty()) << "it is being made";
  checkup(1).copy->behind_ms = 2 * kCopyWarningMs;
  expect(Severity::error, "copy", "m2", "its copy of the store is not whole",
         "journalctl -u ployzd -u 'ployz-nats*' -n 50", "m2");
  // With the store away a lag is its doing; what cannot become the store is named at once.
  view.store_silent = Error{Code::timeout, Effect::none, "no answer in 1 s", "", {}};
  checkup(1).copy->behind_ms = 5'000;
  const auto found = diagnose(view);
  EXPECT_TRUE(std::ranges::contains(found, "copy", &Finding::topic)) << listed(found);
  checkup(1).copy = CopyFacts{true, 2 * kCopyErrorMs, 7, 8};
  EXPECT_EQ(the_finding().topic, "store");
}

TEST_F(Diagnose, Invites) {
  Invite invite;
  invite.id = InviteId("inv-1");
  invite.name = "m4";
  invite.created_at_ms = view.answered_at_ms - 50 * 60'000;
  invite.expires_at_ms = view.answered_at_ms + 10 * 60'000;
  view.invites = {invite};
  expect(Severity::warning, "invite", "", "invite inv-1 for m4 expires in 10 min, and nobody has",
         "ployzctl machine invite create --name m4", "");
  view.invites[0].expires_at_ms += 60'000;
  EXPECT_THAT(diagnose(view), IsEmpty());
  view.invites[0].created_at_ms = view.answered_at_ms - 30'000;  // a short life, hardly begun
  view.invites[0].expires_at_ms = view.answered_at_ms + 30'000;
  EXPECT_THAT(diagnose(view), IsEmpty());
  view.invites[0].name.clear();
  view.invites[0].expires_at_ms = view.answered_at_ms - 180'000;
  expect(Severity::warning, "invite", "", "inv-1 expired 3 min ago, and nobody came in by it",
         "ployzctl machine invite create", "");
  // Used by somebody who has not come; and by one who has.
  view.invites[0].state = InviteState::used;
  view.invites[0].user = InviteUser{MachineId("machine-7"), "m7", "key", "key"};
  expect(Severity::warning, "invite", "", "m7, which used it, has not become a machine",
         "ployzctl machine invite create", "");
  view.invites[0].user->machine = MachineId("machine-2");
  EXPECT_THAT(diagnose(view), IsEmpty());
  view.invites[0].state = InviteState::revoked;
  EXPECT_THAT(diagnose(view), IsEmpty());
  view.invites[0].state = InviteState::open;
  view.invites[0].expires_at_ms = view.answered_at_ms - kInviteGraceMs - 1;
  EXPECT_THAT(diagnose(view), IsEmpty()) << "long forgotten";
}

TEST_F(Diagnose, Admissions) {
  Admission admission;
  admission.machine.id = MachineId("machine-7");
  admission.machine.name = "m7";
  admission.operation = OperationId("op-7");
  admission.expires_at_ms = view.answered_at_ms + 4 * 60'000;
  view.admissions = {admission};
  expect(Severity::warning, "admission", "", "m7 has been let in and is no machine of the network",
         "ployzctl op resume op-7", "");
  view.admissions[0].expires_at_ms += 2 * 60'000;
  EXPECT_THAT(diagnose(view), IsEmpty()) << "it is on its way";
  view.admissions[0].expires_at_ms = view.answered_at_ms - 1;
  EXPECT_THAT(diagnose(view), IsEmpty()) << "its operation says so";
}

TEST_F(Diagnose, TheStore) {
  checkup(1).epoch = 2;
  expect(Severity::error, "store", "m2", "knows epoch 2 of the store, which is at 1",
         "systemctl restart ployzd", "m2");
  view = healthy_cluster();
  view.unreadable = {"commit 12 of shop: not JSON"};
  expect(Severity::error, "store", "", "commit 12 of shop: not JSON", "ployzctl namespace ls", "");
  // Without the store what it would explain is no finding.
  view = healthy_cluster();
  view.machines.pop_back();
  view.members = {view.machines[0].machine};
  view.newest.clear();
  view.epoch = 0;
  view.whole = false;
  view.store_silent = Error{Code::unavailable, Effect::none, "no answer in 1 s", "", {}};
  expect(Severity::error, "store", "", "does not answer m1", "ployzctl status", "");
}

TEST_F(Diagnose, Versions) {
  view.machines[1].router->version = "0.9";
  expect(Severity::warning, "version", "m2", "its router is of version 0.9, its daemon of 1.0",
         "systemctl restart ployz-router", "m2");
  facts(1).version = "0.9";
  expect(Severity::warning, "version", "", "0.9 on m2; 1.0 on m1",
         "ployzctl machine update --version 1.0", "");
}

TEST_F(Diagnose, WhatTheRouterServes) {
  RouterStatus& router = *view.machines[1].router;
  router.gateway[shop] = 6;
  router.gateway_error = "connection refused";
  expect(Severity::error, "router", "m2",
         "the gateway serves commit 6 of shop, not 7: connection refused",
         "journalctl -u ployz-router -n 50", "m2");
  router.gateway.clear();
  router.dns.clear();
  router.reads_the_store = false;
  router.held_back[shop] = "no free slot";
  expect(Severity::error, "router", "m2",
         "the gateway serves no commit of shop, not 7: no free slot; DNS serves no commit of shop",
         "systemctl restart ployz-router", "m2");
  view.operations = {operation_of(Outcome::running)};  // it is on its way
  router.reads_the_store = true;
  EXPECT_THAT(the_finding().what, HasSubstr("last attempt failed: connection refused"));
  router.gateway_error.clear();
  router.reads_the_store = false;
  EXPECT_THAT(the_finding().what, HasSubstr("has not read the store's commits"));
  view.machines[1].router.reset();
  view.machines[1].router_silent = Error{Code::unavailable, Effect::none, "no responders", "", {}};
  expect(Severity::error, "router", "m2", "its router does not answer: no responders",
         "systemctl restart ployz-router", "m2");
}

TEST_F(Diagnose, CommittedInstances) {
  FoundInstance& found = facts(0).instances[0];
  found.state = InstanceState::exited;
  found.exit_code = 137;
  expect(Severity::error, "instance", "m1", "instance i1 of shop/web has exited with code 137",
         "ployzctl logs shop/web", "");
  found.state = InstanceState::unknown;
  EXPECT_EQ(the_finding().severity, Severity::warning);
  facts(0).instances.clear();
  expect(Severity::error, "instance", "m1", "i1 of shop/web is committed and has no container",
         "ployzctl deploy -f MANIFEST", "");
  view.operations = {operation_of(Outcome::committed)};  // long ended
  EXPECT_EQ(the_finding().topic, "instance");
  view.operations[0].ended_at_ms = view.asked_at_ms + 10;  // while machines were asked
  EXPECT_THAT(diagnose(view), IsEmpty());
}

TEST_F(Diagnose, ContainersNobodyOwns) {
  facts(1).instances = {found_instance("stray")};
  expect(Severity::warning, "container", "m2",
         "container of instance stray (shop/web) is of no commit",
         "docker rm -f $(docker ps -aq --filter label=ployz.instance=stray)", "m2");
  facts(1).instances = {found_instance("a'; reboot")};
  EXPECT_EQ(the_finding().run,
            "docker rm -f $(docker ps -aq --filter 'label=ployz.instance=a'\\''; reboot')");
  // What an unfinished operation has made is its own, wherever it is.
  facts(1).instances = {found_instance("new")};
  facts(1).instances[0].name_space = NamespaceName("branch");
  Operation operation = operation_of(Outcome::running);
  operation.id = OperationId("op-1");
  view.operations = {operation};
  EXPECT_THAT(diagnose(view), IsEmpty());
}

TEST_F(Diagnose, DatasetsNoCommitExplains) {
  facts(1).datasets = {found_dataset("d2", {})};
  EXPECT_THAT(histories_to_read(view), ::testing::ElementsAre(shop));
  EXPECT_THAT(diagnose(view), IsEmpty()) << "its history was not read";
  read_histories();
  expect(Severity::warning, "dataset", "m2", "dataset d2 (shop/data, 0.0 MiB) is of no commit",
         "ployzctl volume prune shop --dry-run", "");
  CommitEntry former = shop_commit();
  former.commit.volumes[0].dataset = DatasetId("d2");
  view.history[shop] = {former};
  EXPECT_THAT(diagnose(view), IsEmpty());
  facts(1).datasets[0].spec.name_space = NamespaceName("never");
  facts(1).datasets[0].spec.id = DatasetId("d3");
  read_histories();
  EXPECT_EQ(the_finding().run, "ployzctl volume ls --unreferenced");
}

TEST_F(Diagnose, SnapshotsNoCommitExplains) {
  facts(0).datasets = {found_dataset("d1", {"commit-7", "round-1", "round-2"})};
  EXPECT_THAT(diagnose(view), IsEmpty()) << "no history was read";
  read_histories();
  expect(Severity::warning, "snapshot", "m1",
         "2 snapshots of dataset d1 (shop/data) are of no commit: round-1, round-2",
         "ployzctl volume prune shop --dry-run", "");
  // One of a branch that is being made.
  facts(0).datasets = {found_dataset("d1", {"commit-8"})};
  Operation operation = operation_of(Outcome::running);
  operation.name_space = NamespaceName("branch");
  operation.plan.commit = Commit{};
  operation.plan.commit->id = CommitId("commit-8");
  view.operations = {operation};
  EXPECT_THAT(diagnose(view), IsEmpty());
}

TEST_F(Diagnose, WhatCanBeMendedWithoutADoubt) {
  checkup(1).units[0] = {"ployz-haproxy.service", "failed", "failed", 0, kAskedMs};
  EXPECT_EQ(the_finding().fix, (Fix{FixKind::start_unit, "ployz-haproxy.service"}));
  checkup(1).units[0] = {"ployz-haproxy.service", "activating", "auto-restart", 9, kAskedMs};
  EXPECT_FALSE(the_finding().fix) << "starting it is what does not help";

  view = healthy_cluster();
  view.machines[1].router.reset();
  EXPECT_FALSE(the_finding().fix) << "whether its unit runs is not known";
  checkup(1).units = {{"ployz-router.service", "active", "running", 0, kAskedMs - 3'600'000}};
  EXPECT_EQ(the_finding().fix, (Fix{FixKind::restart_unit, "ployz-router.service"}));
  checkup(1).units[0].active_state = "inactive";
  for (const Finding& finding : diagnose(view)) {
    EXPECT_EQ(finding.fix.has_value(), finding.topic == "unit") << finding.what;
  }
}

TEST_F(Diagnose, OnlyWhatAnEndedOperationLeftIsRemoved) {
  facts(1).instances = {found_instance("stray")};
  EXPECT_FALSE(the_finding().fix) << "nobody knows its operation";
  Operation operation = operation_of(Outcome::failed);
  operation.id = OperationId("op-1");
  view.operations = {operation};
  EXPECT_EQ(the_finding().fix, (Fix{FixKind::remove_container, "stray"}));
  view.operations[0].outcome = Outcome::committed;
  view.operations[0].committed_sequence = 8;  // the store has lost that commit
  EXPECT_FALSE(the_finding().fix);
  view.operations[0].committed_sequence = 7;
  EXPECT_TRUE(the_finding().fix);
  // It may be of the commit that nobody can read.
  view.newest.clear();
  view.unreadable = {"commit 7 of shop does not parse"};
  facts(0).instances.clear();
  facts(0).datasets.clear();
  for (MachineView& machine : view.machines) machine.router->gateway.clear();
  EXPECT_EQ(the_finding().topic, "store");
}

TEST_F(Diagnose, ACleanupThatDestroysNoDataCanBeFinished) {
  view.operations = {operation_of(Outcome::committed_cleanup_pending)};
  EXPECT_FALSE(the_finding().fix) << "it is no operation of the engine";
  view.operations[0].plan.commit = Commit{};
  view.operations[0].committed_sequence = 7;
  view.operations[0].plan.cleanup.resize(1);
  view.operations[0].plan.cleanup[0].action = RemoveInstance{};
  EXPECT_EQ(the_finding().fix, (Fix{FixKind::finish_operation, "op-9"}));
  for (const Action& destroys : {Action(DestroyDataset{}), Action(DestroySnapshots{})}) {
    view.operations[0].plan.cleanup[0].action = destroys;
    EXPECT_FALSE(the_finding().fix);
  }
  view.operations[0].outcome = Outcome::interrupted;  // to go on or to undo is somebody's decision
  EXPECT_FALSE(the_finding().fix);
}

TEST_F(Diagnose, OperationsAndPreparedPlans) {
  view.operations = {operation_of(Outcome::interrupted)};
  expect(Severity::error, "operation", "", "operation op-9 (deploy of shop) was interrupted",
         "ployzctl op resume op-9", "");
  view.operations = {operation_of(Outcome::committed_cleanup_pending)};
  expect(Severity::warning, "operation", "", "its cleanup is pending", "ployzctl op resume op-9",
         "");
  view.operations = {operation_of(Outcome::running), operation_of(Outcome::failed)};
  EXPECT_THAT(diagnose(view), IsEmpty());
  view.prepared = {{OperationId("op-5"), "branch", shop, kAskedMs - 300'000},
                   {OperationId("op-6"), "branch", shop, kAskedMs + 300'000}};
  expect(Severity::warning, "prepared", "", "prepared plan op-5 (branch of shop) expired 5 min ago",
         "ployzctl branch prepare --help", "");
  // Not asked for the whole cluster: only what is a machine's own.
  view.whole = false;
  EXPECT_THAT(diagnose(view), IsEmpty());
}

TEST_F(Diagnose, ErrorsComeFirstThenByMachine) {
  facts(0).disk_free_bytes = 1ull << 30;
  facts(1).disk_free_bytes = 1;
  view.prepared = {{OperationId("op-5"), "branch", shop, kAskedMs - 300'000}};
  const auto all = diagnose(view);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].machine, "m2");
  EXPECT_EQ(all[1].machine, "");
  EXPECT_EQ(all[2].machine, "m1");
  const Json json = to_json(DoctorReport{{"m1", "m2"}, all});
  EXPECT_EQ(json["worst"], "error");
  EXPECT_EQ(json["findings"][0]["severity"], "error");
  EXPECT_EQ(json["findings"][0]["run_on"], "m2");
}

}  // namespace
}  // namespace ployz

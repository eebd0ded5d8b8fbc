// mesh and machine commands, --machine, and names in a development cluster.
#include "cli/cli_test_host.h"
#include "cli/contexts.h"
#include "cli/dev_cluster.h"
#include "cli/machine_rtt.h"

namespace ployz::cli {
namespace {

MachineReport machine(std::string id, std::string name) {
  MachineReport report;
  report.machine.id = MachineId(std::move(id));
  report.machine.name = std::move(name);
  report.machine.subnet = "10.101.0.0/24";
  report.facts = MachineFacts{};
  report.round_trip_us = 850;
  return report;
}

TEST_F(CliTest, MachineLsMarksTheSilentWithTheReason) {
  auto m1 = machine("01arz3ndektsv4rrffq69g5fa1", "m1");
  m1.self = true;
  auto m2 = machine("01arz3ndektsv4rrffq69g5fa2", "m2");
  m2.facts.reset();
  m2.silent = Error{Code::timeout, Effect::none, "no answer in 2 s", "", {}};
  m2.endpoint = "192.0.2.8:51820";
  m2.handshake_age_ms = 65'000;
  service_.machine_list = {m1, m2};
  EXPECT_EQ(run({"machine", "ls", "--plain"}), 0) << host_.err;
  EXPECT_EQ(host_.out,
            "m1\tactive\t10.101.0.0/24\tthis machine\t850 µs\t\tno\t0\n"
            "m2\tSILENT: no answer in 2 s\t10.101.0.0/24\t192.0.2.8:51820, 1 min 5 s ago\t-\t\t"
            "no\t?\n");
  EXPECT_EQ(run({"machine", "inspect", "m2"}), 0);
  EXPECT_TRUE(host_.out.contains("unknown")) << host_.out;
}

TEST_F(CliTest, DoctorListsFindingsWithTheCommandsInFull) {
  service_.doctor_report.machines = {"m1", "m2"};
  EXPECT_EQ(run({"doctor"}), 0) << host_.err;
  EXPECT_EQ(host_.out, "nothing is wrong with 2 machines\n");
  EXPECT_EQ(run({"doctor", "--plain"}), 0);
  EXPECT_EQ(host_.out, "");
  service_.doctor_report.findings = {
      {Severity::warning, "prepared", "", "prepared plan op-5 expired 5 min ago",
       "ployzctl branch prepare --help", ""}};
  EXPECT_EQ(run({"doctor"}), 0) << "a warning is no error";
  service_.doctor_report.findings.insert(
      service_.doctor_report.findings.begin(),
      {Severity::error, "unit", "m2", "ployz-haproxy.service is inactive (dead), and so is much else",
       "systemctl start ployz-haproxy.service", "m2"});
  host_.columns = 50;
  EXPECT_EQ(run({"doctor", "m2", "m1"}), 1);
  EXPECT_EQ(service_.examined, (std::vector<std::string>{"m2", "m1"}));
  EXPECT_TRUE(host_.out.contains("on m2: systemctl start ployz-haproxy.service\n")) << host_.out;
  EXPECT_TRUE(host_.out.contains("…")) << host_.out;
  EXPECT_TRUE(host_.out.contains("1 errors, 1 warnings on 2 machines\n")) << host_.out;
  for (size_t at = 0, end = 0; at < host_.out.find("what to run"); at = end + 1) {
    end = host_.out.find('\n', at);
    EXPECT_LE(columns_of(std::string_view(host_.out).substr(at, end - at)), 50u) << host_.out;
  }
  EXPECT_EQ(run({"doctor", "--plain"}), 1);
  EXPECT_TRUE(host_.out.starts_with("error\tm2\tployz-haproxy.service is inactive (dead), and so is "
                                    "much else\tm2\tsystemctl start ployz-haproxy.service\n"))
      << host_.out;
  EXPECT_EQ(run({"doctor", "--json"}), 1);
  EXPECT_EQ(document()["findings"][0]["run_on"], "m2");
  service_.machine_list = {machine("01arz3ndektsv4rrffq69g5fa1", "m1"),
                           machine("01arz3ndektsv4rrffq69g5fa2", "m2")};
  EXPECT_EQ(run({"__complete", "--", "doctor", ""}), 0);
  EXPECT_EQ(host_.out, "m1\nm2\n");
  EXPECT_EQ(run({"__complete", "--", "doctor", "m1", "m"}), 0);
  EXPECT_EQ(host_.out, "m1\nm2\n");
}

TEST_F(CliTest, DoctorFixesWhatItShowsAndNothingElse) {
  const WantedFix knot{"m2", {FixKind::start_unit, "ployz-knot.service"}};
  service_.doctor_report.machines = {"m1", "m2"};
  service_.doctor_report.findings = {
      {Severity::warning, "disk", "m1", "1.0 GiB are free", "docker system df", "m1"}};
  EXPECT_EQ(run({"doctor", "--fix", "--yes", "--json"}), 0) << host_.err;
  EXPECT_EQ(document()["outcome"], "unchanged");
  EXPECT_EQ(document()["findings"].size(), 1u);
  EXPECT_FALSE(service_.mended) << "there is nothing to be mended";

  service_.doctor_report.findings.push_back({Severity::error, "unit", "m2", "it is inactive",
                                             "systemctl start ployz-knot.service", "m2", knot.fix});
  EXPECT_EQ(run({"doctor"}), 1);
  EXPECT_TRUE(host_.out.ends_with("ployzctl doctor --fix can do 1 of it\n")) << host_.out;
  EXPECT_EQ(run({"doctor", "--fix"}), 2);
  EXPECT_TRUE(host_.err.contains("this would start ployz-knot.service on m2")) << host_.err;
  EXPECT_TRUE(host_.err.contains("--yes")) << host_.err;
  EXPECT_EQ(run({"doctor", "--yes"}), 2);
  EXPECT_FALSE(service_.mended) << "nobody has said so";

  service_.fix_report.fixes = {{knot, {}}};
  service_.fix_report.left.machines = {"m1", "m2"};
  EXPECT_EQ(run({"doctor", "m2", "--fix", "--yes"}), 0) << host_.err;
  EXPECT_EQ(service_.mended, (FixRequest{{"m2"}, {knot}}));
  EXPECT_EQ(host_.out, "done: start ployz-knot.service on m2\nnothing is wrong with 2 machines\n");
  service_.fix_report.fixes[0].error = Error{Code::timeout, Effect::unknown, "no answer", "", {}};
  EXPECT_EQ(run({"doctor", "--fix", "--yes"}), 1);
  EXPECT_TRUE(host_.out.starts_with("not done: start ployz-knot.service on m2: no answer\n"))
      << host_.out;
  EXPECT_EQ(run({"doctor", "--fix", "--yes", "--json"}), 1);
  EXPECT_EQ(document()["outcome"], "failed");
}

TEST_F(CliTest, AReadingOfTheCopySaysSoBesideTheAnswer) {
  service_.error = Error{Code::unavailable, Effect::none, "the store does not answer", "", {}};
  const auto keep = [&] {
    service_.copied = std::make_unique<FakeService>();
    service_.copied->machine_list = {machine("01arz3ndektsv4rrffq69g5fa1", "m1")};
    service_.copied_as_of = {1'700'000'000'000, 12'000, 4711};
  };
  keep();
  EXPECT_EQ(run({"machine", "ls"}), 0) << host_.err;
  EXPECT_TRUE(host_.out.contains("m1")) << host_.out;
  EXPECT_TRUE(host_.err.starts_with("the store does not answer; this is the copy of 2023-11-14"))
      << host_.err;
  EXPECT_TRUE(host_.err.ends_with(" old (commit 4711)\n")) << host_.err;
  keep();
  EXPECT_EQ(run({"machine", "inspect", "m1", "--json"}), 0) << host_.err;
  EXPECT_EQ(host_.err, "");
  EXPECT_EQ(document()["as_of"]["age_ms"], 12'000);
  EXPECT_NE(run({"machine", "ls"}), 0) << "it keeps none";
  EXPECT_FALSE(host_.err.contains("copy")) << host_.err;
}

TEST_F(CliTest, RttIsAMatrixOfFewAndAListOfMany) {
  for (int i = 0; i < 9; ++i)
    service_.machine_list.push_back(
        machine(std::format("01arz3ndektsv4rrffq69g5fa{}", i), std::format("m{}", i)));
  const auto pair = [&](int from, int to) {
    RttReport report;
    report.from = service_.machine_list.at(static_cast<size_t>(from)).machine.id;
    report.to = service_.machine_list.at(static_cast<size_t>(to)).machine.id;
    report.samples = 5;
    report.median_us = 1500;
    report.deviation_us = 20;
    return report;
  };
  service_.rtt_list = {pair(0, 1), pair(1, 0)};
  service_.rtt_list[1].samples = 0;
  service_.rtt_list[1].error = "no answer";
  EXPECT_EQ(run({"machine", "rtt"}), 0) << host_.err;
  EXPECT_TRUE(host_.out.contains("1.50 ms ±20 µs")) << host_.out;
  EXPECT_TRUE(host_.out.contains("m1 → m0: no answer")) << host_.out;
  for (int i = 1; i < 9; ++i) service_.rtt_list.push_back(pair(0, i));
  EXPECT_EQ(run({"machine", "rtt"}), 0);
  EXPECT_TRUE(host_.out.starts_with("FROM")) << host_.out;
  EXPECT_TRUE(host_.out.contains("DEVIATION")) << host_.out;
  EXPECT_EQ(run({"machine", "rtt", "--json"}), 0);
  EXPECT_EQ(document()["pairs"].size(), 10u);
}

TEST_F(CliTest, MachineStandbyAndActivateSayWhatStays) {
  service_.state_report.machine = machine("01arz3ndektsv4rrffq69g5fa2", "m2").machine;
  service_.state_report.machine.state = MachineState::standby;
  service_.state_report.changed = true;
  service_.state_report.workloads = {{NamespaceName("shop"), ServiceName("web"), 2}};
  EXPECT_EQ(run({"machine", "standby", "m2", "--force"}), 0) << host_.err;
  EXPECT_EQ(service_.standby->machine, "m2");
  EXPECT_TRUE(service_.standby->force);
  EXPECT_EQ(host_.out, "machine m2: standby\n  stays: shop/web, 2 instances\n");
  EXPECT_EQ(run({"machine", "standby", "m2", "-n"}), 0) << host_.err;
  EXPECT_FALSE(service_.standby->force);
  EXPECT_TRUE(service_.standby->preview);
  service_.state_report.changed = false;
  EXPECT_EQ(run({"machine", "activate", "m2", "--json"}), 0) << host_.err;
  EXPECT_EQ(service_.in_service, "m2");
  EXPECT_EQ(document()["outcome"], "unchanged");
  EXPECT_EQ(document()["machine"]["state"], "standby");
  EXPECT_EQ(document()["workloads"][0]["service"], "web");
  EXPECT_EQ(run({"machine", "standby"}), 2);
  service_.error = Error{Code::precondition, Effect::none, "machine m2 runs shop/web", "", {}};
  EXPECT_EQ(run({"machine", "standby", "m2"}), 3);
}

TEST_F(CliTest, MachineDrainTellsStepsAndWhatStays) {
  DrainReport& report = service_.drain_report;
  report.machine = machine("01arz3ndektsv4rrffq69g5fa2", "m2").machine;
  DrainStep step;
  step.name_space = NamespaceName("shop");
  step.services = {ServiceName("db")};
  step.volumes = {VolumeName("data")};
  step.to = "m3";
  step.bytes = 2048;
  report.steps = {step};
  report.stays = {{DatasetId("01d1"), NamespaceName("shop"), VolumeName("data"), 2048, true}};
  EXPECT_EQ(run({"machine", "drain", "m2", "-n"}), 0) << host_.err;
  EXPECT_FALSE(service_.drained);
  EXPECT_EQ(host_.out,
            "shop: db, volume data → m3, 2.0 KiB (planned)\n"
            "data that stays there, of former commits or of nobody:\n"
            "  shop/data 01d1, 2.0 KiB, goes on elsewhere\n"
            "machine m2: preview; nothing was changed\n");
  report.end = DrainReport::End::failed;
  report.steps[0].operation = OperationId(std::string(kOperation));
  report.steps[0].outcome = Outcome::failed;
  report.error = Error{Code::unavailable, Effect::none, "m3 is away", "", {}};
  EXPECT_EQ(run({"machine", "drain", "m2"}), 1);
  EXPECT_EQ(service_.drained, "m2");
  EXPECT_TRUE(host_.err.contains("m3 is away")) << host_.err;
  report.end = DrainReport::End::cleanup_pending;
  EXPECT_EQ(run({"machine", "drain", "m2", "--json"}), 4);
  EXPECT_EQ(document()["outcome"], "cleanup_pending");
  EXPECT_EQ(document()["error"]["message"], "m3 is away");
  EXPECT_EQ(run({"machine", "drain"}), 2);
}

TEST_F(CliTest, MachineRmTellsWhatGoes) {
  RemovalReport& report = service_.removal_report;
  report.machine = machine("01arz3ndektsv4rrffq69g5fa2", "m2").machine;
  report.lost_services = {
      {NamespaceName("shop"), ServiceName("web"), 2, LostService::Fate::restarts, ""},
      {NamespaceName("shop"), ServiceName("db"), 1, LostService::Fate::ends, "its data is lost"}};
  report.lost_volumes = {{NamespaceName("shop"), VolumeName("data"), DatasetId("01d"), false, {}}};
  report.only_there = {{DatasetId("01e"), NamespaceName("old"), VolumeName("data"), 2048, false}};
  EXPECT_EQ(run({"machine", "rm", "m2", "-n"}), 0) << host_.err;
  EXPECT_FALSE(service_.removal);
  EXPECT_EQ(host_.out,
            "shop/web: 2 instances there; starts elsewhere\n"
            "shop/db: 1 instances there; ends: its data is lost\n"
            "volume shop/data: lost (dataset 01d)\n"
            "of that, what exists nowhere else:\n"
            "  old/data 01e, 2.0 KiB\n"
            "machine m2: preview; nothing was changed\n");
  report.end = RemovalReport::End::removed;
  report.unconfirmed = {"m3"};
  EXPECT_EQ(run({"machine", "rm", "m2", "--force", "--yes", "--keep-data"}), 0) << host_.err;
  ASSERT_TRUE(service_.removal);
  EXPECT_TRUE(service_.removal->force && service_.removal->yes && service_.removal->keep_data);
  EXPECT_TRUE(host_.out.contains("not confirmed by m3")) << host_.out;
  report.end = RemovalReport::End::cleanup_pending;
  report.error = Error{Code::unavailable, Effect::none, "m2 did not say", "", {}};
  EXPECT_EQ(run({"machine", "rm", "m2", "--json"}), 4);
  EXPECT_EQ(document()["error"]["message"], "m2 did not say");
  report.end = RemovalReport::End::failed;
  EXPECT_EQ(run({"machine", "rm", "m2"}), 1);
  service_.error = Error{Code::precondition, Effect::none, "m2 is the last one", "", {}};
  EXPECT_EQ(run({"machine", "rm", "m2"}), 3);
  EXPECT_EQ(run({"machine", "rm"}), 2);
}

TEST_F(CliTest, MeshSelfRecordJoinAndDestroy) {
  service_.self.name = "m2";
  EXPECT_EQ(run({"mesh", "self-record", "--json"}), 0) << host_.err;
  EXPECT_EQ(document()["name"], "m2");

  EXPECT_EQ(run({"mesh", "join"}), 2);
  host_.input = "{}";
  EXPECT_EQ(run({"mesh", "join", "--bundle-stdin"}), 2);
  EXPECT_FALSE(service_.joined);
  JoinBundle bundle;
  bundle.network.name = "prod";
  host_.input = to_json(bundle).dump();
  EXPECT_EQ(run({"network", "join", "--bundle-stdin"}), 0) << host_.err;
  EXPECT_EQ(service_.joined->network.name, "prod");

  EXPECT_EQ(run({"mesh", "stop", "--force", "--json"}), 0) << host_.err;
  EXPECT_EQ(document()["outcome"], "stopped");
  EXPECT_EQ(service_.stopped, true);
  EXPECT_EQ(run({"mesh", "start", "--json"}), 0) << host_.err;
  EXPECT_EQ(document()["outcome"], "started");

  EXPECT_EQ(run({"mesh", "destroy"}), 2);
  EXPECT_FALSE(service_.destroyed);
  EXPECT_EQ(run({"mesh", "destroy", "--force", "--yes", "--json"}), 0);
  EXPECT_EQ(document()["outcome"], "destroyed");
  EXPECT_EQ(service_.destroyed, true);
  EXPECT_FALSE(service_.data_kept);
  EXPECT_EQ(run({"mesh", "destroy", "--force", "--keep-data", "--yes"}), 0);
  EXPECT_TRUE(service_.data_kept);
  EXPECT_EQ(run({"mesh", "create", "prod"}), 0);
}

TEST_F(CliTest, MachineFlagTalksToAnotherDaemonOfTheCluster) {
  host_.environment.erase("PLOYZ_SOCKET");
  Contexts contexts;
  contexts.current = "dev-local";
  contexts.entries["dev-local"] = ContextEntry{{folder_ + "/absent.sock", ""}};
  contexts.entries["dev-local"].machines["dev-local-2"] = {socket_, ""};
  ASSERT_TRUE(save_contexts(folder_ + "/.config/ployz/contexts.json", contexts));
  EXPECT_EQ(load_contexts(folder_ + "/.config/ployz/contexts.json"), contexts);
  EXPECT_EQ(run({"ps"}), 3);
  EXPECT_EQ(run({"ps", "--machine", "dev-local-2"}), 0) << host_.err;
  EXPECT_EQ(run({"ps", "--machine", "dev-local"}), 3);
  EXPECT_EQ(run({"ps", "--machine", "dev-local-3"}), 2);
  EXPECT_TRUE(host_.err.contains("there is dev-local, dev-local-2")) << host_.err;
  EXPECT_EQ(run({"ps", "--machine", "x", "--socket", socket_}), 2);
  EXPECT_EQ(run({"context", "ls", "--plain"}), 0);
  EXPECT_TRUE(host_.out.contains("dev-local --machine dev-local-2\t" + socket_)) << host_.out;
  host_.environment["PLOYZ_MACHINE"] = "dev-local-2";
  EXPECT_EQ(run({"ps"}), 0) << host_.err;
}

TEST(Contexts, FilesWithoutMachinesStillParse) {
  const auto old = contexts_from_json(Json::parse(
      R"({"version":1,"current":"a","contexts":{"a":{"socket":"/s","container":"c"}}})"));
  ASSERT_TRUE(old) << old.error().line();
  EXPECT_EQ(old->entries.at("a"), (ContextEntry{{"/s", "c"}}));
  EXPECT_FALSE(to_json(*old)["contexts"]["a"].contains("machines"));
}

TEST(DevCluster, Names) {
  EXPECT_EQ(dev_machine("dev-local", 1), "dev-local");
  EXPECT_EQ(dev_machine("dev-local", 12), "dev-local-12");
  EXPECT_EQ(dev_number("dev-local", "dev-local"), 1u);
  EXPECT_EQ(dev_number("dev-local", "dev-local-12"), 12u);
  for (const auto* other : {"dev-local-1", "dev-local-02", "dev-local-x", "dev", "dev-local-2-3"})
    EXPECT_EQ(dev_number("dev-local", other), 0u) << other;
}

TEST_F(CliTest, DevUpDoesNotRemoveMachines) {
  host_.on_run = [](const Command& command) {
    Finished done;
    if (command.argv[1] == "info") done.out = "2\n";
    if (command.argv[1] == "container")
      done.out = R"([{"State":{"Running":true},"Image":"i","NetworkSettings":{"Networks":{}}}])";
    if (command.argv[1] == "ps")
      done.out = "ployz-dev-local\nployz-dev-local-2\nployz-dev-local-3\n";
    return done;
  };
  EXPECT_EQ(run({"dev", "up", "--machines", "2"}), 3);
  EXPECT_TRUE(host_.err.contains("the cluster has 3 machines")) << host_.err;
  EXPECT_TRUE(host_.err.contains("machine rm")) << host_.err;
  EXPECT_EQ(run({"dev", "up", "--machines", "0"}), 2);
  EXPECT_EQ(run({"dev", "up", "--machines", "201"}), 2);
  EXPECT_EQ(run({"dev", "shell", "--machine", "dev-local-2"}), 7);
  EXPECT_EQ(host_.ran.back()[3], "ployz-dev-local-2");
}

}  // namespace
}  // namespace ployz::cli

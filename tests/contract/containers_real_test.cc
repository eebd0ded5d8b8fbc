// The Containers contract on a real container engine, and what only a real one has: processes,
// output, logs on a disk, a restart.
#include <filesystem>
#include <thread>

#include "base/subprocess.h"
#include "contract/containers_contract.h"
#include "contract/docker_machine.h"

namespace ployz::contract {
namespace {

ContainersUnderTest make() {
  auto machine = std::make_shared<DockerMachine>();
  const Status network = machine->network.ensure_network(kTestSubnet);
  EXPECT_TRUE(network) << network.error().line();
  const std::string wait = "trap 'exit 0' TERM; echo started; while :; do sleep 1 & wait $!; done";
  const std::string deaf = "trap '' TERM; while :; do sleep 1; done";
  ContainersUnderTest result;
  result.containers = &machine->containers;
  result.runs = machine->shell(wait);
  result.exits = machine->shell("echo started; exit 3");
  // It only ignores the signal once its trap is set: the image's own init would race with us.
  result.stubborn = machine->shell(deaf);
  result.stubborn.entrypoint = {{"/usr/bin/env", "--ignore-signal=TERM", "/bin/sh", "-c"}};
  result.address = "10.199.0.7";
  result.other_address = "10.199.0.8";
  // Not below /tmp: the container engine may have one of its own.
  result.folder = "/var/lib/ployz-contract-folder";
  std::filesystem::create_directories(result.folder);
  result.owner = machine;
  return result;
}

class DockerContainersTest : public ContainersContract {
 protected:
  DockerMachine& machine() { return *std::static_pointer_cast<DockerMachine>(under_test_.owner); }
  InstanceConfig shell(std::string script) {
    return config(machine().shell(std::move(script)), under_test_.address);
  }
  std::string engine_id(const InstanceId& id) {
    const Json rows = machine().api.get(list_path(&id)).value_or(Json::array());
    return rows.empty() ? "" : rows[0].at("Id").get<std::string>();
  }
  ExecResult exec(const InstanceId& id, std::string script) {
    const auto done = containers().exec(id, {"sh", "-c", std::move(script)}, 10s);
    EXPECT_TRUE(done) << done.error().line();
    return done.value_or(ExecResult{});
  }
};

TEST_P(DockerContainersTest, ExecReturnsCodeAndBothStreams) {
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_EQ(exec(id, "exit 42").exit_code, 42);
  const ExecResult both = exec(id, "echo out; echo err >&2");
  EXPECT_TRUE(both.output.contains("out\n") && both.output.contains("err\n"));
  EXPECT_EQ(exec(id, "yes | head -c 1000000").output.size(), kMaxExecOutput);
  const auto missing = containers().exec(id, {"/no/such/program"}, 10s);
  EXPECT_TRUE(!missing || missing->exit_code == 126 || missing->exit_code == 127);
}

TEST_P(DockerContainersTest, ThePausedStandsStill) {
  const InstanceConfig made = config();
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(containers().pause(made.run.instance));
  const auto paused = [&] {
    const Json inspected =
        machine().api.get("/containers/" + engine_id(made.run.instance) + "/json").value();
    return inspected.at("State").at("Paused").get<bool>();
  };
  EXPECT_TRUE(paused());
  ASSERT_TRUE(containers().unpause(made.run.instance));
  EXPECT_FALSE(paused());
}

TEST_P(DockerContainersTest, WhatIsWrittenToAMountIsInTheFolderAndTheMissingFolderIsRefused) {
  InstanceConfig made = config();
  made.run.spec.mounts = {{VolumeName("data"), "/data"}, {VolumeName("same"), "/same", true}};
  made.mounts = {{under_test_.folder, "/data", false}, {under_test_.folder, "/same", true}};
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_EQ(exec(made.run.instance, "echo kept > /data/file; cat /same/file").output, "kept\n");
  EXPECT_NE(exec(made.run.instance, "echo no > /same/file").exit_code, 0);
  ASSERT_TRUE(containers().remove(made.run.instance, 5s));
  EXPECT_TRUE(std::filesystem::exists(under_test_.folder + "/file"));

  made.run.instance = config().run.instance;
  made.mounts[0].source += "-missing";
  const Status refused = containers().ensure_running(made);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_found) << refused.error().line();
  EXPECT_FALSE(std::filesystem::exists(made.mounts[0].source));
  EXPECT_EQ(find(made.run.instance), std::nullopt);
}

TEST_P(DockerContainersTest, ACommandThatHangsIsEndedAtItsTimeout) {
  const InstanceConfig made = config();
  const InstanceId& id = made.run.instance;
  ASSERT_TRUE(containers().ensure_running(made));
  const auto hung = containers().exec(id, {"sleep", "4711"}, 300ms);
  ASSERT_FALSE(hung);
  EXPECT_EQ(hung.error().code, Code::timeout);
  EXPECT_EQ(exec(id, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep [4]711'").output,
            "0\n");
}

TEST_P(DockerContainersTest, TheContainerKnowsWhoItIs) {
  InstanceConfig made = config();
  made.run.spec.env = {{"GREETING", "hello world"}};
  made.dns_server = "10.199.0.1";
  made.dns_search = "contract.cluster.local";
  ASSERT_TRUE(containers().ensure_running(made));
  const std::string seen =
      exec(made.run.instance, "echo $GREETING; env | grep PLOYZ_ | sort; hostname -I").output;
  EXPECT_EQ(seen, "hello world\nPLOYZ_INSTANCE=" + made.run.instance.str() +
                      "\nPLOYZ_NAMESPACE=contract\nPLOYZ_REVISION=111111111111\n"
                      "PLOYZ_SERVICE=web\n10.199.0.7 \n");
  EXPECT_TRUE(exec(made.run.instance, "cat /etc/resolv.conf")
                  .output.contains("search contract.cluster.local"));
}

TEST_P(DockerContainersTest, OtherNetworks) {
  InstanceConfig none = config();
  none.run.spec.network = NetworkMode::none;
  none.run.address.clear();
  ASSERT_TRUE(containers().ensure_running(none));
  EXPECT_EQ(exec(none.run.instance, "ls /sys/class/net").output, "lo\n");
  InstanceConfig host = config();
  host.run.spec.network = NetworkMode::host;
  host.run.address.clear();
  const Status run = containers().ensure_running(host);
  ASSERT_TRUE(run) << run.error().line();
  EXPECT_TRUE(exec(host.run.instance, "ls /sys/class/net").output.contains("ployzc0"));
}

TEST_P(DockerContainersTest, ACommandThatDoesNotExistIsInvalidAndLeavesNothing) {
  InstanceConfig made = config();
  made.run.spec.entrypoint = {{"/no/such/program"}};
  const Status run = containers().ensure_running(made);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::invalid) << run.error().line();
  EXPECT_TRUE(run.error().message.contains("/no/such/program")) << run.error().line();
  EXPECT_EQ(find(made.run.instance), std::nullopt);
}

TEST_P(DockerContainersTest, AnInterruptedAttemptIsFinished) {
  const InstanceConfig made = config();
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(containers().remove(made.run.instance, 0ms));
  // What a crash between create and start leaves.
  const std::string name = "ployz-contract-web-" + made.run.instance.str();
  const Json left = {
      {"Image", made.run.spec.image_id},
      {"Cmd", made.run.spec.command.value()},
      {"Entrypoint", made.run.spec.entrypoint.value()},
      {"Labels",
       {{label::kInstance, made.run.instance.str()}, {label::kRevision, made.run.revision.str()}}}};
  ASSERT_TRUE(machine().api.post("/containers/create?name=" + name, left));
  EXPECT_EQ(find(made.run.instance)->state, InstanceState::created);
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_EQ(find(made.run.instance)->state, InstanceState::running);
}

TEST_P(DockerContainersTest, CallsAtTheSameInstantMakeOneContainer) {
  const InstanceConfig made = config();
  std::vector<std::jthread> threads;
  std::atomic<int> succeeded = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { succeeded += containers().ensure_running(made) ? 1 : 0; });
  }
  threads.clear();
  EXPECT_EQ(succeeded, 4);
  EXPECT_EQ(machine().api.get(list_path(&made.run.instance))->size(), 1u);
}

TEST_P(DockerContainersTest, APausedOneIsUnpaused) {
  const InstanceConfig made = config();
  ASSERT_TRUE(containers().ensure_running(made));
  const std::string id = engine_id(made.run.instance);
  ASSERT_TRUE(machine().api.post("/containers/" + id + "/pause", nullptr));
  ASSERT_TRUE(containers().ensure_running(made));
  EXPECT_EQ(exec(made.run.instance, "exit 0").exit_code, 0);
}

TEST_P(DockerContainersTest, AFloodedLogIsBounded) {
  const InstanceConfig made =
      shell("head -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo end");
  Changes changes;
  const auto watch =
      containers().watch([&](FoundInstance found) { changes.add(std::move(found)); });
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(changes.wait(made.run.instance, InstanceState::exited));
  uintmax_t bytes = 0;
  const auto folder = "/var/lib/docker/containers/" + engine_id(made.run.instance);
  if (std::filesystem::exists(folder)) {
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      if (file.is_regular_file()) bytes += file.file_size();
    }
    EXPECT_GT(bytes, 5u << 20);
    EXPECT_LT(bytes, 25u << 20);
  }
  std::string tail;
  ASSERT_TRUE(containers().logs(made.run.instance, 1'000'000, false,
                                [&](std::string_view piece) {
                                  tail += piece;
                                  return true;
                                },
                                {}));
  EXPECT_LE(tail.size(), 64u << 10);
  EXPECT_TRUE(tail.ends_with("end\n"));
  EXPECT_TRUE(tail.starts_with("xxx"));
}

TEST_P(DockerContainersTest, LogsAreTheLastLinesThenWhatFollows) {
  const InstanceConfig made =
      shell("seq 100; while [ ! -e /go ]; do sleep 0.05; done; echo more; echo last; sleep 60");
  ASSERT_TRUE(containers().ensure_running(made));
  std::string text;
  ASSERT_TRUE(containers().logs(made.run.instance, 3, true,
                                [&](std::string_view piece) {
                                  text += piece;
                                  if (text.contains("100\n")) exec(made.run.instance, "touch /go");
                                  return !text.contains("last\n");
                                },
                                {}));
  EXPECT_TRUE(text == "98\n99\n100\nmore\nlast\n" || text.ends_with("100\nmore\nlast\n")) << text;
}

// The watch must outlive the engine, and containers their engine's restart.
TEST_P(DockerContainersTest, SurvivesARestartOfTheEngine) {
  if (!std::filesystem::exists("/run/systemd/system")) GTEST_SKIP() << "no systemd here";
  InstanceConfig made = config();
  made.run.spec.restart = RestartPolicy::unless_stopped;
  InstanceConfig stopped = config(under_test_.runs, under_test_.other_address);
  stopped.run.spec.restart = RestartPolicy::always;
  Changes changes;
  const auto watch =
      containers().watch([&](FoundInstance found) { changes.add(std::move(found)); });
  ASSERT_TRUE(containers().ensure_running(made));
  ASSERT_TRUE(containers().ensure_running(stopped));
  ASSERT_TRUE(containers().stop(stopped.run.instance, 5s));
  ASSERT_TRUE(changes.wait(made.run.instance, InstanceState::running));
  const uint64_t first_start = find(made.run.instance)->started_at_ms;
  ASSERT_TRUE(run_ok({.argv = {"systemctl", "reset-failed", "docker.service"}}));
  ASSERT_TRUE(run_ok({.argv = {"systemctl", "restart", "docker.service"}}, {.timeout = 90s}));

  const auto found = find(made.run.instance);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, InstanceState::running);
  EXPECT_GE(found->started_at_ms, first_start);  // equal when the engine restores live containers
  EXPECT_EQ(found->address, made.run.address);
  EXPECT_EQ(find(stopped.run.instance)->state, InstanceState::exited);
  EXPECT_TRUE(changes.wait(made.run.instance, InstanceState::running, 2));
  // And it still follows.
  ASSERT_TRUE(containers().stop(made.run.instance, 5s));
  EXPECT_TRUE(changes.wait(made.run.instance, InstanceState::exited));
}

TEST_P(DockerContainersTest, StartsAsFastAsDockerRun) {
  const auto milliseconds_of = [](const auto& call) {
    const auto before = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before)
        .count();
  };
  std::vector<double> ours;
  std::vector<double> theirs;
  for (int i = 0; i < 9; ++i) {
    const InstanceConfig made = config();
    ours.push_back(milliseconds_of([&] { ASSERT_TRUE(containers().ensure_running(made)); }));
    ASSERT_TRUE(containers().remove(made.run.instance, 0ms));
    const std::vector<std::string> docker_run{"docker",
                                              "run",
                                              "-d",
                                              "--name",
                                              "ployz-contract-raw",
                                              "--network",
                                              "ployz-contract",
                                              "--ip",
                                              made.run.address,
                                              "--restart",
                                              "unless-stopped",
                                              std::string(kTestImage),
                                              "sleep",
                                              "60"};
    theirs.push_back(milliseconds_of([&] { ASSERT_TRUE(run_ok({.argv = docker_run})); }));
    ASSERT_TRUE(run_ok({.argv = {"docker", "rm", "-f", "ployz-contract-raw"}}));
  }
  std::ranges::sort(ours);
  std::ranges::sort(theirs);
  std::printf("ensure_running: %.1f ms, docker run -d: %.1f ms (medians of %zu)\n", ours[4],
              theirs[4], ours.size());
  // A ratio of one run, wide enough for a loaded computer; bench/ has the figures.
  EXPECT_LE(ours[4], 1.5 * theirs[4]);
}

TEST_P(DockerContainersTest, AnEngineThatIsAwayIsUnavailable) {
  DockerApi away("/run/ployz-no-such-engine.sock");
  DockerContainers containers(away);
  const Status run = containers.ensure_running(config());
  EXPECT_EQ(run.error().code, Code::unavailable);
  EXPECT_EQ(run.error().effect, Effect::none);
  EXPECT_EQ(containers.watch([](FoundInstance) {}).error().code, Code::unavailable);
}

TEST_P(DockerContainersTest, TheNetworkIsOneAndHasOneSubnet) {
  DockerNetwork& network = machine().network;
  EXPECT_TRUE(network.ensure_network(kTestSubnet));
  EXPECT_EQ(network.ensure_network("10.199.1.0/24").error().code, Code::exists);
  ASSERT_TRUE(containers().ensure_running(config()));
  EXPECT_EQ(network.remove_network().error().code, Code::precondition);
  ASSERT_TRUE(containers().stop(made_.back(), 0ms));
  EXPECT_EQ(network.remove_network().error().code, Code::precondition);
  ASSERT_TRUE(containers().remove(made_.back(), 0ms));
  EXPECT_TRUE(network.remove_network());
  EXPECT_TRUE(network.remove_network());
  DockerNetwork other(machine().api, {"ployz-contract-2", "ployzc1", 1400});
  ASSERT_TRUE(network.ensure_network(kTestSubnet));
  const Status overlapping = other.ensure_network("10.199.0.0/16");
  EXPECT_EQ(overlapping.error().code, Code::precondition) << overlapping.error().line();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Docker, ContainersContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Docker, DockerContainersTest, testing::Values(&make));

}  // namespace ployz::contract

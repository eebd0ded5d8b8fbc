// Logs and exec of an instance from another machine, on the fakes.
#include "agent/stream_commands.h"

#include <gtest/gtest.h>

#include <future>

#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_transfers.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

class StreamCommandsTest : public testing::Test {
 protected:
  StreamCommandsTest() {
    images_.add("web:1", "sha256:web", {});
    for (const char* id : {"instance-1", "instance-2"}) {
      InstanceConfig config;
      config.run.instance = InstanceId(id);
      config.run.name_space = NamespaceName("shop");
      config.run.service = ServiceName("web");
      config.run.revision = RevisionId("rev-1");
      config.run.address = std::string("10.101.0.") + id[9];
      config.run.spec.image_id = "sha256:web";
      EXPECT_TRUE(containers_.ensure_running(config));
    }
  }
  Result<Json> ask(const std::string& command, const Json& request) {
    return commands_.handle(command, parse_json(to_text(request)).value()).value();
  }
  std::unique_ptr<MachineStream> open(bool follow, std::vector<InstanceId> ids) {
    const auto offered =
        ask("logs_offer", to_json(InstanceLogsRequest{"t-1", std::move(ids), 100, follow}));
    EXPECT_TRUE(offered) << offered.error().line();
    auto stream = other_.dial((*offered)["address"], std::string((*offered)["key"]),
                              {"logs", "t-1"}, {});
    EXPECT_TRUE(stream) << stream.error().line();
    return std::move(*stream);
  }

  sim::NoHook hook_;
  sim::SkewedClock clock_;
  sim::FakeImages images_{hook_};
  sim::FakeContainers containers_{hook_, images_};
  sim::FakeStreamNetwork network_;
  sim::FakeTransfers transfers_{hook_, network_, clock_, "10.101.0.1:4319"};
  sim::FakeTransfers other_{hook_, network_, clock_, "10.101.1.1:4319"};
  StreamCommands commands_{{containers_, images_, transfers_, clock_}, "/tmp"};
};

TEST_F(StreamCommandsTest, LogsOfSeveralInstancesArriveWithTheirNames) {
  const auto stream = open(false, {InstanceId("instance-1"), InstanceId("instance-2")});
  std::map<std::string, std::string> heard;
  const Status done = receive_logs(*stream, [&](const InstanceId& id, std::string_view text) {
    heard[id.str()] += text;
    return true;
  });
  EXPECT_TRUE(done) << done.error().line();
  for (const char* id : {"instance-1", "instance-2"}) {
    std::string local;
    ASSERT_TRUE(containers_.logs(
        InstanceId(id), 100, false,
        [&](std::string_view text) {
          local += text;
          return true;
        },
        {}));
    EXPECT_EQ(heard[id], local);
    EXPECT_NE(local, "");
  }
}

TEST_F(StreamCommandsTest, FollowingEndsWhenTheInstanceDoes) {
  const auto stream = open(true, {InstanceId("instance-1")});
  bool stopped = false;
  const Status done = receive_logs(*stream, [&](const InstanceId& id, std::string_view) {
    if (!std::exchange(stopped, true)) {
      EXPECT_TRUE(containers_.stop(id, {}));
    }
    return true;
  });
  EXPECT_TRUE(done) << done.error().line();
  EXPECT_TRUE(stopped);
}

TEST_F(StreamCommandsTest, FollowingEndsWhenTheListenerGoes) {
  auto stream = open(true, {InstanceId("instance-1")});
  EXPECT_TRUE(receive_logs(*stream, [](const InstanceId&, std::string_view) { return false; }));
  stream.reset();
  // That the followers have ended is what the end of `transfers_` waits for.
}

TEST_F(StreamCommandsTest, AnErrorOfTheEngineArrives) {
  const auto stream = open(false, {InstanceId("nobody")});
  const Status done =
      receive_logs(*stream, [](const InstanceId&, std::string_view) { return true; });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::not_found);
}

TEST_F(StreamCommandsTest, Exec) {
  const Json request = {{"instance", "instance-1"}, {"command", {"true"}}, {"timeout_ms", 1000}};
  const auto local = containers_.exec(InstanceId("instance-1"), {"true"}, std::chrono::seconds(1));
  const auto answer = ask("exec", request);
  ASSERT_TRUE(answer && local);
  EXPECT_EQ((*answer)["exit_code"], local->exit_code);
  EXPECT_EQ((*answer)["output"], local->output);
  EXPECT_EQ(ask("exec", {{"instance", "x"}, {"command", {"true"}}, {"timeout_ms", 1}}).error().code,
            Code::not_found);
}

TEST_F(StreamCommandsTest, OffersAndFetchesWhatMakesSense) {
  EXPECT_FALSE(commands_.handle("facts", {}));
  const std::string id = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(ask("image_offer", to_json(ImageOfferRequest{"t", "web:1", 0})).error().code,
            Code::invalid);
  EXPECT_EQ(ask("image_offer", to_json(ImageOfferRequest{"t", id, 0})).error().code,
            Code::not_found);
  ImageFetchRequest fetch{"t", id, "web:9", std::string(64, 'b'), transfers_.address()};
  fetch.cancel = true;
  EXPECT_EQ(ask("image_fetch", to_json(fetch)).error().code, Code::not_found);
  fetch.cancel = false;
  EXPECT_EQ(ask("image_fetch", to_json(fetch)).error().code, Code::denied);
  EXPECT_EQ(ask("image_fetch", to_json(fetch)).error().code, Code::denied);  // told again
}

}  // namespace
}  // namespace ployz

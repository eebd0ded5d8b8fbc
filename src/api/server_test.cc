// Client and server over a real unix socket.
#include "api/server.h"

#include <filesystem>
#include <future>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/client.h"
#include "api/fake_service.h"
#include "api/http.h"
#include "api/listener.h"
#include "base/unix_stream.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kId = "01arz3ndektsv4rrffq69g5fav";

Operation committed() {
  Operation operation;
  operation.id = OperationId(std::string(kId));
  operation.kind = "deploy";
  operation.name_space = NamespaceName("shop");
  operation.phase = Phase::cleanup;
  operation.outcome = Outcome::committed;
  return operation;
}

Event event(std::string text) {
  Event out;
  out.operation = OperationId(std::string(kId));
  out.kind = Event::Kind::note;
  out.text = std::move(text);
  return out;
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/ployz-api-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
    socket_ = folder_ + "/ployzd.sock";
    service_.result = committed();
    service_.events = {event("one"), event("two")};
    start(64);
  }
  void TearDown() override {
    if (server_) server_->live().abort_all();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  void start(size_t max_connections) {
    server_.reset();
    auto server = ApiServer::start({socket_, "no-such-group", max_connections}, service_);
    ASSERT_TRUE(server) << server.error().line();
    server_ = std::move(*server);
  }
  // Sends bytes, returns everything until the server closes.
  std::string raw(std::string_view bytes) {
    auto stream = UnixStream::connect(socket_, seconds(5), {});
    EXPECT_TRUE(stream);
    EXPECT_TRUE(stream->write_all(bytes, deadline_in(seconds(5))));
    stream->close_write();
    std::string out;
    char piece[4096];
    while (true) {
      const auto got = stream->read_some(piece, deadline_in(seconds(5)));
      if (!got || *got == 0) return out;
      out.append(piece, *got);
    }
  }

  std::string folder_, socket_;
  FakeService service_;
  std::unique_ptr<ApiServer> server_;
};

TEST_F(ServerTest, SocketHasModeAndIsReplacedWhenStale) {
  struct stat found{};
  ASSERT_EQ(::stat(socket_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);

  auto second = ApiServer::start({socket_, "no-such-group", 64}, service_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::exists);

  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(socket_));
  // A dead daemon leaves its socket behind.
  {
    auto left = listen_unix(socket_, "no-such-group");
  }
  EXPECT_TRUE(std::filesystem::exists(socket_));
  start(64);
  EXPECT_TRUE(ApiClient(socket_).status());
}

TEST_F(ServerTest, RefusesToReplaceAFile) {
  const auto path = folder_ + "/file";
  ASSERT_TRUE(::creat(path.c_str(), 0600) >= 0);
  EXPECT_EQ(listen_unix(path, "x").error().code, Code::exists);
  EXPECT_EQ(listen_unix(folder_ + "/no/such", "x").error().code, Code::not_found);
  EXPECT_EQ(listen_unix(std::string(200, 'x'), "x").error().code, Code::invalid);
}

TEST_F(ServerTest, ReadsAndErrors) {
  service_.status_report.version = "1.2.3";
  const ApiClient client(socket_);
  const auto status = client.status();
  ASSERT_TRUE(status) << status.error().line();
  EXPECT_EQ((*status)["version"], "1.2.3");

  const auto missing = client.namespace_inspect("nope");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_EQ(missing.error().hint, "ployzctl namespace ls");
}

TEST_F(ServerTest, AbsentDaemonIsOneClearLine) {
  const auto status = ApiClient(folder_ + "/absent.sock").status();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::unavailable);
  EXPECT_NE(status.error().line().find("no daemon answers on"), std::string::npos);
  EXPECT_NE(status.error().line().find("ployzctl dev up"), std::string::npos);
}

TEST_F(ServerTest, ChangeTellsEventsThenResult) {
  std::vector<std::string> texts;
  const auto result = ApiClient(socket_).namespace_rm(
      "shop", true, [&](const Event& event) { texts.push_back(event.text); });
  ASSERT_TRUE(result) << result.error().line();
  EXPECT_EQ(texts, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ((*result)["outcome"], "committed");
  ASSERT_TRUE(service_.removed);
  EXPECT_TRUE(service_.removed->volumes);

  service_.error = Error{Code::precondition, Effect::none, "no network", "ployzctl mesh init", {}};
  const auto refused = ApiClient(socket_).namespace_rm("shop", true, [](const Event&) {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), *service_.error);
}

TEST_F(ServerTest, VanishedClientDoesNotAbort) {
  service_.wait_for_cancel = true;
  {
    auto stream = UnixStream::connect(socket_, seconds(5), {});
    ASSERT_TRUE(stream);
    ASSERT_TRUE(stream->write_all("POST /v1/operations/" + std::string(kId) +
                                      "/resume HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                                  deadline_in(seconds(5))));
    char byte;
    ASSERT_TRUE(stream->read_some(std::span(&byte, 1), deadline_in(seconds(5))));
  }
  // A deploy that waits: leave it after its first event, watch it, abort it by its id.
  std::promise<void> started;
  std::stop_source leave;
  auto deploying = std::async(std::launch::async, [&] {
    const HttpClient http(socket_);
    HttpRequest request;
    request.method = "POST";
    request.target = "/v1/deploy?file=x.toml";
    request.body = "namespace = \"shop\"\n[[service]]\nname = \"web\"\nimage = \"web:1\"\n";
    HttpExchange exchange;
    exchange.on_chunk = [&](std::string_view) {
      started.set_value();
      return false;  // closes the connection
    };
    return http.exchange(request, exchange).has_value();
  });
  ASSERT_EQ(started.get_future().wait_for(seconds(10)), std::future_status::ready);
  ASSERT_TRUE(deploying.get());
  EXPECT_EQ(service_.deploys_done, 0);

  std::vector<std::string> texts;
  auto watching = std::async(std::launch::async, [&] {
    return ApiClient(socket_).watch(kId, [&](const Event& event) { texts.push_back(event.text); });
  });
  const auto aborted = ApiClient(socket_).abort(kId, [](const Event&) {});
  ASSERT_TRUE(aborted) << aborted.error().line();
  EXPECT_EQ((*aborted)["outcome"], "aborted");
  EXPECT_EQ(service_.deploys_done, 1);
  // Either it saw the end live, or the operation was over and unknown to the fake.
  const auto watched = watching.get();
  if (watched) {
    EXPECT_EQ((*watched)["outcome"], "aborted");
    EXPECT_EQ(texts, (std::vector<std::string>{"one", "two"}));
  }
}

TEST_F(ServerTest, ImageIsStreamed) {
  std::string archive;
  for (int i = 0; i < 300000; ++i) archive += std::to_string(i) + "\n";
  size_t at = 0;
  const ByteSource source = [&](std::span<char> into) -> Result<size_t> {
    const size_t size = archive.copy(into.data(), into.size(), at);
    at += size;
    return size;
  };
  const std::string id = "sha256:" + std::string(64, 'a');
  const auto image = ApiClient(socket_).image_load(source, id, "web:1", {});
  ASSERT_TRUE(image) << image.error().line();
  EXPECT_EQ(service_.loaded, archive);
  EXPECT_EQ((*image)["id"], id);
}

TEST_F(ServerTest, FollowedLogsEndWithTheClient) {
  service_.follow_forever = true;
  service_.log_chunks = {{InstanceId("i1"), "hello\n"}};
  LogsRequest request;
  request.instance = InstanceId("i1");
  request.follow = true;
  std::string text;
  const auto done = ApiClient(socket_).logs(request,
                                            [&](const LogChunk& chunk) {
                                              text += chunk.text;
                                              return false;
                                            },
                                            {});
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(text, "hello\n");
  server_.reset();  // waits for the handler's thread: it has noticed
  EXPECT_TRUE(service_.logs_stopped);
}

TEST_F(ServerTest, Garbage) {
  EXPECT_NE(raw("garbage\r\n\r\n").find("400 Bad Request"), std::string::npos);
  EXPECT_NE(raw("GET /v1/../etc HTTP/1.1\r\nHost: x\r\n\r\n").find(" 400 "), std::string::npos);
  EXPECT_NE(raw("GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n").find(" 404 "), std::string::npos);
  EXPECT_NE(raw("PUT /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").find(" 501 "),
            std::string::npos);
  EXPECT_NE(raw("GET /" + std::string(20000, 'x') + " HTTP/1.1\r\n\r\n").find(" 400 "),
            std::string::npos);
  const auto huge = raw("POST /v1/deploy HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
  EXPECT_NE(huge.find(" 400 "), std::string::npos);
  EXPECT_NE(huge.find("larger than"), std::string::npos);
  // Still there.
  EXPECT_TRUE(ApiClient(socket_).status());
}

TEST_F(ServerTest, KeepsConnectionsAndPipelines) {
  const auto answers =
      raw("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/mesh HTTP/1.1\r\nHost: x\r\n"
          "Connection: close\r\n\r\n");
  size_t count = 0;
  for (size_t at = 0; (at = answers.find("HTTP/1.1 200 OK", at)) != std::string::npos; ++at)
    ++count;
  EXPECT_EQ(count, 2u);
}

TEST_F(ServerTest, TooManyConnectionsAre503) {
  start(1);
  auto first = UnixStream::connect(socket_, seconds(5), {});
  ASSERT_TRUE(first);
  // The first is admitted before the second is accepted: one thread accepts, in order.
  const auto refused = ApiClient(socket_).status();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_NE(refused.error().message.find("connections"), std::string::npos);
}

TEST_F(ServerTest, ImagesAreDistributedWithEventsAndOneReportForEachMachine) {
  service_.distribute_reports = {
      {MachineId("m-2"), "m2", false, 1000, 2, std::nullopt},
      {MachineId("m-3"), "m3", false, 0, 0,
       Error{Code::unavailable, Effect::none, "m3 does not answer", "", {}}}};
  const ApiClient client(socket_);
  std::vector<std::string> told;
  const auto answer = client.image_distribute(
      {"web:1", MachineId("m-1"), {MachineId("m-2"), MachineId("m-3")}},
      [&](const Event& event) { told.push_back(event.text); });
  ASSERT_TRUE(answer) << answer.error().line();
  EXPECT_EQ(told, (std::vector<std::string>{"one", "two"}));
  ASSERT_TRUE(service_.distributed);
  EXPECT_EQ(service_.distributed->reference, "web:1");
  EXPECT_EQ(service_.distributed->from.str(), "m-1");
  EXPECT_EQ(service_.distributed->to.size(), 2u);
  EXPECT_EQ(to_text(*answer),
            R"({"machines":[{"error":null,"layers_sent":2,"machine":"m-2","machine_name":"m2",)"
            R"("outcome":"sent","sent_bytes":1000},{"error":{"code":"unavailable","details":{},)"
            R"("effect":"none","hint":"","message":"m3 does not answer"},"layers_sent":0,)"
            R"("machine":"m-3","machine_name":"m3","outcome":"failed","sent_bytes":0}],)"
            R"("outcome":"failed","reference":"web:1"})");
  EXPECT_EQ(distribute_request_from_json({{"reference", ""}}).error().code, Code::invalid);
  EXPECT_EQ(distribute_request_from_json({{"reference", "a"}, {"tos", 1}}).error().code,
            Code::invalid);
}

TEST_F(ServerTest, ImageStatusOfEveryMachine) {
  service_.image_statuses = {
      {MachineId("m-1"), "m1", "sha256:a", std::nullopt},
      {MachineId("m-2"), "m2", "", std::nullopt},
      {MachineId("m-3"), "m3", "", Error{Code::timeout, Effect::none, "no answer", "", {}}}};
  const ApiClient client(socket_);
  const auto answer = client.image_status("web:1");
  ASSERT_TRUE(answer) << answer.error().line();
  EXPECT_EQ((*answer)["reference"], "web:1");
  const Json& machines = (*answer)["machines"];
  ASSERT_EQ(machines.size(), 3u);
  EXPECT_EQ(machines[0]["present"], true);
  EXPECT_EQ(machines[1]["present"], false);
  EXPECT_EQ(machines[1]["error"], Json());
  EXPECT_EQ(machines[2]["error"]["code"], "timeout");
  EXPECT_EQ(client.image_status("").error().code, Code::invalid);
}

}  // namespace
}  // namespace ployz

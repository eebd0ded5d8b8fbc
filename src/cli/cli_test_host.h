// A computer for tests of commands: output in strings, a home folder of its own, child processes
// that a test answers, and a daemon with a FakeService behind a real socket.
#pragma once

#include <filesystem>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>

#include "api/fake_service.h"
#include "api/server.h"
#include "cli/host.h"
#include "cli/run.h"

namespace ployz::cli {

class TestHost final : public CliHost {
 public:
  std::map<std::string, std::string> environment;
  std::string out, err, input;
  size_t columns = 0;
  bool root = true;
  int pauses = 0;
  std::vector<std::vector<std::string>> ran;
  std::function<Finished(const Command&)> on_run;
  // Instead: sees stdin too, and may fail. From several threads.
  std::function<Result<Finished>(const Command&, const RunOptions&)> on_run_with;

  std::optional<std::string> env(const std::string& name) override {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) return std::nullopt;
    return found->second;
  }
  void write_out(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    out += text;
  }
  void write_err(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    err += text;
    if (on_err) on_err(err);
  }
  Result<std::string> read_stdin(size_t limit) override {
    if (input.size() > limit) return fail(Code::invalid, "stdin has too much");
    return input;
  }
  bool out_is_terminal() override { return columns > 0; }
  bool err_is_terminal() override { return columns > 0; }
  size_t width() override { return columns; }
  uint64_t now_ms() override { return 1'700'000'100'000; }
  bool is_root() override { return root; }
  void pause(std::chrono::milliseconds) override { ++pauses; }
  Result<Finished> run(const Command& command, const RunOptions& options) override {
    {
      const std::lock_guard lock(mutex_);
      ran.push_back(command.argv);
    }
    if (on_run_with) return on_run_with(command, options);
    if (!on_run) return fail(Code::not_found, "no such program");
    return on_run(command);
  }
  Result<int> run_here(const Command& command) override {
    ran.push_back(command.argv);
    return 7;
  }
  Interrupts& interrupts() override { return interrupts_; }
  std::function<void(const std::string&)> on_err;

 private:
  std::mutex mutex_;
  Interrupts interrupts_;
};

class CliTest : public testing::Test {
 protected:
  static constexpr std::string_view kOperation = "01arz3ndektsv4rrffq69g5fav";

  void SetUp() override {
    char pattern[] = "/tmp/ployz-cli-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
    socket_ = folder_ + "/ployzd.sock";
    host_.environment = {
        {"HOME", folder_}, {"PLOYZ_SOCKET", socket_}, {"PLOYZ_CONFIG", folder_ + "/config.toml"}};
    service_.result.id = OperationId(std::string(kOperation));
    service_.result.kind = "deploy";
    service_.result.name_space = NamespaceName("shop");
    service_.result.outcome = Outcome::committed;
    service_.result.started_at_ms = 1'700'000'000'000;
    service_.result.ended_at_ms = 1'700'000'001'500;
    service_.events = {event(Phase::apply, Event::Kind::phase_started, 0, ""),
                       event(Phase::apply, Event::Kind::step_done, 400, "start web on m1"),
                       event(Phase::apply, Event::Kind::phase_done, 1200, "")};
    start();
  }
  void TearDown() override {
    if (server_) server_->live().abort_all();
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  void start() {
    auto server = ApiServer::start({socket_, "no-such-group", 64}, service_);
    ASSERT_TRUE(server) << server.error().line();
    server_ = std::move(*server);
  }
  static Event event(Phase phase, Event::Kind kind, uint64_t at_ms, std::string text) {
    Event out;
    out.operation = OperationId(std::string(kOperation));
    out.phase = phase;
    out.kind = kind;
    out.at_ms = at_ms;
    out.text = std::move(text);
    return out;
  }
  int run(const std::vector<std::string>& words) {
    host_.out.clear();
    host_.err.clear();
    return run_cli(host_, words);
  }
  // stdout, which must be exactly one JSON document.
  Json document() {
    auto json = parse_json(host_.out);
    EXPECT_TRUE(json) << host_.out;
    return json.value_or(Json());
  }
  std::string write(const std::string& name, std::string_view text) {
    const auto path = folder_ + "/" + name;
    FILE* file = ::fopen(path.c_str(), "w");
    ::fwrite(text.data(), 1, text.size(), file);
    ::fclose(file);
    return path;
  }

  static constexpr std::string_view kManifest =
      "namespace = \"shop\"\n[[service]]\nname = \"web\"\nimage = \"web:1\"\n";
  std::string folder_, socket_;
  TestHost host_;
  FakeService service_;
  std::unique_ptr<ApiServer> server_;
};

}  // namespace ployz::cli

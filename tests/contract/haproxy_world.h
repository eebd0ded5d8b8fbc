// A HAProxy of the test's own, as its unit runs it (master-worker, readiness told to NOTIFY_SOCKET),
// on free ports of 127.0.0.1 and with its files in a temporary directory; and the driver on it.
#pragma once

#include <sys/un.h>

#include <csignal>
#include <filesystem>
#include <list>

#include "base/subprocess.h"
#include "contract/gateway_world.h"
#include "contract/http_peer.h"
#include "drivers/haproxy/haproxy_gateway.h"

namespace ployz::contract {

class HaproxyProcess {
 public:
  explicit HaproxyProcess(const HaproxyConfig& config) : config_(config) {}
  ~HaproxyProcess() { kill(); }

  // Returns when it is ready.
  void start() {
    const std::string path = (config_.directory / "notify.sock").string();
    std::filesystem::remove(path);
    const Fd notify(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(notify.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    Command command;
    command.argv = {"haproxy", "-Ws", "-f", config_.config_file().string()};
    command.env = {{"NOTIFY_SOCKET", path}};
    const bool loud = std::getenv("PLOYZ_TEST_LOGS") != nullptr;
    const ChildStream output = loud ? ChildStream::inherit : ChildStream::null;
    auto started = Child::start(command, {ChildStream::null, output, output});
    ASSERT_TRUE(started) << started.error().line();
    child_.emplace(*std::move(started));
    char text[512] = {};
    while (!std::string_view(text).contains("READY=1")) {
      pollfd ends[] = {{notify.get(), POLLIN, 0}, {child_->pidfd(), POLLIN, 0}};
      ASSERT_GT(::poll(ends, 2, 30'000), 0) << "HAProxy does not get ready";
      ASSERT_EQ(ends[1].revents, 0) << "HAProxy has ended";
      ASSERT_GT(::recv(notify.get(), text, sizeof text - 1, 0), 0);
    }
  }
  // kill -9 of the master and its workers.
  void kill() {
    if (!child_) return;
    child_->signal(SIGKILL);
    (void)child_->wait(kNoDeadline);
    child_.reset();
  }

 private:
  const HaproxyConfig config_;
  std::optional<Child> child_;
};

class HaproxyWorld final : public GatewayWorld {
 public:
  explicit HaproxyWorld(HaproxyConfig config) : config_(std::move(config)), process_(config_) {
    const Status prepared = prepare_haproxy_files(config_);
    EXPECT_TRUE(prepared) << prepared.error().line();
    process_.start();
    reopen();
  }
  ~HaproxyWorld() override {
    process_.kill();
    std::error_code ignored;
    std::filesystem::remove_all(config_.directory, ignored);
  }
  // Small pools, no redirects.
  static HaproxyConfig small_config() {
    std::string pattern = std::filesystem::temp_directory_path() / "ployz-haproxy-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    HaproxyConfig config;
    config.directory = pattern;
    config.socket = config.directory / "admin.sock";
    config.listen_host = "127.0.0.1";
    config.listen_port = unused_port();
    config.redirect_port = unused_port();
    config.user = config.group = "";
    config.http_slots = 12;
    config.tcp_slots = 4;
    config.nft_table = "";
    return config;
  }
  static std::unique_ptr<GatewayWorld> make() {
    return std::make_unique<HaproxyWorld>(small_config());
  }

  Gateway& gateway() override { return *gateway_; }
  std::string start_server(const std::string& name) override {
    return servers_.emplace_back(name).address();
  }
  std::string dead_address() override { return std::format("127.0.0.1:{}", unused_port()); }
  std::string get(const std::string& host, const std::string& path) override {
    const Answer answer = KeptClient(config_.listen_port).get(host, path);
    return answer.status == 200 ? answer.body : "";
  }
  void reopen() override {
    gateway_.reset();
    auto opened = HaproxyGateway::open(config_);
    EXPECT_TRUE(opened) << opened.error().line();
    gateway_ = std::move(*opened);
  }
  void restart() override {
    process_.kill();
    process_.start();
  }

  [[nodiscard]] const HaproxyConfig& config() const { return config_; }
  HaproxyProcess& process() { return process_; }
  NamedServer& last_server() { return servers_.back(); }

 private:
  const HaproxyConfig config_;
  std::list<NamedServer> servers_;
  HaproxyProcess process_;
  std::unique_ptr<HaproxyGateway> gateway_;
};

}  // namespace ployz::contract

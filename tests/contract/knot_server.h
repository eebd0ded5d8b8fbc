// A knotd of a test's own: a temporary folder and a free port of 127.0.0.1.
#pragma once

#include <cstring>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/files.h"
#include "base/subprocess.h"
#include "contract/dns_query.h"
#include "contract/free_port.h"
#include "drivers/knot/knot_config.h"
#include "drivers/knot/knot_dns.h"

namespace ployz::contract {

inline constexpr auto kKnotStartTimeout = std::chrono::seconds(20);

class KnotServer {
 public:
  // Running when it returns; failures are reported to gtest. `upstreams` as in KnotConfig.
  explicit KnotServer(std::string zone, std::vector<std::string> upstreams = {});
  ~KnotServer();
  KnotServer(const KnotServer&) = delete;

  void start();  // returns when knotd says it is ready
  void kill();   // SIGKILL
  void reload();
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] KnotDnsConfig dns_config() const;
  [[nodiscard]] DnsAnswer ask(const std::string& name, int type = kTypeA) const {
    return contract::ask(port_, name, type);
  }

 private:
  void wait_ready();
  std::filesystem::path folder_;
  std::string zone_;
  uint16_t port_ = 0;
  Fd notify_;
  std::optional<Child> child_;
};

inline KnotServer::KnotServer(std::string zone, std::vector<std::string> upstreams)
    : zone_(std::move(zone)) {
  std::string pattern = "/tmp/ployz-knot-XXXXXX";
  folder_ = mkdtemp(pattern.data());
  port_ = free_port();
  const auto text = knot_config_text({.listen = {std::format("127.0.0.1@{}", port_)},
                                      .zone = zone_,
                                      .folder = folder_.string(),
                                      .control_socket = dns_config().control_socket,
                                      .upstreams = std::move(upstreams)});
  if (!text) {
    ADD_FAILURE() << text.error().line();
    return;
  }
  EXPECT_TRUE(write_file(folder_ / "knot.conf", *text));
  EXPECT_TRUE(write_file(dns_config().zone_file, initial_zone_text(zone_)));
  notify_ = Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder_ / "notify").c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(notify_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  start();
}

inline KnotServer::~KnotServer() {
  if (child_) child_->terminate();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

inline KnotDnsConfig KnotServer::dns_config() const {
  return {(folder_ / "knot.sock").string(), zone_, folder_ / kZoneFileName,
          std::chrono::seconds(5)};
}

inline void KnotServer::start() {
  child_.reset();
  auto child = Child::start({.argv = {"/usr/sbin/knotd", "-m", "32", "-c", folder_ / "knot.conf",
                                      "-s", dns_config().control_socket},
                             .env = {{"NOTIFY_SOCKET", folder_ / "notify"}}},
                            {.out = ChildStream::inherit, .err = ChildStream::inherit});
  if (!child) {
    ADD_FAILURE() << child.error().line();
    return;
  }
  child_.emplace(std::move(*child));
  wait_ready();
}

inline void KnotServer::kill() {
  child_.reset();
}

inline void KnotServer::reload() {
  child_->signal(SIGHUP);
  wait_ready();
}

// sd_notify(3): knotd says so as it says it to systemd.
inline void KnotServer::wait_ready() {
  const auto deadline = deadline_in(kKnotStartTimeout);
  while (true) {
    pollfd waiting{notify_.get(), POLLIN, 0};
    if (!poll_until(std::span(&waiting, 1), deadline)) {
      ADD_FAILURE() << "knotd did not become ready";
      return;
    }
    std::string message(4096, '\0');
    const ssize_t got = recv(notify_.get(), message.data(), message.size(), 0);
    message.resize(got > 0 ? static_cast<size_t>(got) : 0);
    if (message.find("READY=1") != std::string::npos) return;
  }
}

}  // namespace ployz::contract

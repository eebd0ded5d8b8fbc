// The store's servers, of one machine or of several, each a child process with the configuration Ployz
// writes.
#pragma once

#include <format>
#include <memory>
#include <string>
#include <vector>

#include "contract/nats_server.h"
#include "drivers/nats/stream_copy.h"
#include "drivers/nats/streams.h"
#include "mesh/store_calls.h"

namespace ployz::contract {

// A store of one machine, or of three with addresses 127.0.0.1 to 127.0.0.3.
class Store {
 public:
  explicit Store(int machines) {
    const uint16_t port = free_port();
    for (int n = 1; n <= machines; ++n) {
      auto& server = servers_.emplace_back(std::make_unique<NatsServer>(std::format("m{}", n).c_str()));
      if (machines == 1) break;
      StoreCluster cluster{"ployz-2", std::format("127.0.0.{}", n), port, "5ec1e7", {}};
      for (int other = 1; other <= machines; ++other) {
        if (other != n) cluster.others.push_back(std::format("127.0.0.{}", other));
      }
      server->config().cluster = cluster;
      server->write_config();
    }
    form();
  }
  NatsServer& first() { return *servers_.front(); }
  NatsServer& at(size_t index) { return *servers_.at(index); }
  [[nodiscard]] int machines() const { return static_cast<int>(servers_.size()); }
  std::unique_ptr<NatsConnection> admin() { return first().connect("m1", NatsRole::admin); }
  std::unique_ptr<NatsConnection> daemon() { return first().connect("m1", NatsRole::daemon); }
  std::string log() {
    std::string text;
    for (const auto& server : servers_) text += server->log();
    return text;
  }

 private:
  // As StoreTransfer does it: servers that start together may never be one store.
  void form() {
    for (int starts = 1;; ++starts) {
      for (const auto& server : servers_) server->start();
      if (machines() == 1 || is_formed()) return;
      ASSERT_LT(starts, kStoreStarts) << log();
      for (const auto& server : servers_) server->lose_store();
    }
  }
  bool is_formed() {
    const auto to = admin();
    const auto until = std::chrono::steady_clock::now() + kStoreForming;
    while (to && std::chrono::steady_clock::now() < until) {
      if (ensure_epoch_stream(*to, machines()) && check_settled(*to, std::string(kEpochStream))) {
        return true;
      }
    }
    return false;
  }

  std::vector<std::unique_ptr<NatsServer>> servers_;
};

}  // namespace ployz::contract

// A store and two leaf nodes, as machines "m1", "m2" and "m3" have them: three nats-servers, each a
// child process with the configuration Ployz writes and only its own machine's users.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include "contract/nats_server.h"

namespace ployz::contract {

inline bool is_port_open(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool open = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return open;
}

class NatsCluster {
 public:
  // All run, the streams are made, both leaves are linked.
  NatsCluster() {
    hub_.start();
    const Status made = ensure_streams(*hub_.connect("m1", NatsRole::daemon), 1);
    EXPECT_TRUE(made) << made.error().line() << "\n" << hub_.log();
    hub_.kill();
    hub_.config().leaf_listen = LeafListen{"127.0.0.1", free_port()};
    for (const auto& [id, leaf] : leaves()) {
      const Nkey key = Nkey::generate();
      leaf_seeds_[id] = key.seed();
      hub_.config().leaves.push_back({MachineId(id), key.public_key()});
      NatsServerConfig& config = leaf->config();
      const std::string seed_file = leaf->directory() + "/leaf.nk";
      std::ofstream(seed_file) << leaf_seed_text(key.seed());
      config.remote = LeafRemote{
          {std::format("nats-leaf://127.0.0.1:{}", hub_.config().leaf_listen->port)}, seed_file};
      leaf->write_config();
    }
    hub_.write_config();
    hub_.start();
    while (!is_port_open(hub_.config().leaf_listen->port)) std::this_thread::yield();
    for (const auto& [id, leaf] : leaves()) leaf->start();
    EXPECT_TRUE(linked("m2") && linked("m3")) << log();
  }

  NatsServer& hub() { return hub_; }
  NatsServer& of(const std::string& machine) {
    return machine == "m1" ? hub_ : machine == "m2" ? leaf2_ : leaf3_;
  }
  [[nodiscard]] const std::string& leaf_seed(const std::string& machine) const {
    return leaf_seeds_.at(machine);
  }
  [[nodiscard]] std::unique_ptr<NatsConnection> connect(const std::string& machine, NatsRole role) {
    return of(machine).connect(machine, role);
  }
  // The store answers a client of that machine, at the latest after 20 s.
  bool linked(const std::string& machine) {
    const auto connection = connect(machine, NatsRole::daemon);
    NatsKeyValue records(*connection);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < until) {
      if (records.get(Bucket::meta, "none")) return true;
      std::this_thread::yield();
    }
    return false;
  }
  [[nodiscard]] std::string log() const {
    return "hub:\n" + hub_.log() + "m2:\n" + leaf2_.log() + "m3:\n" + leaf3_.log();
  }

 private:
  std::vector<std::pair<std::string, NatsServer*>> leaves() {
    return {{"m2", &leaf2_}, {"m3", &leaf3_}};
  }
  NatsServer hub_{"m1"};
  NatsServer leaf2_{"m2"};
  NatsServer leaf3_{"m3"};
  std::map<std::string, std::string> leaf_seeds_;
};

}  // namespace ployz::contract

// Machines "m1", "m2" and "m3" that speak over the peer port, each on a loopback address of its
// own.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tcp.h"
#include "contract/machine_rpc_world.h"
#include "drivers/peer/peer_rpc.h"
#include "drivers/peer/peer_wire.h"

namespace ployz::contract {

class PeerRpcWorld : public MachineRpcWorld {
 public:
  using Tweak = std::function<void(PeerConfig&)>;

  // `tweak`: of m2, who is asked.
  explicit PeerRpcWorld(const Tweak& tweak = {}) {
    auto members = std::make_shared<std::vector<Machine>>();
    for (int number = 1; number <= 3; ++number) {
      Machine machine;
      machine.id = MachineId(std::format("m{}", number));
      machine.overlay_address = address(number);
      machine.nats_public_key = keys_[static_cast<size_t>(number - 1)].public_key();
      members->push_back(machine);
    }
    set_members(members);
    for (int number = 1; number <= 3; ++number) {
      PeerConfig one = config(number);
      if (number == 2 && tweak) tweak(one);
      machines_.push_back(std::make_unique<PeerRpc>(std::move(one)));
    }
  }

  MachineRpc& caller() override { return *machines_[0]; }
  MachineRpc& server(const std::string& machine, Target) override {
    return *machines_[static_cast<size_t>(machine[1] - '1')];
  }
  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }
  size_t big_request() override { return 1'000'000; }

  // 127.0.0.0/8 is all ours; two runs at a time have different ones.
  static std::string address(int number) {
    return std::format("127.{}.{}.{}", 1 + ::getpid() / 250 % 250, ::getpid() % 250, number);
  }
  static std::string where(int number) { return std::format("{}:{}", address(number), kPeerPort); }
  PeerConfig config(int number) {
    return {.network = "lab",
            .self = MachineId(std::format("m{}", number)),
            .address = address(number),
            .key = key(number),
            .members = [this] { return members(); }};
  }
  const Nkey& key(int number) const { return keys_[static_cast<size_t>(number - 1)]; }
  // Of all machines.
  PeerMembers members() {
    const std::lock_guard lock(mutex_);
    return members_;
  }
  void set_members(PeerMembers members) {
    const std::lock_guard lock(mutex_);
    members_ = std::move(members);
  }
  // The list with another record of this machine.
  PeerMembers members_with(int number, const std::function<void(Machine&)>& change) {
    auto changed = std::make_shared<std::vector<Machine>>(*members());
    change((*changed)[static_cast<size_t>(number - 1)]);
    return changed;
  }

 private:
  const std::array<Nkey, 3> keys_{Nkey::generate(), Nkey::generate(), Nkey::generate()};
  std::mutex mutex_;
  PeerMembers members_;
  std::vector<std::unique_ptr<PeerRpc>> machines_;
};

// One who speaks to m2's port by hand.
class Visitor {
 public:
  explicit Visitor(const std::string& from = {}) {
    auto connected = connect_tcp(PeerRpcWorld::where(2), soon(), stop_, from);
    EXPECT_TRUE(connected) << connected.error().line();
    if (connected) socket_ = std::move(*connected);
  }
  // The nonce it is greeted with.
  std::string greeted() { return frame().and_then(peer_wire::decode_hello).value_or(""); }
  void send(std::string_view bytes) { (void)send_exactly(socket_, bytes, soon(), stop_); }
  void send_head(std::string_view json) {
    std::string bytes(4, '\0');
    bytes[2] = static_cast<char>(json.size() >> 8);
    bytes[3] = static_cast<char>(json.size());
    send(bytes.append(json));
  }
  Result<std::string> frame() {
    const std::string head = TRY(receive_exactly(socket_, 4, soon(), stop_));
    return receive_exactly(socket_, TRY(peer_wire::frame_length(head)), soon(), stop_);
  }
  // The body of a reply.
  Result<std::string> reply() {
    const auto head = TRY(frame().and_then(peer_wire::decode_reply_head));
    return receive_exactly(socket_, head.size, soon(), stop_);
  }
  // All that comes until the other side closes; false: it does not.
  bool closes() {
    while (true) {
      const auto byte = receive_exactly(socket_, 1, soon(), stop_);
      if (!byte) return byte.error().code == Code::unavailable;
    }
  }
  const Fd& socket() const { return socket_; }

 private:
  static Deadline soon() { return deadline_in(std::chrono::seconds(10)); }
  StopFd stop_{std::stop_token{}};
  Fd socket_;
};

}  // namespace ployz::contract

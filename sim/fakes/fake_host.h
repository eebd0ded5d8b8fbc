// What an agent asks its host, answered by the simulated machine.
#pragma once

#include <functional>
#include <mutex>
#include <set>

#include "ports/host.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

// True when something at this address answers ("10.101.0.7").
using Serves = std::function<bool(std::string_view address)>;

class FakeProber final : public Prober {
 public:
  FakeProber(Hook& hook, Serves serves) : hook_(hook), serves_(std::move(serves)) {}
  Status http(std::string_view address, uint16_t port, std::string_view path,
              std::chrono::milliseconds timeout) override;
  Status tcp(std::string_view address, uint16_t port,
             std::chrono::milliseconds timeout) override;

 private:
  Status attempt(std::string_view address, uint16_t port);

  Hook& hook_;
  Serves serves_;
};

class FakeHost final : public HostFacts {
 public:
  explicit FakeHost(Hook& hook) : hook_(hook) {}
  Result<std::vector<uint16_t>> listening_ports() override;
  Result<uint64_t> memory_free_bytes() override;
  Result<uint64_t> disk_free_bytes() override;
  Result<std::vector<NetworkRoute>> routes() override;

  // Another program of the host begins or ends to listen.
  void listen(uint16_t port);
  void close(uint16_t port);

 private:
  Hook& hook_;
  std::mutex mutex_;
  std::set<uint16_t> listening_;
};

}  // namespace ployz::sim

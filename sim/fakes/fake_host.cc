#include "sim/fakes/fake_host.h"

#include <format>

namespace ployz::sim {

Status FakeProber::attempt(std::string_view address, uint16_t port) {
  const std::string target = std::format("{}:{}", address, port);
  if (hook_.enter("prober", target, Kind::local) != Fate::normal) {
    return fail(Code::unavailable, target + ": timed out");
  }
  if (serves_(address)) return {};
  return fail(Code::unavailable, target + ": connection refused");
}

Status FakeProber::http(std::string_view address, uint16_t port, std::string_view,
                        std::chrono::milliseconds) {
  return attempt(address, port);
}

Status FakeProber::tcp(std::string_view address, uint16_t port, std::chrono::milliseconds) {
  return attempt(address, port);
}

Result<std::vector<uint16_t>> FakeHost::listening_ports() {
  if (hook_.enter("host.ports", "", Kind::local) != Fate::normal) {
    return fail(Code::unavailable, "cannot read /proc/net/tcp");
  }
  const std::lock_guard lock(mutex_);
  return std::vector<uint16_t>(listening_.begin(), listening_.end());
}

Result<uint64_t> FakeHost::memory_free_bytes() { return 8ull << 30; }
Result<uint64_t> FakeHost::disk_free_bytes() { return 80ull << 30; }
Result<std::vector<NetworkRoute>> FakeHost::routes() {
  return std::vector<NetworkRoute>{{"0.0.0.0/0", "eth0"}};
}

void FakeHost::listen(uint16_t port) {
  const std::lock_guard lock(mutex_);
  listening_.insert(port);
}

void FakeHost::close(uint16_t port) {
  const std::lock_guard lock(mutex_);
  listening_.erase(port);
}

}  // namespace ployz::sim

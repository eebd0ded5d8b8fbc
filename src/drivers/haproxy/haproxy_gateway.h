// The gateway port on HAProxy's run-time API. Owns haproxy.cfg, routes.map and slots.json of the
// configuration's directory: whatever is changed in the running HAProxy is written there first, so
// that one that restarts serves the same.
//
// A HAProxy that has restarted (another worker process) is compared with the files before the next
// change: missing servers are added, foreign ones removed.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "drivers/haproxy/haproxy_config.h"
#include "drivers/haproxy/port_redirect.h"
#include "drivers/haproxy/runtime_api.h"
#include "drivers/haproxy/slot_state.h"
#include "ports/gateway.h"

namespace ployz {

class HaproxyGateway final : public Gateway {
 public:
  // Reads what an earlier life left; HAProxy itself may be away. `corrupt`: slots.json does not
  // parse. `denied`, `unavailable`: the directory cannot be written.
  [[nodiscard]] static Result<std::unique_ptr<HaproxyGateway>> open(HaproxyConfig config);

  Status ensure_backends(const std::vector<Backend>& backends,
                         std::chrono::milliseconds timeout) override;
  Status await_backends(const std::vector<BackendKey>& keys,
                        std::chrono::milliseconds timeout) override;
  Status commit_routes(const RouteTable& table) override;
  Status retire_backends(const std::vector<BackendKey>& keys,
                         std::chrono::milliseconds limit) override;
  Result<std::vector<Backend>> backends() override;
  Result<RouteTable> routes() override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Taken = std::vector<SlotName>;

  HaproxyGateway(HaproxyConfig config, SlotState state);

  // All with the lock held; none releases it.
  [[nodiscard]] Result<Taken> take_slots(const std::vector<Backend>& backends);
  void give_back(const Taken& slots);
  [[nodiscard]] Status save();
  [[nodiscard]] Status add_servers(const Taken& slots);
  [[nodiscard]] Status verify_servers(const Taken& slots) const;
  [[nodiscard]] Status follow_restart();
  [[nodiscard]] Status reconcile();
  [[nodiscard]] Status switch_map(const RouteTable& table, const std::vector<std::string>& lines);
  [[nodiscard]] std::map<std::string, RuntimeServer> servers_of(const SlotName& slot) const;
  [[nodiscard]] std::set<BackendKey> routed() const;

  // Need no lock. Cutting: its connections get no time to end.
  [[nodiscard]] Status delete_server(const SlotName& slot, const std::string& server) const;
  [[nodiscard]] Status await_unused(const std::vector<SlotName>& slots,
                                    std::chrono::steady_clock::time_point deadline) const;
  [[nodiscard]] Status drain(const SlotName& slot, const Backend& backend,
                             std::chrono::steady_clock::time_point deadline) const;

  const HaproxyConfig config_;
  const RuntimeApi api_;
  const PortRedirect redirect_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SlotState state_;                   // as on disk, but for what a call is about to write
  std::map<BackendKey, SlotName> by_key_;
  std::set<BackendKey> busy_;         // being added or retired: others wait
  RouteTable committed_;              // served
  std::set<uint16_t> redirected_;
  bool redirect_known_ = false;       // redirected_ is what nft has
  uint64_t worker_pid_ = 0;           // of the HAProxy compared last
};

}  // namespace ployz

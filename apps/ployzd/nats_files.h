// The configuration of this machine's nats-server: the store on the machine that has it, else a leaf
// node of it.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "identity.h"
#include "mesh/store_users.h"
#include "paths.h"
#include "ports/units.h"

namespace ployz {

// Epochs alternate between these and the next port (unit::nats).
inline constexpr uint16_t kClientPort = 4222;
inline constexpr uint16_t kLeafPort = 7422;
inline constexpr uint16_t kClusterPort = 6222;
[[nodiscard]] constexpr uint16_t port_of(uint16_t first, uint64_t epoch) {
  return static_cast<uint16_t>(first + (epoch % 2 == 1 ? 0 : 1));
}
// What this machine's clients dial.
[[nodiscard]] std::string nats_url(uint64_t epoch);

enum class StoreStage {
  alone,   // streams may be made; no other machine is heard
  serves,  // other machines are heard, and streams can be made no more (server_config.h)
};

// True: the file is another now, so the server must be restarted (or, when only leaves differ,
// reloaded). `leaves` matter where the store is.
[[nodiscard]] Result<bool> write_nats_config(const Identity& identity, const Paths& paths,
                                             StoreStage stage,
                                             const std::vector<StoreUser>& leaves);

// Started with the configuration written last: restarted when it runs with another.
[[nodiscard]] Status start_nats(Units& units, uint64_t epoch, bool changed);

// Leaf users as a reload of the server; nothing where the store is not. `identity` is asked each time:
// the store may have come or gone.
class ReloadedUsers final : public StoreUsers {
 public:
  ReloadedUsers(std::function<Identity()> identity, Paths paths, Units& units)
      : identity_(std::move(identity)), paths_(std::move(paths)), units_(units) {}
  Status set(const std::vector<StoreUser>& leaves) override;

 private:
  const std::function<Identity()> identity_;
  const Paths paths_;
  Units& units_;
  std::mutex mutex_;
  bool pending_ = true;  // the server may not have the file's users: reload even if it is unchanged
};

}  // namespace ployz

#include "nats_files.h"

#include <format>

#include "base/files.h"
#include "drivers/nats/server_config.h"
#include "self.h"

namespace ployz {
namespace {

// nats-server runs as a user of its own and reads its configuration through the folder's group.
constexpr mode_t kGroupReadable = 0640;

}  // namespace

Result<bool> write_nats_config(const Identity& identity, const Paths& paths, StoreStage stage,
                               const std::vector<StoreUser>& leaves) {
  NatsServerConfig config;
  config.machine = identity.machine.id;
  config.data_dir = paths.data.string();
  config.epoch = identity.epoch;
  config.users = {{identity.machine.id, NatsRole::daemon,
                   TRY(nkey_at(paths.daemon_seed())).public_key(), identity.machine.stores},
                  {identity.machine.id, NatsRole::router,
                   TRY(nkey_at(paths.router_seed())).public_key(), false}};
  if (!identity.machine.stores) {
    config.remote = LeafRemote{{std::format("nats-leaf://{}:{}", identity.store_address, kLeafPort)},
                               leaf_seed_file(config.data_dir)};
    // A copy in the form and the place that nats-server takes it from.
    const std::string seed = TRY(nkey_at(paths.leaf_seed())).seed();
    TRY(write_file(config.remote->seed_file, leaf_seed_text(seed), kGroupReadable));
  } else if (stage == StoreStage::serves) {
    config.leaf_listen = LeafListen{identity.machine.overlay_address, kLeafPort};
    for (const StoreUser& leaf : leaves) config.leaves.push_back({leaf.machine, leaf.public_key});
  }
  const std::string text = TRY(server_config_text(config));
  if (TRY(read_file(paths.nats_config())) == text) return false;
  TRY(write_file(paths.nats_config(), text, kGroupReadable));
  return true;
}

Status start_nats(Units& units, bool changed) {
  const auto status = units.status(unit::kNats);
  if (changed && status && status->active_state == "active") TRY(units.restart(unit::kNats));
  return units.ensure_started(unit::kNats);
}

Status ReloadedUsers::set(const std::vector<StoreUser>& leaves) {
  const std::lock_guard lock(mutex_);
  if (TRY(write_nats_config(identity_, paths_, StoreStage::serves, leaves))) pending_ = true;
  if (!pending_) return {};
  TRY(units_.reload(unit::kNats));
  pending_ = false;
  return {};
}

}  // namespace ployz

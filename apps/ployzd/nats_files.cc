#include "nats_files.h"

#include <format>

#include "base/files.h"
#include "drivers/nats/server_config.h"
#include "self.h"

namespace ployz {
namespace {

// nats-server runs as a user of its own and reads its configuration through the folder's group.
constexpr mode_t kGroupReadable = 0640;

Result<StoreCluster> cluster_of(const Identity& identity, const Paths& paths) {
  const auto secret = TRY(read_file(paths.store_secret()));
  if (!secret) {
    return fail(Code::corrupt, paths.store_secret().string() + " is missing",
                "move the store: ployzctl machine storage promote, from another of its machines");
  }
  const uint64_t epoch = identity.store.epoch;
  StoreCluster cluster{std::format("ployz-{}", epoch), identity.machine.overlay_address,
                       port_of(kClusterPort, epoch), *secret, {}};
  for (const StoreMember& member : identity.store.members) {
    if (member.machine != identity.machine.id) cluster.others.push_back(member.address);
  }
  return cluster;
}

}  // namespace

Result<bool> write_nats_config(const Identity& identity, const Paths& paths, StoreStage stage,
                               const std::vector<StoreUser>& leaves) {
  NatsServerConfig config;
  config.machine = identity.machine.id;
  config.data_dir = paths.data.string();
  const uint64_t epoch = identity.store.epoch;
  config.epoch = epoch;
  config.port = port_of(kClientPort, epoch);
  config.users = {{identity.machine.id, NatsRole::daemon,
                   TRY(nkey_at(paths.daemon_seed())).public_key(), identity.has_store()},
                  {identity.machine.id, NatsRole::router,
                   TRY(nkey_at(paths.router_seed())).public_key(), false},
                  {identity.machine.id, NatsRole::admin,
                   TRY(nkey_at(paths.admin_seed())).public_key(), false}};
  if (!identity.has_store()) {
    config.remote = LeafRemote{{}, leaf_seed_file(config.data_dir)};
    for (const StoreMember& member : identity.store.members) {
      config.remote->urls.push_back(
          std::format("nats-leaf://{}:{}", member.address, port_of(kLeafPort, epoch)));
    }
    // A copy in the form and the place that nats-server takes it from.
    const std::string seed = TRY(nkey_at(paths.leaf_seed())).seed();
    TRY(write_file(config.remote->seed_file, leaf_seed_text(seed), kGroupReadable));
  } else if (stage == StoreStage::serves) {
    config.leaf_listen = LeafListen{identity.machine.overlay_address, port_of(kLeafPort, epoch)};
    for (const StoreUser& leaf : leaves) config.leaves.push_back({leaf.machine, leaf.public_key});
  }
  if (identity.has_store() && identity.store.members.size() > 1) {
    config.cluster = TRY(cluster_of(identity, paths));
  }
  const std::string text = TRY(server_config_text(config));
  if (TRY(read_file(paths.nats_config(epoch))) == text) return false;
  TRY(write_file(paths.nats_config(epoch), text, kGroupReadable));
  return true;
}

std::string nats_url(uint64_t epoch) {
  return std::format("nats://127.0.0.1:{}", port_of(kClientPort, epoch));
}

Status start_nats(Units& units, uint64_t epoch, bool changed) {
  const std::string unit = unit::nats(epoch);
  const auto status = units.status(unit);
  if (changed && status && status->active_state == "active") TRY(units.restart(unit));
  return units.ensure_started(unit);
}

Status ReloadedUsers::set(const std::vector<StoreUser>& leaves) {
  const std::lock_guard lock(mutex_);
  const Identity identity = identity_();
  if (!identity.has_store()) return {};
  if (TRY(write_nats_config(identity, paths_, StoreStage::serves, leaves))) pending_ = true;
  if (!pending_) return {};
  TRY(units_.reload(unit::nats(identity.store.epoch)));
  pending_ = false;
  return {};
}

}  // namespace ployz

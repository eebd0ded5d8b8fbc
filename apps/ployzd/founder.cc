#include "founder.h"

#include <format>

#include "data_plane.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/server_config.h"
#include "drivers/nats/streams.h"
#include "mesh/subnets.h"
#include "nats_files.h"
#include "plan/addresses.h"
#include "self.h"

namespace ployz {
namespace {

constexpr auto kStoreStart = std::chrono::seconds(20);

NatsConfig founder_connection(const Identity& identity, const Nkey& key) {
  NatsConfig config;
  config.urls = {nats_url(identity.store.epoch)};
  config.seed = key.seed();
  config.name = "mesh init";
  config.inbox_prefix = inbox_prefix(identity.machine.id, NatsRole::daemon);
  return config;
}

// Present: an earlier run of this command got this far.
Status create_once(KeyValue& records, Bucket bucket, std::string_view key, const Json& value) {
  const auto created = records.create(bucket, key, to_text(value));
  if (!created && created.error().code != Code::exists) return fail(created.error());
  return {};
}

}  // namespace

Status Founder::name_network(Identity& identity, const std::string& network) {
  const Subnet cluster = TRY(parse_subnet(config_.cluster_cidr));
  if (cluster.prefix >= config_.subnet_prefix_len) {
    return fail(Code::invalid,
                std::format("cluster_cidr {} has no room for subnets of /{}", config_.cluster_cidr,
                            config_.subnet_prefix_len),
                "set cluster_cidr and subnet_prefix_len in /etc/ployz/config.toml");
  }
  identity.network = network;
  identity.settings = network_settings(config_, network);
  Machine& machine = identity.machine;
  machine.subnet = std::format("{}/{}", format_ipv4(cluster.network), config_.subnet_prefix_len);
  machine.overlay_address = format_ipv4(cluster.network + 1);
  machine.stores = true;
  identity.store = {1, {{machine.id, machine.overlay_address}}};
  return save_identity(paths_.identity(), identity);
}

// Alone at first: a store that hears other machines refuses to make streams, to anybody.
Status Founder::start_store(const Identity& identity) {
  const bool changed = TRY(write_nats_config(identity, paths_, StoreStage::alone, {}));
  TRY(start_nats(drivers_.units, identity.store.epoch, changed));
  TRY(write_records(identity));
  const bool serves = TRY(write_nats_config(identity, paths_, StoreStage::serves, {}));
  return start_nats(drivers_.units, identity.store.epoch, serves);
}

Status Founder::write_records(const Identity& identity) {
  const auto connection = TRY(NatsConnection::open(
      founder_connection(identity, TRY(nkey_at(paths_.daemon_seed())))));
  TRY(connection->wait_connected(kStoreStart));
  TRY(ensure_streams(*connection, 1));
  NatsKeyValue records(*connection);
  TRY(ensure_epoch(records, identity.store.epoch));
  TRY(create_once(records, Bucket::meta, kNetworkKey, to_json(*identity.settings)));
  TRY(record_subnet(records, drivers_.clock, identity.machine.subnet, identity.machine.id));
  return create_once(records, Bucket::machines, identity.machine.id.str(),
                     to_json(identity.machine));
}

Result<std::unique_ptr<Member>> Founder::found(Identity& identity, const Progress& progress) {
  progress(std::format("network {} · machine {} · subnet {}", identity.network,
                       identity.machine.name, identity.machine.subnet));
  TRY(start_networks(identity, config_, paths_, drivers_));
  progress("overlay and container bridge are up");
  TRY(drivers_.storage.ensure(progress));
  TRY(start_store(identity));
  progress(std::format("control-plane store is up (epoch {})", identity.store.epoch));
  TRY(start_services(identity, config_, paths_, drivers_));
  // What the member saves of itself later, when the store has moved, is of a complete machine.
  identity.complete = true;
  auto member = TRY(Member::join(identity, config_, paths_, drivers_));
  TRY(await_router(*member, drivers_.clock));
  progress("gateway, DNS and router serve");
  TRY(save_identity(paths_.identity(), identity));
  return member;
}

}  // namespace ployz

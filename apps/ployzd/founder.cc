#include "founder.h"

#include <unistd.h>

#include <algorithm>
#include <format>

#include "base/files.h"
#include "base/ulid.h"
#include "base/version.h"
#include "data_plane.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/nkey.h"
#include "drivers/nats/server_config.h"
#include "drivers/nats/streams.h"
#include "plan/addresses.h"

namespace ployz {
namespace {

constexpr auto kStoreStart = std::chrono::seconds(20);
constexpr auto kRouterStart = std::chrono::seconds(20);
constexpr auto kRouterRetry = std::chrono::milliseconds(50);
constexpr mode_t kSecret = 0600;
// nats-server runs as a user of its own and reads its configuration through the folder's group.
constexpr mode_t kGroupReadable = 0640;

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "machine";
  std::string label(name);
  label.resize(std::min(label.find('.'), label.size()));
  std::ranges::transform(label, label.begin(), [](unsigned char c) { return std::tolower(c); });
  return check_dns_label(label, "host name") ? label : "machine";
}

Result<Nkey> key_at(const std::filesystem::path& path) {
  const auto seed = TRY(read_file(path));
  if (seed) return Nkey::from_seed(*seed);
  const Nkey key = Nkey::generate();
  TRY(write_file(path, key.seed(), kSecret));
  return key;
}

NatsConfig founder_connection(const Identity& identity, const Nkey& key) {
  NatsConfig config;
  config.urls = {identity.nats_url};
  config.seed = key.seed();
  config.name = "mesh init";
  config.inbox_prefix = inbox_prefix(identity.machine.id, NatsRole::daemon);
  return config;
}

}  // namespace

Result<Identity> Founder::new_identity(const std::string& network) {
  const Subnet cluster = TRY(parse_subnet(config_.cluster_cidr));
  if (cluster.prefix >= config_.subnet_prefix_len) {
    return fail(Code::invalid,
                std::format("cluster_cidr {} has no room for subnets of /{}", config_.cluster_cidr,
                            config_.subnet_prefix_len),
                "set cluster_cidr and subnet_prefix_len in /etc/ployz/config.toml");
  }
  Identity identity;
  identity.network = network;
  Machine& machine = identity.machine;
  machine.created_at_ms = drivers_.clock.wall_ms();
  machine.id = MachineId(SeededIds(machine.created_at_ms, drivers_.entropy.next_u64()).next());
  machine.name = host_name();
  machine.subnet = std::format("{}/{}", format_ipv4(cluster.network), config_.subnet_prefix_len);
  machine.overlay_address = format_ipv4(cluster.network + 1);
  machine.stores = true;
  machine.version = version();
  machine.nats_public_key = TRY(key_at(paths_.daemon_seed())).public_key();
  identity.nats_url = "nats://127.0.0.1:4222";
  TRY(save_identity(paths_.identity(), identity));
  return identity;
}

Status Founder::start_store(const Identity& identity) {
  NatsServerConfig config;
  config.machine = identity.machine.id;
  config.data_dir = paths_.data.string();
  config.epoch = identity.epoch;
  config.users = {{identity.machine.id, NatsRole::daemon,
                   TRY(key_at(paths_.daemon_seed())).public_key(), true},
                  {identity.machine.id, NatsRole::router,
                   TRY(key_at(paths_.router_seed())).public_key(), false}};
  TRY(write_file(paths_.nats_config(), TRY(server_config_text(config)), kGroupReadable));
  return drivers_.units.ensure_started(unit::kNats);
}

Status Founder::write_records(const Identity& identity) {
  const auto connection = TRY(NatsConnection::open(
      founder_connection(identity, TRY(key_at(paths_.daemon_seed())))));
  TRY(connection->wait_connected(kStoreStart));
  TRY(ensure_streams(*connection, 1));
  NatsKeyValue records(*connection);
  TRY(ensure_epoch(records, identity.epoch));
  const auto created =
      records.create(Bucket::machines, identity.machine.id.str(), to_text(to_json(identity.machine)));
  // Present: an earlier run of this command got this far.
  if (!created && created.error().code != Code::exists) return fail(created.error());
  return {};
}

Status Founder::start_data_plane(const Identity& identity) {
  TRY(key_at(paths_.router_seed()));
  TRY(write_data_plane(identity, config_, paths_));
  for (const auto* name : {unit::kHaproxy, unit::kKnot, unit::kRouter}) {
    TRY(drivers_.units.ensure_started(name));
  }
  return {};
}

Status Founder::await_router(Member& member) {
  const RpcAddress router{member.identity().machine.id, Target::router, "ping"};
  const uint64_t deadline =
      drivers_.clock.steady_ms() + std::chrono::milliseconds(kRouterStart).count();
  while (true) {
    // No responder is answered at once, so this loop is bounded by its own back-off.
    const auto answer = member.rpc().call(router, Json::object(), std::chrono::seconds(2));
    if (answer) return {};
    if (drivers_.clock.steady_ms() > deadline) {
      Error error = answer.error();
      error.hint = "look at: journalctl -u ployz-router";
      return fail(std::move(error).at("the router did not start"));
    }
    drivers_.clock.sleep_for(kRouterRetry, {});
  }
}

Result<std::unique_ptr<Member>> Founder::found(Identity& identity, const Progress& progress) {
  progress(std::format("network {} · machine {} · subnet {}", identity.network,
                       identity.machine.name, identity.machine.subnet));
  TRY(drivers_.network.ensure_network(identity.machine.subnet));
  progress("container bridge is up");
  TRY(start_store(identity));
  TRY(write_records(identity));
  progress(std::format("control-plane store is up (epoch {})", identity.epoch));
  TRY(start_data_plane(identity));
  auto member = TRY(Member::join(identity, config_, paths_, drivers_));
  TRY(await_router(*member));
  progress("gateway, DNS and router serve");
  identity.complete = true;
  TRY(save_identity(paths_.identity(), identity));
  return member;
}

}  // namespace ployz

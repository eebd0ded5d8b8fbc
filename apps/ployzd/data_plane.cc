#include "data_plane.h"

#include <format>

#include "base/files.h"
#include "base/subprocess.h"
#include "drivers/haproxy/haproxy_config.h"
#include "drivers/knot/knot_config.h"
#include "nats_files.h"
#include "router/router_config.h"
#include "self.h"

namespace ployz {
namespace {

constexpr auto kRouterStart = std::chrono::seconds(20);
constexpr auto kRouterRetry = std::chrono::milliseconds(50);
constexpr auto kResolvConf = "/etc/resolv.conf";

Status write_gateway(const Config& config, const Paths& paths) {
  HaproxyConfig haproxy;
  haproxy.directory = paths.gateway();
  haproxy.listen_host = config.gateway_listen_addr.host;
  haproxy.listen_port = config.gateway_listen_addr.port;
  haproxy.threads = config.gateway_threads;
  return prepare_haproxy_files(haproxy);
}

Status write_dns(const Identity& identity, const Config& config, const Paths& paths) {
  const std::string& own = identity.machine.overlay_address;
  KnotConfig knot;
  knot.listen = {own};
  knot.zone = config.cluster_domain;
  knot.folder = paths.dns().string();
  knot.upstreams = upstream_resolvers(TRY(read_file(kResolvConf)).value_or(""), {own});
  TRY(write_file(paths.dns() / "knot.conf", TRY(knot_config_text(knot))));
  // The zone file is the router's from its first write on.
  const auto zone_file = paths.dns() / kZoneFileName;
  if (TRY(read_file(zone_file))) return {};
  return write_file(zone_file, initial_zone_text(knot.zone));
}

// True: it says something new.
Result<bool> write_router(const Identity& identity, const Config& config, const Paths& paths) {
  RouterConfig router;
  router.machine = identity.machine.id;
  router.nats_url = nats_url(identity.store.epoch);
  router.seed_file = paths.router_seed();
  router.cluster = cluster_config(config);
  router.gateway = config.gateway_listen_addr;
  router.gateway_threads = config.gateway_threads;
  router.data_dir = paths.data;
  const std::string text = to_json(router).dump(2) + "\n";
  if (TRY(read_file(paths.router_config())) == text) return false;
  TRY(write_file(paths.router_config(), text));
  return true;
}

}  // namespace

Status start_networks(const Identity& identity, const Config& config, const Paths& paths,
                      const LocalDrivers& drivers) {
  OverlayConfig overlay;
  overlay.private_key = TRY(wireguard_key_at(paths.wireguard_key()));
  overlay.address = identity.machine.overlay_address;
  overlay.subnet = identity.machine.subnet;
  overlay.cluster_cidr = config.cluster_cidr;
  TRY(drivers.overlay.ensure_up(overlay));
  return drivers.network.ensure_network(identity.machine.subnet);
}

Status start_services(const Identity& identity, const Config& config, const Paths& paths,
                      const LocalDrivers& drivers) {
  TRY(nkey_at(paths.router_seed()));
  TRY(write_gateway(config, paths));
  TRY(write_dns(identity, config, paths));
  (void)TRY(write_router(identity, config, paths));
  for (const auto* name : {unit::kHaproxy, unit::kKnot, unit::kRouter}) {
    TRY(drivers.units.ensure_started(name));
  }
  return {};
}

Status stop_services(const LocalDrivers& drivers, const Progress& progress) {
  for (const auto* name :
       {unit::kRouter, unit::kHaproxy, unit::kKnot, unit::kNats, unit::kNatsB, unit::kWireguard}) {
    TRY(drivers.units.ensure_stopped(name));
    progress(std::format("{} is stopped", name));
  }
  return {};
}

void remove_redirects() {
  (void)run({.argv = {"nft", "delete", "table", "ip", HaproxyConfig().nft_table}},
            {.timeout = std::chrono::milliseconds(10000)});
}

Status point_router(const Identity& identity, const Config& config, const Paths& paths,
                    const LocalDrivers& drivers) {
  // There from before its file changes until it has read it: a death of this daemon in between would leave
  // it at a store that is over, and nobody would notice.
  const std::filesystem::path pending = paths.router_pending();
  std::error_code error;
  const bool cut_off = std::filesystem::exists(pending, error);
  if (!cut_off) TRY(write_file(pending, "", 0600));
  const bool changed = TRY(write_router(identity, config, paths));
  if (changed || cut_off) TRY(drivers.units.restart(unit::kRouter));
  return remove_file(pending);
}

Status await_router(Member& member, Clock& clock) {
  const RpcAddress router{member.identity().machine.id, Target::router, "ping"};
  const uint64_t deadline =
      clock.steady_ms() + std::chrono::milliseconds(kRouterStart).count();
  while (true) {
    // No responder is answered at once, so this loop is bounded by its own back-off.
    const auto answer = member.rpc().call(router, Json::object(), std::chrono::seconds(2));
    if (answer) return {};
    if (clock.steady_ms() > deadline) {
      Error error = answer.error();
      error.hint = "look at: journalctl -u ployz-router";
      return fail(std::move(error).at("the router did not start"));
    }
    clock.sleep_for(kRouterRetry, {});
  }
}

}  // namespace ployz

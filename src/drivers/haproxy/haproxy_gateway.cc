#include "drivers/haproxy/haproxy_gateway.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/files.h"
#include "drivers/haproxy/route_map.h"
#include "drivers/haproxy/server_check.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// Three commands for a server take 200 bytes; a line must fit HAProxy's buffer of 16 kB.
constexpr size_t kServersPerLine = 40;

}  // namespace

HaproxyGateway::HaproxyGateway(HaproxyConfig config, SlotState state)
    : config_(std::move(config)),
      api_(config_.socket.string()),
      redirect_(config_.nft_table, config_.redirect_port),
      state_(std::move(state)),
      committed_(state_.routes) {
  for (const auto& [slot, backend] : state_.slots) by_key_.emplace(backend.key, slot);
}

Result<std::unique_ptr<HaproxyGateway>> HaproxyGateway::open(HaproxyConfig config) {
  SlotState state = TRY(load_slot_state(config));
  TRY(save_config_file(config, state.slots));
  return std::unique_ptr<HaproxyGateway>(new HaproxyGateway(std::move(config), std::move(state)));
}

Status HaproxyGateway::ensure_backends(const std::vector<Backend>& backends,
                                       milliseconds timeout) {
  Lock lock(mutex_);
  changed_.wait(lock, [&] {
    return std::ranges::none_of(backends,
                                [this](const Backend& b) { return busy_.contains(b.key); });
  });
  TRY(follow_restart());
  const Taken taken = TRY(take_slots(backends));
  if (taken.empty()) return {};
  std::vector<std::string> addresses;
  std::vector<BackendKey> keys;
  for (const SlotName& slot : taken) {
    const Backend& backend = state_.slots.at(slot);
    keys.push_back(backend.key);
    addresses.insert(addresses.end(), backend.servers.begin(), backend.servers.end());
  }
  Status status = save();
  if (status) status = add_servers(taken);
  if (status && timeout.count() > 0) {
    busy_.insert(keys.begin(), keys.end());
    lock.unlock();
    status = await_servers(addresses, timeout);
    lock.lock();
    for (const BackendKey& key : keys) busy_.erase(key);
  }
  if (!status) give_back(taken);
  changed_.notify_all();
  return status;
}

Status HaproxyGateway::await_backends(const std::vector<BackendKey>& keys, milliseconds timeout) {
  std::vector<std::string> addresses;
  std::vector<std::string> healthy;
  {
    const Lock lock(mutex_);
    TRY(follow_restart());
    for (const BackendKey& key : keys) {
      const auto taken = by_key_.find(key);
      if (taken == by_key_.end() || busy_.contains(key)) continue;
      const std::vector<std::string>& servers = state_.slots.at(taken->second).servers;
      for (size_t i = 0; i < servers.size(); ++i) {
        addresses.push_back(servers[i]);
        healthy.push_back(
            std::format("set server {}/{} health up", taken->second, server_name(i)));
      }
    }
  }
  TRY(await_servers(addresses, timeout));
  // A backend that was retired meanwhile is answered with "no such server", which is as good.
  for (const std::string& line : healthy) TRY(api_.ask(line));
  return {};
}

Result<HaproxyGateway::Taken> HaproxyGateway::take_slots(const std::vector<Backend>& backends) {
  Taken taken;
  for (const BackendMode mode : {BackendMode::http, BackendMode::tcp}) {
    const std::vector<SlotName> names = slot_names(config_, mode);
    auto next = names.begin();
    for (const Backend& backend : backends) {
      if (backend.key.mode != mode || by_key_.contains(backend.key)) continue;
      next = std::find_if(next, names.end(),
                          [this](const SlotName& name) { return !state_.slots.contains(name); });
      if (next == names.end()) {
        for (const SlotName& slot : taken) {
          by_key_.erase(state_.slots.at(slot).key);
          state_.slots.erase(slot);
        }
        return fail(Code::unavailable,
                    std::format("no free slot: all {} {} backends of the gateway are taken",
                                names.size(), mode == BackendMode::http ? "HTTP" : "TCP"));
      }
      state_.slots.emplace(*next, backend);
      by_key_.emplace(backend.key, *next);
      taken.push_back(*next);
    }
  }
  return taken;
}

void HaproxyGateway::give_back(const Taken& slots) {
  for (const SlotName& slot : slots) {
    // Unrouted and new, so nothing uses them. What cannot be removed now is found by reconcile().
    for (size_t i = 0; i < state_.slots.at(slot).servers.size(); ++i) {
      if (!delete_server(slot, server_name(i))) worker_pid_ = 0;
    }
    by_key_.erase(state_.slots.at(slot).key);
    state_.slots.erase(slot);
  }
  // Were this to fail, the next successful save would drop them too.
  if (!save()) worker_pid_ = 0;
}

Status HaproxyGateway::save() {
  TRY(save_slot_state(config_, state_));
  return save_config_file(config_, state_.slots);
}

Status HaproxyGateway::add_servers(const Taken& slots) {
  std::vector<std::string> lines;
  size_t in_line = kServersPerLine;
  for (const SlotName& slot : slots) {
    size_t index = 0;
    for (const std::string& address : state_.slots.at(slot).servers) {
      if (in_line++ == kServersPerLine) {
        lines.emplace_back();
        in_line = 1;
      }
      const std::string server = std::format("{}/{}", slot, server_name(index++));
      // Added in maintenance; no map names the slot yet, so it may be enabled at once.
      lines.back() += std::format("{0}add server {1} {2} {3};enable server {1};enable health {1}",
                                  lines.back().empty() ? "" : ";", server, address, kServerOptions);
    }
  }
  // The answers are not looked at: a server that is there already, because HAProxy has just read
  // the file, is as good as a new one. What counts is what is there afterwards.
  for (const std::string& line : lines) TRY(api_.ask(line));
  return verify_servers(slots);
}

std::map<std::string, RuntimeServer> HaproxyGateway::servers_of(const SlotName& slot) const {
  std::map<std::string, RuntimeServer> servers;
  const auto taken = state_.slots.find(slot);
  if (taken == state_.slots.end()) return servers;
  size_t index = 0;
  for (const std::string& address : taken->second.servers) {
    servers.emplace(server_name(index++), RuntimeServer{address, true});
  }
  return servers;
}

Status HaproxyGateway::verify_servers(const Taken& slots) const {
  const RuntimeServers present = TRY(api_.servers());
  for (const SlotName& slot : slots) {
    const auto found = present.find(slot);
    if (found == present.end() || found->second != servers_of(slot)) {
      return fail(Code::unavailable,
                  std::format("HAProxy did not take the servers of {}", slot),
                  "look at: journalctl -u ployz-haproxy");
    }
  }
  return {};
}

Status HaproxyGateway::follow_restart() {
  const uint64_t pid = TRY(api_.worker_pid());
  if (pid == worker_pid_) return {};
  TRY(reconcile());
  worker_pid_ = pid;
  return {};
}

Status HaproxyGateway::reconcile() {
  const RuntimeServers present = TRY(api_.servers());
  for (const auto& [slot, servers] : present) {
    const auto taken = state_.slots.find(slot);
    if (taken != state_.slots.end() && busy_.contains(taken->second.key)) continue;
    const auto wanted = servers_of(slot);
    for (const auto& [name, server] : servers) {
      const auto same = wanted.find(name);
      const bool stays = same != wanted.end() && same->second.address == server.address;
      if (!stays) TRY(delete_server(slot, name));
    }
  }
  // Adding what is there already only enables it.
  Taken incomplete;
  for (const auto& [slot, backend] : state_.slots) {
    const auto found = present.find(slot);
    const bool same = found != present.end() && found->second == servers_of(slot);
    if (!same && !busy_.contains(backend.key)) incomplete.push_back(slot);
  }
  return incomplete.empty() ? Status{} : add_servers(incomplete);
}

Status HaproxyGateway::commit_routes(const RouteTable& table) {
  const Lock lock(mutex_);
  std::map<BackendKey, SlotName> usable = by_key_;
  for (const BackendKey& key : busy_) usable.erase(key);
  const std::vector<std::string> lines = TRY(route_map_lines(table, usable));
  TRY(follow_restart());
  state_.routes = table;
  TRY(save_slot_state(config_, state_));
  std::string text;
  for (const std::string& line : lines) text += line;
  TRY(write_file(config_.map_file(), text, 0640));
  return switch_map(table, lines);
}

// A port opens before the switch and closes after it: at no moment does a served port answer
// "connection refused".
Status HaproxyGateway::switch_map(const RouteTable& table, const std::vector<std::string>& lines) {
  std::set<uint16_t> wanted;
  for (const auto& [port, key] : table.ports) wanted.insert(port);
  std::set<uint16_t> both = redirected_;
  both.insert(wanted.begin(), wanted.end());
  if (!redirect_known_ || both != redirected_) {
    TRY(redirect_.set_ports(both));
    redirected_ = both;
    redirect_known_ = true;
  }
  TRY(api_.replace_map(config_.map_file().string(), map_chunks(lines)));
  committed_ = table;
  if (wanted != redirected_) {
    TRY(redirect_.set_ports(wanted));
    redirected_ = wanted;
  }
  return {};
}

Result<std::vector<Backend>> HaproxyGateway::backends() {
  const Lock lock(mutex_);
  std::vector<Backend> all;
  for (const auto& [key, slot] : by_key_) {
    if (!busy_.contains(key)) all.push_back(state_.slots.at(slot));
  }
  return all;
}

Result<RouteTable> HaproxyGateway::routes() {
  const Lock lock(mutex_);
  return committed_;
}

}  // namespace ployz

// Taking backends out of HAProxy once nobody uses them.
#include <algorithm>
#include <format>
#include <thread>
#include <utility>

#include "drivers/haproxy/haproxy_gateway.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Sessions that were cut end as soon as HAProxy's threads come round to them.
constexpr milliseconds kAfterCut{2000};
// How often requests still running are counted: at first often, as most end at once; an answer of
// HAProxy takes some 0.1 ms of it.
constexpr milliseconds kFirstCount{2};
constexpr milliseconds kSlowestCount{200};

milliseconds left_until(steady_clock::time_point deadline) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
}

}  // namespace

std::set<BackendKey> HaproxyGateway::routed() const {
  std::set<BackendKey> keys;
  // What is served, and what the file says: a HAProxy that restarts would serve that.
  for (const RouteTable* table : {&committed_, &state_.routes}) {
    for (const HostRoute& route : table->hosts) keys.insert(route.backend);
    for (const auto& [port, key] : table->ports) keys.insert(key);
  }
  return keys;
}

Status HaproxyGateway::retire_backends(const std::vector<BackendKey>& keys, milliseconds limit) {
  Lock lock(mutex_);
  const auto deadline = steady_clock::now() + limit;
  changed_.wait(lock, [&] {
    return std::ranges::none_of(keys, [this](const BackendKey& k) { return busy_.contains(k); });
  });
  const std::set<BackendKey> named = routed();
  std::vector<std::pair<SlotName, Backend>> slots;
  for (const BackendKey& key : keys) {
    if (named.contains(key)) {
      return fail(Code::precondition,
                  std::format("port {} of {}.{} is routed", key.port, key.service.str(),
                              key.name_space.str()));
    }
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      slots.emplace_back(found->second, state_.slots.at(found->second));
    }
  }
  if (slots.empty()) return {};
  TRY(follow_restart());
  for (const auto& [slot, backend] : slots) busy_.insert(backend.key);
  lock.unlock();
  // A request may have looked the old map up and not have chosen its server yet. Deleting a server,
  // even one that does not exist, first waits until no HAProxy thread is inside such work
  // (thread_isolate_full in HAProxy's src/server.c): from here on all of them see the new map.
  Status drained = api_.ask("del server no_route/none").transform([](auto&&) {});
  std::vector<SlotName> names;
  for (const auto& [slot, backend] : slots) names.push_back(slot);
  if (drained) drained = await_unused(names, deadline);
  std::vector<const std::pair<SlotName, Backend>*> gone;
  for (const auto& slot : slots) {
    if (drained) drained = drain(slot.first, slot.second, deadline);
    if (drained) gone.push_back(&slot);
  }
  lock.lock();
  for (const auto* slot : gone) {
    by_key_.erase(slot->second.key);
    state_.slots.erase(slot->first);
  }
  for (const auto& [slot, backend] : slots) busy_.erase(backend.key);
  // Those half-way out are put back by reconcile() at the next call.
  if (!drained) worker_pid_ = 0;
  const Status saved = save();
  changed_.notify_all();
  return drained ? saved : drained;
}

// The servers stay in use meanwhile. One in maintenance ends no running request, but a request whose
// first packet was lost is not running yet: it is tried again on a server that is in use (`option
// redispatch`), and where all are in maintenance it is answered with 503.
Status HaproxyGateway::await_unused(const std::vector<SlotName>& slots,
                                    steady_clock::time_point deadline) const {
  for (milliseconds pause = kFirstCount; TRY(api_.sessions(slots)) > 0;
       pause = std::min(2 * pause, kSlowestCount)) {
    const milliseconds left = left_until(deadline);
    if (left.count() == 0) return {};
    std::this_thread::sleep_for(std::min(pause, left));
  }
  return {};
}

Status HaproxyGateway::drain(const SlotName& slot, const Backend& backend,
                             steady_clock::time_point deadline) const {
  std::string disable;
  for (size_t i = 0; i < backend.servers.size(); ++i) {
    disable += std::format("{}disable server {}/{}", i == 0 ? "" : ";", slot, server_name(i));
  }
  TRY(api_.ask(disable));
  for (size_t i = 0; i < backend.servers.size(); ++i) {
    // Left over at the deadline: delete_server cuts.
    (void)TRY(api_.wait_removable(slot, server_name(i), left_until(deadline)));
    TRY(delete_server(slot, server_name(i)));
  }
  return {};
}

Status HaproxyGateway::delete_server(const SlotName& slot, const std::string& server) const {
  const std::string disable = std::format("disable server {0}/{1};shutdown sessions server {0}/{1}",
                                          slot, server);
  const std::string remove = std::format("del server {}/{}", slot, server);
  // The common case first: nothing uses it.
  std::string answer = trim_answer(TRY(api_.ask(remove)));
  if (answer != "Server deleted." && answer != "No such server.") {
    TRY(api_.ask(disable));
    (void)TRY(api_.wait_removable(slot, server, kAfterCut));
    answer = trim_answer(TRY(api_.ask(remove)));
  }
  if (answer == "Server deleted." || answer == "No such server.") return {};
  return fail(Code::unavailable,
              std::format("HAProxy keeps server {}/{}: {}", slot, server, answer));
}

}  // namespace ployz

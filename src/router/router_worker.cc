// The worker: passes, retries, and the late retiring of what nobody drained.
#include <algorithm>
#include <format>
#include <utility>

#include "router/router_impl.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFirstBackoff{50};
constexpr milliseconds kMaxBackoff{2000};
// How often the due times of the injected clock are looked at when nothing happens.
constexpr milliseconds kHousekeeping{15'000};

}  // namespace

void Router::Impl::work() {
  Lock lock(mutex_);
  while (!stopping_) {
    if (pending() && steady_clock::now() >= retry_at_) {
      run_pass(lock, kFlipHealth);
      continue;
    }
    preparations_.expire(ports_.clock.steady_ms());
    note_unnamed(lock);
    retire_due(lock);
    if (stopping_ || (pending() && steady_clock::now() >= retry_at_)) continue;
    changed_.wait_until(lock, next_wake());
  }
}

steady_clock::time_point Router::Impl::next_wake() const {
  const auto housekeeping = steady_clock::now() + kHousekeeping;
  return pending() ? std::min(retry_at_, housekeeping) : housekeeping;
}

void Router::Impl::run_pass(Lock& lock, milliseconds health) {
  const uint64_t target = wanted_;
  const NewestCommits newest = newest_;
  const NewestCommits served = served_commits_;
  const std::vector<Backend> wanted = project(newest, config_).backends;
  desired_.clear();
  for (const Backend& backend : wanted) desired_.insert(backend.key);
  // Only now, in one step: what was pinned is desired from here on.
  for (const auto& [name, entry] : newest) preparations_.settle(name, entry.sequence);
  wait_not_retiring(lock, wanted);

  lock.unlock();
  PassResult result = Pass(config_, {ports_.gateway, ports_.dns, ports_.cache, ports_.log})
                          .run({newest, served, health});
  lock.lock();

  gateway_error_ = result.gateway ? "" : result.gateway.error().line();
  dns_error_ = result.dns ? "" : result.dns.error().line();
  const bool complete = result.complete();
  if (result.dns) dns_served_ = result.routes.sequences;
  if (result.gateway) {
    served_ = std::move(result.routes);
    served_commits_ = std::move(result.shown);
  }
  held_back_ = std::move(result.held_back);
  if (complete) {
    applied_ = target;
    backoff_ = milliseconds(0);
  } else {
    backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kMaxBackoff);
    retry_at_ = steady_clock::now() + backoff_;
  }
  changed_.notify_all();
}

bool Router::Impl::serves_newest(const NamespaceName& name) const {
  const auto at = [&name](const std::map<NamespaceName, uint64_t>& sequences) {
    const auto found = sequences.find(name);
    return found == sequences.end() ? 0 : found->second;
  };
  const auto entry = newest_.find(name);
  const uint64_t newest = entry == newest_.end() ? 0 : entry->second.sequence;
  return at(served_.sequences) >= newest && at(dns_served_) >= newest;
}

std::vector<BackendKey> Router::Impl::unnamed(Lock& lock) {
  lock.unlock();
  const auto taken = ports_.gateway.backends();
  lock.lock();
  std::vector<BackendKey> keys;
  if (!taken || !may_apply_) return keys;
  std::set<BackendKey> named = desired_;
  for (const HostRoute& route : served_.hosts) named.insert(route.backend);
  for (const auto& [port, key] : served_.ports) named.insert(key);
  for (const Backend& backend : *taken) {
    const BackendKey& key = backend.key;
    if (!named.contains(key) && !retiring_.contains(key) && !preparations_.pins(key)) {
      keys.push_back(key);
    }
  }
  return keys;
}

void Router::Impl::note_unnamed(Lock& lock) {
  const uint64_t now = ports_.clock.steady_ms();
  std::map<BackendKey, uint64_t> since;
  for (const BackendKey& key : unnamed(lock)) {
    const auto known = unnamed_since_.find(key);
    since.emplace(key, known == unnamed_since_.end() ? now : known->second);
  }
  unnamed_since_ = std::move(since);
}

void Router::Impl::retire_due(Lock& lock) {
  const uint64_t now = ports_.clock.steady_ms();
  std::vector<BackendKey> due;
  for (const auto& [key, since] : unnamed_since_) {
    if (now - since >= kLazyRetireMs) due.push_back(key);
  }
  if (due.empty()) return;
  // They had their time to drain.
  if (auto retired = retire(lock, due, milliseconds(0)); !retired) {
    say(std::format("cannot retire old backends: {}", retired.error().line()));
  }
}

Status Router::Impl::retire(Lock& lock, const std::vector<BackendKey>& keys, milliseconds limit) {
  if (keys.empty()) return {};
  for (const BackendKey& key : keys) retiring_.insert(key);
  lock.unlock();
  Status retired = ports_.gateway.retire_backends(keys, limit);
  lock.lock();
  for (const BackendKey& key : keys) {
    retiring_.erase(key);
    if (retired) unnamed_since_.erase(key);
  }
  changed_.notify_all();
  return retired;
}

void Router::Impl::wait_not_retiring(Lock& lock, const std::vector<Backend>& backends) {
  changed_.wait(lock, [&] {
    return std::ranges::none_of(
        backends, [this](const Backend& backend) { return retiring_.contains(backend.key); });
  });
}

}  // namespace ployz

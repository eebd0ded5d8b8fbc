// What the engine asks of a router.
#include <algorithm>
#include <format>
#include <utility>

#include "base/version.h"
#include "ports/machine_rpc.h"
#include "router/router_impl.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

uint64_t sequence_in(const std::map<NamespaceName, uint64_t>& sequences,
                     const NamespaceName& name) {
  const auto found = sequences.find(name);
  return found == sequences.end() ? 0 : found->second;
}

}  // namespace

Result<Json> Router::Impl::ping() {
  const Lock lock(mutex_);
  return Json{{"version", version()},
              {"protocol", kRpcVersion},
              {"serving", may_apply_ && !pending()}};
}

Result<Json> Router::Impl::status() {
  RouterStatus now;
  const Lock lock(mutex_);
  now.version = version();
  now.reads_the_store = caught_up_;
  now.gateway = served_.sequences;
  now.dns = dns_served_;
  now.gateway_error = gateway_error_;
  now.dns_error = dns_error_;
  for (const auto& [name, error] : held_back_) now.held_back[name] = error.line();
  return to_json(now);
}

std::string Router::Impl::missing(const FlipRequest& request) const {
  const NamespaceName& name = request.name_space;
  const auto entry = newest_.find(name);
  if (entry == newest_.end() || entry->second.sequence < request.sequence) {
    return std::format("commit {} of {} has not arrived", request.sequence, name.str());
  }
  if (!may_apply_) return "the store's commits are not completely read yet";
  if (const auto held = held_back_.find(name); held != held_back_.end()) {
    return held->second.line();
  }
  std::string text;
  const auto say_missing = [&](std::string_view what, uint64_t served, const std::string& error) {
    if (served >= request.sequence) return;
    text += std::format("{}{} serves commit {} of {}, not {}", text.empty() ? "" : "; ", what,
                        served, name.str(), request.sequence);
    if (!error.empty()) text += ": " + error;
  };
  say_missing("the gateway", sequence_in(served_.sequences, name), gateway_error_);
  say_missing("DNS", sequence_in(dns_served_, name), dns_error_);
  return text;
}

Result<Json> Router::Impl::flip(const FlipRequest& request) {
  Lock lock(mutex_);
  const auto served = [&] {
    return sequence_in(served_.sequences, request.name_space) >= request.sequence &&
           sequence_in(dns_served_, request.name_space) >= request.sequence;
  };
  changed_.wait_until(lock, steady_clock::now() + kFlipWait,
                      [&] { return stopping_ || served(); });
  if (!served()) return fail(Code::timeout, missing(request));
  return Json{{"sequence", sequence_in(served_.sequences, request.name_space)}};
}

Result<Json> Router::Impl::step(const StepRequest& request) {
  {
    const Lock lock(mutex_);
    TRY(preparations_.admit(request.operation, request.attempt));
  }
  if (std::holds_alternative<PrepareRoutes>(request.action)) {
    TRY(prepare(request));
  } else if (std::holds_alternative<DiscardRoutes>(request.action)) {
    TRY(discard(request));
  } else if (const auto* action = std::get_if<DrainRoutes>(&request.action)) {
    TRY(drain(request, *action));
  } else if (const auto* awaited = std::get_if<AwaitRoutes>(&request.action)) {
    TRY(await_routes(*awaited));
  } else {
    return fail(Code::unsupported,
                std::format("'{}' is not a step of a router", kind_of(request.action)));
  }
  return Json::object();
}

std::vector<Backend> Router::Impl::extra_backends(const Commit& candidate) const {
  NewestCommits with = newest_;
  uint64_t last = 0;
  for (const auto& [name, entry] : newest_) last = std::max(last, entry.sequence);
  with[candidate.name_space] = {last + 1, candidate};
  std::vector<Backend> backends = project(with, config_).backends;
  std::erase_if(backends, [&](const Backend& backend) {
    return backend.key.name_space != candidate.name_space;
  });
  return backends;
}

Status Router::Impl::prepare(const StepRequest& request) {
  if (!request.candidate) return fail(Code::invalid, "prepare_routes needs the candidate commit");
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return !busy_.contains(request.operation); });
  busy_.insert(request.operation);
  Status status = prepare_locked(lock, request, *request.candidate);
  busy_.erase(request.operation);
  changed_.notify_all();
  return status;
}

Status Router::Impl::prepare_locked(Lock& lock, const StepRequest& request,
                                    const Commit& candidate) {
  if (candidate.operation != request.operation) {
    return fail(Code::invalid, "the candidate commit is another operation's");
  }
  TRY(preparations_.refuse_discarded(request.operation));
  if (const auto newest = newest_.find(candidate.name_space); newest != newest_.end()) {
    if (newest->second.commit.operation == request.operation) return {};
    if (newest->second.sequence > candidate.parent_sequence) {
      return fail(Code::conflict,
                  std::format("{} is at commit {}, the candidate was made for {}",
                              candidate.name_space.str(), newest->second.sequence,
                              candidate.parent_sequence));
    }
  }
  std::vector<Backend> backends = extra_backends(candidate);
  preparations_.pin(candidate, backends, ports_.clock.steady_ms());
  // What is served already is not checked again: an instance the operation keeps as it is must not
  // fail it.
  std::erase_if(backends, [this](const Backend& b) { return desired_.contains(b.key); });
  wait_not_retiring(lock, backends);
  lock.unlock();
  Status taken = ports_.gateway.ensure_backends(backends, kPrepareHealth);
  lock.lock();
  if (!taken) preparations_.unpin(request.operation);
  return taken;
}

Status Router::Impl::discard(const StepRequest& request) {
  Lock lock(mutex_);
  const std::set<BackendKey> given_back = preparations_.discard(request.operation);
  // One that is being prepared right now gets no pin any more: wait for it, then give back. A repeated
  // discard finds nothing to give back, and must not answer before the first has (seed 10659).
  changed_.wait(lock, [&] { return !busy_.contains(request.operation); });
  busy_.insert(request.operation);
  std::vector<BackendKey> keys = unnamed(lock);
  std::erase_if(keys, [&](const BackendKey& key) { return !given_back.contains(key); });
  // No request ever went there, so there is nothing to wait for. Lazily retired if this fails.
  Status retired = retire(lock, keys, milliseconds(0));
  busy_.erase(request.operation);
  changed_.notify_all();
  return retired;
}

Status Router::Impl::drain(const StepRequest& request, const DrainRoutes& action) {
  Lock lock(mutex_);
  // A commit of this operation that is not here yet would make the servers to keep look unnamed.
  const auto ready = [&] {
    return caught_up_ && !preparations_.holds(request.operation) && !pending() &&
           serves_newest(action.name_space);
  };
  changed_.wait_until(lock, steady_clock::now() + kFlipWait, [&] { return stopping_ || ready(); });
  if (!ready()) {
    return fail(Code::unavailable,
                std::format("the newest commit of {} is not served here yet",
                            action.name_space.str()),
                gateway_error_.empty() ? dns_error_ : gateway_error_);
  }
  std::vector<BackendKey> keys = unnamed(lock);
  std::erase_if(keys, [&](const BackendKey& key) { return key.name_space != action.name_space; });
  TRY(retire(lock, keys, action.limit));
  // Another call may be at the same: this one promises that it is done, too.
  changed_.wait(lock, [&] {
    return std::ranges::none_of(retiring_, [&](const BackendKey& key) {
      return key.name_space == action.name_space;
    });
  });
  return {};
}

Status Router::Impl::await_routes(const AwaitRoutes& action) {
  if (action.limit == milliseconds(0)) return {};
  std::vector<BackendKey> keys;
  {
    const Lock lock(mutex_);
    for (const BackendKey& key : desired_) {
      if (key.name_space == action.name_space) keys.push_back(key);
    }
  }
  Status awaited = ports_.gateway.await_backends(keys, action.limit);
  if (awaited || awaited.error().code != Code::precondition) return awaited;
  say(std::format("left to the health checks: {}", awaited.error().line()));
  return {};
}

}  // namespace ployz

#include "sim/fakes/fake_rpc.h"

#include <exception>
#include <format>

namespace ployz::sim {
namespace {

std::string name_of(const RpcAddress& to) {
  return std::format("{}.{}.{}", to.machine.str(), to_string(to.target), to.command);
}

std::string brief(const Json& request) {
  std::string text;
  for (const char* key : {"operation", "attempt", "step", "verb", "namespace", "sequence"}) {
    if (!request.contains(key)) continue;
    text += std::format("{}{}", text.empty() ? "" : " ", to_text(request[key]));
  }
  if (request.contains("action") && request["action"].contains("kind")) {
    text += " " + to_text(request["action"]["kind"]);
  }
  return text;
}

// As it arrives on the other side: written and parsed.
Json on_the_wire(const Json& json) { return parse_json(to_text(json)).value_or(Json()); }

std::string text_of(const Result<Json>& result) {
  return result ? "ok" : std::format("{}: {}", to_string(result.error().code),
                                     result.error().message);
}

}  // namespace

struct FakeRpc::Pending {
  uint32_t caller = 0;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Result<Json>> reply;
};

struct FakeRpc::Server {
  uint32_t process = 0;
  Handler handler;
  std::mutex mutex;
  bool closed = false;
  std::vector<std::jthread> running;  // joined when the registration ends
};

class FakeRpc::Registration final : public Subscription {
 public:
  Registration(FakeRpc& rpc, Place place, std::shared_ptr<Server> server)
      : rpc_(rpc), place_(std::move(place)), server_(std::move(server)) {}
  ~Registration() override {
    {
      const std::lock_guard lock(rpc_.mutex_);
      const auto it = rpc_.servers_.find(place_);
      if (it != rpc_.servers_.end() && it->second == server_) rpc_.servers_.erase(it);
    }
    std::vector<std::jthread> running;
    {
      const std::lock_guard lock(server_->mutex);
      server_->closed = true;
      running.swap(server_->running);
    }
  }

 private:
  FakeRpc& rpc_;
  Place place_;
  std::shared_ptr<Server> server_;
};

Result<std::unique_ptr<Subscription>> FakeRpc::serve(const MachineId& machine, Target target,
                                                     Handler handler) {
  if (hook_.enter("rpc.serve", machine.str(), Kind::read) != Fate::normal) {
    return fail(Code::unavailable, "the network is away");
  }
  auto server = std::make_shared<Server>();
  server->process = hook_.process();
  server->handler = std::move(handler);
  const Place place{machine, target};
  {
    const std::lock_guard lock(mutex_);
    servers_[place] = server;
  }
  return std::make_unique<Registration>(*this, place, std::move(server));
}

std::shared_ptr<FakeRpc::Server> FakeRpc::server_at(const RpcAddress& to) {
  const std::lock_guard lock(mutex_);
  const auto it = servers_.find({to.machine, to.target});
  if (it == servers_.end() || !hook_.alive(it->second->process)) return nullptr;
  return it->second;
}

std::shared_ptr<FakeRpc::Pending> FakeRpc::start(const RpcAddress& to, const Json& request) {
  auto pending = std::make_shared<Pending>();
  pending->caller = hook_.process();
  const Fate fate = hook_.enter("rpc." + name_of(to), brief(request), Kind::write);
  if (fate == Fate::never) return pending;
  const std::shared_ptr<Server> server = fate == Fate::refused ? nullptr : server_at(to);
  if (!server) {
    pending->reply = fail(Code::unavailable,
                          std::format("nobody answers for {} of machine {}", to_string(to.target),
                                      to.machine.str()));
    return pending;
  }
  const Hook::Delivery delivery = hook_.delivery();
  const auto late_by = fate == Fate::late ? delivery.late_by : std::chrono::milliseconds(0);
  arrive(server, to, request, pending, fate == Fate::reply_lost, late_by);
  if (delivery.copies > 1) arrive(server, to, request, pending, true, delivery.second_after);
  return pending;
}

// Runs the handler on a thread of its process, at once or later.
void FakeRpc::arrive(const std::shared_ptr<Server>& server, const RpcAddress& to,
                     const Json& request, const std::shared_ptr<Pending>& pending,
                     bool reply_lost, std::chrono::milliseconds after) {
  auto handle = [this, server, to, request = on_the_wire(request), pending, reply_lost] {
    Result<Json> reply = Json();
    try {
      reply = server->handler(to.command, request);
    } catch (const std::exception& e) {
      reply = fail(Code::internal, std::format("{} threw: {}", name_of(to), e.what()));
    }
    if (reply_lost) return;
    hook_.leave("rpc." + name_of(to), text_of(reply));
    if (!hook_.carries(server->process, pending->caller)) return;
    const std::lock_guard lock(pending->mutex);
    if (reply) reply = on_the_wire(*reply);
    if (!pending->reply) pending->reply = std::move(reply);
    pending->changed.notify_all();
  };
  auto begin = [this, server, caller = pending->caller, handle = std::move(handle)] {
    if (!hook_.alive(server->process) || !hook_.carries(caller, server->process)) return;
    const std::lock_guard lock(server->mutex);
    if (!server->closed) server->running.push_back(hook_.thread_in(server->process, handle));
  };
  if (after.count() == 0) {
    begin();
  } else {
    hook_.later(after, std::move(begin));
  }
}

Result<Json> FakeRpc::await(Pending& pending, std::chrono::steady_clock::time_point deadline,
                            const RpcAddress& to) {
  std::unique_lock lock(pending.mutex);
  if (!pending.changed.wait_until(lock, deadline, [&] { return pending.reply.has_value(); })) {
    return fail(Code::timeout, std::format("no answer from {}", name_of(to)), "",
                Effect::unknown);
  }
  return *pending.reply;
}

Result<Json> FakeRpc::call(const RpcAddress& to, const Json& request,
                           std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const std::shared_ptr<Pending> pending = start(to, request);
  return await(*pending, deadline, to);
}

std::vector<Result<Json>> FakeRpc::call_all(const std::vector<Call>& calls,
                                            std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::vector<std::shared_ptr<Pending>> pending;
  pending.reserve(calls.size());
  for (const Call& call : calls) pending.push_back(start(call.to, call.request));
  std::vector<Result<Json>> results;
  results.reserve(calls.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    results.push_back(await(*pending[i], deadline, calls[i].to));
    if (observer_) observer_(calls[i].to, results.back().has_value());
  }
  return results;
}

}  // namespace ployz::sim

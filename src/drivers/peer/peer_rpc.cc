#include "drivers/peer/peer_rpc.h"

#include <atomic>
#include <exception>
#include <format>

#include "base/digest.h"
#include "base/tcp.h"
#include "base/worker_pool.h"
#include "drivers/peer/peer_exchange.h"
#include "drivers/peer/peer_wire.h"
#include "ports/rpc_wire.h"

namespace ployz {
namespace {

// Zero would be no deadline at all.
Deadline deadline_of(std::chrono::milliseconds timeout) {
  return deadline_in(std::max(timeout, std::chrono::milliseconds(1)));
}

}  // namespace

struct PeerRpc::Service {
  Service(Handler served, size_t max_handlers) : handler(std::move(served)), pool(max_handlers) {}
  ~Service() { stop.request_stop(); }  // of waits for members' bytes; then the pool waits

  const Handler handler;
  std::stop_source stop;
  WorkerPool pool;  // last: its work ends before what it uses
};

class PeerRpc::Served final : public Subscription {
 public:
  Served(PeerRpc& owner, Target target) : owner_(owner), target_(target) {}
  ~Served() override { owner_.withdraw(target_); }

 private:
  PeerRpc& owner_;
  const Target target_;
};

PeerRpc::PeerRpc(PeerConfig config) : config_(std::move(config)) {}

Result<Json> PeerRpc::call(const RpcAddress& to, const Json& request,
                           std::chrono::milliseconds timeout) {
  return exchange(config_, to, request, deadline_of(timeout));
}

std::vector<Result<Json>> PeerRpc::call_all(const std::vector<Call>& calls,
                                            std::chrono::milliseconds timeout) {
  const Deadline deadline = deadline_of(timeout);
  std::vector<Result<Json>> results(calls.size(), Result<Json>(Json()));
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < std::min(calls.size(), kMaxPeerCalls); ++i) {
    threads.emplace_back([&] {
      for (size_t mine = next++; mine < calls.size(); mine = next++) {
        results[mine] = exchange(config_, calls[mine].to, calls[mine].request, deadline);
      }
    });
  }
  threads.clear();  // joins
  return results;
}

Result<std::unique_ptr<Subscription>> PeerRpc::serve(const MachineId& machine, Target target,
                                                     Handler handler) {
  if (machine != config_.self) {
    return fail(Code::denied, std::format("machine {} does not answer for machine {}",
                                          config_.self.str(), machine.str()));
  }
  const std::lock_guard changing(changing_);
  if (!door_) {
    Fd listener = TRY(listen_tcp(config_.address, config_.port, "the peer port"));
    door_ = std::make_unique<PeerDoor>(
        config_, std::move(listener),
        [this](const std::shared_ptr<PeerDoor::Asked>& asked) { return take(asked); });
  }
  const std::lock_guard lock(mutex_);
  if (services_.contains(target)) {
    return fail(Code::exists, std::format("target {} is served already", to_string(target)));
  }
  services_[target] = std::make_shared<Service>(std::move(handler), config_.max_handlers);
  return std::make_unique<Served>(*this, target);
}

void PeerRpc::withdraw(Target target) {
  const std::lock_guard changing(changing_);
  std::shared_ptr<Service> ending;  // waits without the lock
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    const auto it = services_.find(target);
    ending = std::move(it->second);
    services_.erase(it);
    last = services_.empty();
  }
  if (last) door_.reset();
}

Status PeerRpc::take(const std::shared_ptr<PeerDoor::Asked>& asked) {
  const RpcAddress& to = asked->envelope.to;
  const std::lock_guard lock(mutex_);
  const auto it = services_.find(to.target);
  if (it == services_.end()) {
    return fail(Code::unavailable, std::format("machine {} does not serve target {} here",
                                               to.machine.str(), to_string(to.target)));
  }
  // Not the pointer that owns it: the service waits for this in its destructor.
  Service* const service = it->second.get();
  if (service->pool.try_run([this, service, asked] { answer(*service, *asked); })) return {};
  return fail(Code::unavailable, "the machine is busy: too many commands at once",
              "repeat the command");
}

void PeerRpc::answer(Service& service, PeerDoor::Asked& asked) const {
  std::string body = rpc_wire::encode_reply(handle(service, asked));
  if (body.size() > peer_wire::kMaxPeerReply) {
    body = rpc_wire::encode_reply(fail(Code::internal,
                                       std::format("the reply is too large: {} bytes", body.size()),
                                       {}, Effect::unknown));
  }
  const StopFd stop(service.stop.get_token());
  // Lost replies are the caller's timeout; nothing here can do better.
  (void)send_exactly(asked.socket, peer_wire::encode_reply(asked.envelope, body, config_.key),
                     deadline_in(config_.body_timeout), stop);
  asked.socket.reset();
}

Result<Json> PeerRpc::handle(Service& service, PeerDoor::Asked& asked) const {
  const peer_wire::Envelope& envelope = asked.envelope;
  const StopFd stop(service.stop.get_token());
  const std::string bytes =
      TRY(receive_exactly(asked.socket, envelope.size, deadline_in(config_.body_timeout), stop));
  if (sha256_digest(bytes) != envelope.digest) {
    return fail(Code::corrupt, "the request does not match its digest");
  }
  const Json body = TRY(rpc_wire::decode_request(bytes));
  try {
    if (envelope.to.command == kPeerJoin) return config_.guests.join(envelope.from, body);
    if (envelope.to.command == kPeerRemoval && config_.removed.answer) {
      return config_.removed.answer(envelope.from);
    }
    return service.handler(envelope.to.command, body);
  } catch (const std::exception& e) {
    return fail(Code::internal, std::format("{}: {}", envelope.to.command, e.what()), {},
                Effect::unknown);
  }
}

}  // namespace ployz

#include "drivers/nats/rpc.h"

#include <exception>
#include <format>

#include "base/worker_pool.h"
#include "ports/rpc_wire.h"

namespace ployz {
namespace {

class Server : public Subscription {
 public:
  Server(NatsConnection& connection, MachineRpc::Handler handler, std::string prefix,
         size_t max_handlers)
      : connection_(connection),
        handler_(std::move(handler)),
        prefix_(std::move(prefix)),
        pool_(max_handlers) {}

  ~Server() override { requests_.reset(); }  // first, then the pool waits for what runs

  Status start() {
    requests_ = TRY(connection_.subscribe(
        prefix_ + "*", [this](NatsMessage request) { accept(std::move(request)); }));
    return {};
  }

 private:
  void accept(NatsMessage request) {
    if (request.reply.empty()) return;  // nobody would hear the answer
    const std::string reply = request.reply;
    auto shared = std::make_shared<NatsMessage>(std::move(request));
    if (pool_.try_run([this, shared] { send(shared->reply, answer(*shared)); })) return;
    send(reply, fail(Code::unavailable, "the machine is busy: too many commands at once",
                     "repeat the command"));
  }

  Result<Json> answer(const NatsMessage& request) {
    const Json body = TRY(rpc_wire::decode_request(request.data));
    try {
      return handler_(request.subject.substr(prefix_.size()), body);
    } catch (const std::exception& e) {
      return fail(Code::internal, std::format("{}: {}", request.subject, e.what()), {},
                  Effect::unknown);
    }
  }

  void send(const std::string& reply, const Result<Json>& result) {
    // Lost replies are the caller's timeout; nothing here can do better.
    const Status sent = connection_.publish({reply, rpc_wire::encode_reply(result), {}});
    if (sent || sent.error().code != Code::invalid) return;
    (void)connection_.publish(
        {reply,
         rpc_wire::encode_reply(fail(Code::internal,
                                     "the reply is too large: " + sent.error().message, {},
                                     Effect::unknown)),
         {}});
  }

  NatsConnection& connection_;
  MachineRpc::Handler handler_;
  std::string prefix_;
  WorkerPool pool_;
  std::unique_ptr<Subscription> requests_;
};

// Says of a silent machine who it is.
Result<Json> to_result(Result<NatsMessage> reply, const RpcAddress& to) {
  if (reply) return rpc_wire::decode_reply(reply->data);
  Error error = std::move(reply).error();
  const std::string daemon = to.target == Target::agent ? "ployzd" : "ployz-router";
  // Nobody has to know the subject; it stays in the context.
  if (nobody_listens(error)) {
    error.message = std::format("{} of machine {} does not answer", daemon, to.machine.str());
    if (error.hint.empty()) error.hint = "is it up, and reachable from this machine?";
    return fail(std::move(error));
  }
  return fail(std::move(error).at(std::format("{} of machine {}", daemon, to.machine.str())));
}

}  // namespace

Result<Json> NatsRpc::call(const RpcAddress& to, const Json& request,
                           std::chrono::milliseconds timeout) {
  return std::move(call_all({{to, request}}, timeout).front());
}

std::vector<Result<Json>> NatsRpc::call_all(const std::vector<Call>& calls,
                                            std::chrono::milliseconds timeout) {
  std::vector<NatsRequest> requests;
  std::vector<std::optional<size_t>> sent(calls.size());  // call → its request
  std::vector<Result<Json>> results(calls.size(), Result<Json>(Json()));
  for (size_t i = 0; i < calls.size(); ++i) {
    auto subject = rpc_wire::subject(calls[i].to);
    if (!subject) {
      results[i] = fail(std::move(subject).error());
      continue;
    }
    sent[i] = requests.size();
    requests.push_back({std::move(*subject), rpc_wire::encode_request(calls[i].request), {}});
  }
  auto replies = connection_.request_all(requests, timeout);
  for (size_t i = 0; i < calls.size(); ++i) {
    if (sent[i]) results[i] = to_result(std::move(replies[*sent[i]]), calls[i].to);
  }
  return results;
}

Result<std::unique_ptr<Subscription>> NatsRpc::serve(const MachineId& machine, Target target,
                                                     Handler handler) {
  (void)TRY(rpc_wire::subject({machine, target, "any"}));
  auto server = std::make_unique<Server>(connection_, std::move(handler),
                                         rpc_wire::subject_prefix(machine, target), max_handlers_);
  TRY(server->start());
  return server;
}

}  // namespace ployz

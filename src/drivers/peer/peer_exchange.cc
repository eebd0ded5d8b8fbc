#include "drivers/peer/peer_exchange.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "base/tcp.h"
#include "drivers/peer/peer_wire.h"
#include "ports/rpc_wire.h"

namespace ployz {
namespace {

// The payload of the next frame.
Result<std::string> receive_frame(const Fd& socket, Deadline deadline, const StopFd& stop) {
  const std::string head = TRY(receive_exactly(socket, peer_wire::kLengthBytes, deadline, stop));
  return receive_exactly(socket, TRY(peer_wire::frame_length(head)), deadline, stop);
}

// Of an error before anything was asked: it has no effect.
Error unasked(Error error, std::string_view what) {
  error.effect = Effect::none;
  if (error.code == Code::unavailable) error.message = "it closed the connection";
  if (error.code == Code::timeout) error.message = "it said nothing in time";
  return std::move(error).at(what);
}

// Of an error after that, when nobody knows. A connection that ends without a reply is what it is
// to wait in vain, only sooner.
Error unanswered(Error error, std::string_view what) {
  error.effect = Effect::unknown;
  if (error.code == Code::unavailable) {
    error.code = Code::timeout;
    error.message = "it closed the connection without a reply";
  } else if (error.code == Code::timeout) {
    error.message = "no reply in time";
  }
  return std::move(error).at(what);
}

// What is read proves itself before more of it is read: the head by its signature, which covers the
// digest, and the body by that.
Result<std::string> receive_reply(const Fd& socket, const peer_wire::Envelope& asked,
                                  const std::string& public_key, Deadline deadline,
                                  const StopFd& stop) {
  const auto head = TRY(peer_wire::decode_reply_head(TRY(receive_frame(socket, deadline, stop))));
  if (!peer_wire::is_signed_by(head, asked, public_key)) {
    return fail(Code::corrupt, "its reply is not signed with its key");
  }
  std::string body = TRY(receive_exactly(socket, head.size, deadline, stop));
  if (sha256_digest(body) != head.digest) {
    return fail(Code::corrupt, "its reply does not match its digest");
  }
  return body;
}

Result<Json> converse(const PeerConfig& config, const Fd& socket, const Machine& peer,
                      const RpcAddress& to, const std::string& body, Deadline deadline,
                      std::string_view what) {
  const StopFd stop{std::stop_token{}};
  const Deadline greeted = std::min(deadline, deadline_in(config.greeting_timeout));
  auto nonce = receive_frame(socket, greeted, stop).and_then(peer_wire::decode_hello);
  if (!nonce) return fail(unasked(std::move(nonce).error(), what));

  const peer_wire::Envelope envelope{
      config.network, config.self,        to, std::move(*nonce), peer_wire::random_nonce(),
      body.size(),    sha256_digest(body)};
  const Status sent =
      send_exactly(socket, peer_wire::encode_envelope(envelope, config.key) + body, deadline, stop);
  // Sent or not: who was refused is told so before all of it is read.
  auto reply = receive_reply(socket, envelope, peer.nats_public_key, deadline, stop);
  if (reply) return rpc_wire::decode_reply(*reply);
  // A request that did not go out whole is not carried out.
  if (!sent) return fail(unasked(sent.error(), what));
  return fail(unanswered(std::move(reply).error(), what));
}

}  // namespace

Result<Json> exchange(const PeerConfig& config, const RpcAddress& to, const Json& request,
                      Deadline deadline) {
  TRY(rpc_wire::subject(to));
  const std::string body = rpc_wire::encode_request(request);
  if (body.size() > peer_wire::kMaxPeerRequest) {
    return fail(Code::invalid,
                std::format("a request of {} bytes to machine {}; at most {} are taken",
                            body.size(), to.machine.str(), peer_wire::kMaxPeerRequest));
  }
  const PeerMembers members = config.members();
  const Machine* peer = find_member(*members, to.machine);
  if (peer == nullptr) {
    return fail(Code::unavailable,
                std::format("this machine does not know machine {}", to.machine.str()),
                "members are learned from the store: ployzctl machine ls");
  }
  const std::string where = std::format("{}:{}", peer->overlay_address, config.port);
  auto socket = connect_tcp(where, std::min(deadline, deadline_in(config.greeting_timeout)),
                            StopFd{std::stop_token{}}, config.address);
  const std::string what = std::format("ployzd of machine {} at {}", to.machine.str(), where);
  if (!socket) return fail(std::move(socket).error().at(what + " does not answer"));
  set_stream_options(*socket, config.body_timeout);
  return converse(config, *socket, *peer, to, body, deadline, what);
}

}  // namespace ployz

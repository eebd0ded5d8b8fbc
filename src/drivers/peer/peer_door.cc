#include "drivers/peer/peer_door.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>

#include <sys/socket.h>

#include "base/tcp.h"
#include "ports/rpc_wire.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kAcceptedAtOnce = 16;
// Whoever was sent away has this long to read why. Closed at once, with bytes of the visitor
// unread, the socket would be reset, and the reason lost.
constexpr milliseconds kLeaving{2000};

std::string host_of(const std::string& address) {
  return address.substr(0, address.find(':'));
}

}  // namespace

PeerDoor::PeerDoor(const PeerConfig& config, Fd listener, Take take)
    : config_(config),
      listener_(std::move(listener)),
      take_(std::move(take)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void PeerDoor::run(const std::stop_token& stop) {
  const StopFd stopped(stop);
  while (!stop.stop_requested()) {
    std::vector<pollfd> fds{{stopped.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    Deadline next = kNoDeadline;
    for (const Visitor& visitor : visitors_) {
      fds.push_back({visitor.asked->socket.get(), POLLIN, 0});
      next = std::min(next, visitor.until);
    }
    (void)poll_until(fds, next);
    const auto now = steady_clock::now();
    for (size_t i = 0; i < visitors_.size(); ++i) {
      Visitor& visitor = visitors_[i];
      if (fds[i + 2].revents != 0) attend(visitor);
      if (!visitor.gone && now >= visitor.until) {
        if (!visitor.leaving) log(visitor, "said nothing in time");
        visitor.gone = true;
      }
    }
    std::erase_if(visitors_, [](const Visitor& visitor) { return visitor.gone; });
    if (fds[1].revents != 0) accept_some(stopped);
  }
}

void PeerDoor::accept_some(const StopFd& stop) {
  for (int i = 0; i < kAcceptedAtOnce; ++i) {
    Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      greet(std::move(socket));
      continue;
    }
    if (errno != EMFILE && errno != ENFILE) return;
    // Out of descriptors: what waits in the backlog is not going away, so wait a little.
    std::array<pollfd, 1> pause{{{stop.get(), POLLIN, 0}}};
    (void)poll_until(pause, deadline_in(milliseconds(100)));
    return;
  }
}

void PeerDoor::make_room() {
  if (visitors_.size() < config_.max_visitors) return;
  auto victim = std::ranges::find(visitors_, false, &Visitor::known);
  if (victim == visitors_.end()) victim = visitors_.begin();
  log(*victim, "gave way to another");
  visitors_.erase(victim);
}

void PeerDoor::greet(Fd socket) {
  make_room();
  set_stream_options(socket, config_.body_timeout);
  Visitor visitor;
  visitor.address = peer_address(socket);
  visitor.known = std::ranges::contains(*config_.members(), host_of(visitor.address),
                                        &Machine::overlay_address);
  visitor.nonce = peer_wire::random_nonce();
  visitor.until = deadline_in(config_.greeting_timeout);
  const std::string hello = peer_wire::encode_hello(visitor.nonce);
  // It fits any send buffer.
  (void)::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL);
  visitor.asked = std::make_shared<Asked>();
  visitor.asked->socket = std::move(socket);
  visitors_.push_back(std::move(visitor));
}

// Reads what is there, and nothing beyond the envelope: the body is for who takes the request.
void PeerDoor::attend(Visitor& visitor) {
  std::array<char, peer_wire::kMaxPeerHead> buffer{};
  while (!visitor.gone) {
    size_t missing = buffer.size();
    if (!visitor.leaving && visitor.bytes.size() < peer_wire::kLengthBytes) {
      missing = peer_wire::kLengthBytes - visitor.bytes.size();
    } else if (!visitor.leaving) {
      const auto length = peer_wire::frame_length(visitor.bytes);
      if (!length) {
        log(visitor, length.error().message);
        visitor.gone = true;
        return;
      }
      missing = peer_wire::kLengthBytes + *length - visitor.bytes.size();
    }
    if (missing == 0) return receive(visitor);
    const ssize_t got = ::recv(visitor.asked->socket.get(), buffer.data(), missing, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) visitor.gone = true;
    // One of many, however much it sends.
    if (visitor.leaving) return;
    if (got > 0) visitor.bytes.append(buffer.data(), static_cast<size_t>(got));
  }
}

void PeerDoor::receive(Visitor& visitor) {
  auto sealed =
      peer_wire::decode_envelope(std::string_view(visitor.bytes).substr(peer_wire::kLengthBytes));
  if (!sealed) {  // no question, so there is nothing to answer
    log(visitor, sealed.error().message);
    visitor.gone = true;
    return;
  }
  visitor.asked->envelope = sealed->envelope;
  Status taken = judge(*sealed, visitor);
  if (taken) taken = take_(visitor.asked);
  if (taken) {
    visitor.gone = true;
  } else {
    send_away(visitor, taken.error());
  }
}

std::string PeerDoor::key_of(const peer_wire::Envelope& envelope) const {
  if (envelope.to.command == kPeerJoin) {
    return config_.guests.key ? config_.guests.key(envelope.from).value_or("") : "";
  }
  const PeerMembers members = config_.members();
  const Machine* from = find_member(*members, envelope.from);
  if (from != nullptr) return from->nats_public_key;
  if (envelope.to.command != kPeerRemoval || !config_.removed.key) return "";
  return config_.removed.key(envelope.from).value_or("");
}

Status PeerDoor::judge(const peer_wire::SignedEnvelope& sealed, const Visitor& visitor) const {
  const peer_wire::Envelope& envelope = sealed.envelope;
  // Of a stranger and of one who cannot sign the same is said.
  if (!peer_wire::is_signed_by(sealed, key_of(envelope))) {
    if (envelope.to.command == kPeerJoin) {
      return fail(Code::denied,
                  std::format("network {} has no such invite any more", config_.network),
                  "create another one: ployzctl machine invite create");
    }
    return fail(Code::denied,
                std::format("machine {} does not know machine {} by this key", config_.self.str(),
                            envelope.from.str()),
                "is it a member? ployzctl machine ls");
  }
  if (envelope.network != config_.network) {
    return fail(Code::denied, std::format("machine {} is in network {}, not in {}",
                                          config_.self.str(), config_.network, envelope.network));
  }
  if (envelope.to.machine != config_.self) {
    return fail(Code::denied, std::format("this is machine {}, not {}", config_.self.str(),
                                          envelope.to.machine.str()));
  }
  if (envelope.server_nonce != visitor.nonce) {
    return fail(Code::denied, "the request was made for another connection");
  }
  if (envelope.size > peer_wire::kMaxPeerRequest) {
    return fail(Code::invalid, std::format("a request of {} bytes; at most {} are taken",
                                           envelope.size, peer_wire::kMaxPeerRequest));
  }
  return {};
}

void PeerDoor::send_away(Visitor& visitor, const Error& error) {
  log(visitor, error.message);
  const int socket = visitor.asked->socket.get();
  const std::string reply = peer_wire::encode_reply(
      visitor.asked->envelope, rpc_wire::encode_reply(fail(error)), config_.key);
  // It fits any send buffer.
  (void)::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL);
  ::shutdown(socket, SHUT_WR);
  visitor.leaving = true;
  visitor.until = deadline_in(kLeaving);
}

void PeerDoor::log(const Visitor& visitor, std::string_view why) const {
  if (config_.log) config_.log(std::format("peer port: {}: {}", visitor.address, why));
}

}  // namespace ployz

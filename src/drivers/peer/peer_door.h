// The served side of the peer port up to the moment in which a request is known to be a member's:
// one thread accepts, greets, reads envelopes and checks them, whatever the visitors do. A visitor
// costs a descriptor and kMaxPeerHead bytes, for PeerConfig::greeting_timeout at the most, and
// there are at most max_visitors of them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"
#include "base/unix_stream.h"
#include "drivers/peer/peer_config.h"
#include "drivers/peer/peer_wire.h"

namespace ployz {

class PeerDoor {
 public:
  // A member's request whose body has not been read yet, on a non-blocking socket.
  struct Asked {
    Fd socket;
    peer_wire::Envelope envelope;
  };
  // Called on the door's thread, so it only hands over. An error is what the member is told.
  using Take = std::function<Status(const std::shared_ptr<Asked>&)>;

  // `config` outlives this; `listener` is non-blocking.
  PeerDoor(const PeerConfig& config, Fd listener, Take take);
  ~PeerDoor() = default;  // nobody is listened to any more
  PeerDoor(const PeerDoor&) = delete;
  PeerDoor& operator=(const PeerDoor&) = delete;

 private:
  struct Visitor {
    std::shared_ptr<Asked> asked;
    std::string address;
    bool known = false;    // a member has this address, which proves nothing
    bool leaving = false;  // was sent away, and reads why
    bool gone = false;
    std::string nonce;
    std::string bytes;  // of its envelope, as far as it has come
    Deadline until;
  };

  void run(const std::stop_token& stop);
  void accept_some(const StopFd& stop);
  void make_room();
  void greet(Fd socket);
  void attend(Visitor& visitor);
  // The whole envelope has come.
  void receive(Visitor& visitor);
  [[nodiscard]] Status judge(const peer_wire::SignedEnvelope& sealed, const Visitor& visitor) const;
  // Of the member who it says it is from or, for kPeerJoin, the guest, for kPeerRemoval, a removed
  // machine as well; empty: of nobody.
  [[nodiscard]] std::string key_of(const peer_wire::Envelope& envelope) const;
  void send_away(Visitor& visitor, const Error& error);
  void log(const Visitor& visitor, std::string_view why) const;

  const PeerConfig& config_;
  const Fd listener_;
  const Take take_;
  std::vector<Visitor> visitors_;  // of the thread; eldest first
  std::jthread thread_;            // last: it ends before what it uses
};

}  // namespace ployz

// The peer port: commands from machine to machine over TCP on the overlay, for when there is no
// NATS between them or no store behind it. What is on the wire: peer_wire.h.
//
// Who may what. The overlay is no wall: containers are on it, and whatever runs in one can reach
// this port and send it anything. So:
// - nothing is done for anybody who does not sign with the key of a member's record, as this
//   machine saw it last. Whoever holds that key may ask whatever the handler answers, as he may
//   over NATS.
// - the holder of an invite is no member: he may send kPeerJoin, which members may not, and nothing
//   else.
// - a machine that was removed is no member either: it may send kPeerRemoval, to learn that.
// - a request is good for one connection, one machine and one network, a reply for one request;
//   neither can be replayed, or passed on to another by the machine that got it.
// - a visitor who has proved nothing costs little, for a short while, and gives way to members; and
//   nobody's silence holds up anybody else.
// - what is said is not encrypted here. The overlay does that between machines, and a container
//   cannot have its machine's address. Root on one of the two machines can read it.
// - a member that was removed is let in until this machine learns of it, as it is over NATS. With
//   the store away for good that is never; the handlers must be fit for that.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "drivers/peer/peer_config.h"
#include "drivers/peer/peer_door.h"
#include "ports/machine_rpc.h"

namespace ployz {

// Threads of one call_all.
inline constexpr size_t kMaxPeerCalls = 256;

// Errors of a call, beside the handler's:
// - `unavailable`, effect none: nobody listens there, it closed before it was asked, it is too
//   busy, or no member of that id is known here. At once, or after greeting_timeout if nothing is
//   at the address.
// - `timeout`, effect none: the machine accepts connections and does not even greet (it stands
//   still); effect unknown: no reply in time, or the connection ended without one.
// - `denied`, effect none: that machine does not know this one, or is another.
// - `corrupt`: what came is no reply, or not signed by the machine that was asked.
// - `invalid`: the request is larger than kMaxPeerRequest. `unsupported`: another version is spoken
//   there. A reply above kMaxPeerReply is `internal`, effect unknown.
class PeerRpc final : public MachineRpc {
 public:
  // Listens to nobody until serve().
  explicit PeerRpc(PeerConfig config);

  [[nodiscard]] Result<Json> call(const RpcAddress& to, const Json& request,
                                  std::chrono::milliseconds timeout) override;
  [[nodiscard]] std::vector<Result<Json>> call_all(const std::vector<Call>& calls,
                                                   std::chrono::milliseconds timeout) override;
  // The address need not be on an interface yet. `denied`: for another machine; `exists`: this
  // target is served; `unavailable`: the port is taken. Ending the Subscription, which must not
  // outlive this, waits for the handlers that run; the last one closes the port.
  [[nodiscard]] Result<std::unique_ptr<Subscription>> serve(const MachineId& machine, Target target,
                                                            Handler handler) override;

 private:
  struct Service;
  class Served;

  [[nodiscard]] Status take(const std::shared_ptr<PeerDoor::Asked>& asked);
  void answer(Service& service, PeerDoor::Asked& asked) const;
  [[nodiscard]] Result<Json> handle(Service& service, PeerDoor::Asked& asked) const;
  void withdraw(Target target);

  const PeerConfig config_;
  std::mutex changing_;  // one serve() or end of one at a time
  std::mutex mutex_;     // guards services_; never held over anything that blocks
  std::map<Target, std::shared_ptr<Service>> services_;
  std::unique_ptr<PeerDoor> door_;  // guarded by changing_; there while something is served
};

}  // namespace ployz

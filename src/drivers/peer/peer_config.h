// What a machine needs to speak over the peer port (peer_rpc.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/nkey.h"
#include "base/result.h"
#include "model/machine.h"
#include "ports/peer_calls.h"

namespace ployz {

using PeerMembers = std::shared_ptr<const std::vector<Machine>>;

// Those who are no members and may ask one thing, to become one (model/invite.h).
struct PeerGuests {
  // The public key of the one of this id; nullopt: there is none.
  std::function<std::optional<std::string>(const MachineId&)> key;
  // What kPeerJoin is answered; only with what that key has signed. On several threads at once.
  std::function<Result<Json>(const MachineId& guest, const Json& request)> join;
};

// Those who were members, and may ask one thing: whether they still are.
struct PeerRemoved {
  // The public key of the one of this id; nullopt: there is none.
  std::function<std::optional<std::string>(const MachineId&)> key;
  // What kPeerRemoval is answered, to members too. On several threads at once.
  std::function<Result<Json>(const MachineId& asking)> answer;
};

struct PeerConfig {
  std::string network;
  MachineId self;
  std::string address;  // of the overlay, IPv4: served at, and dialed from
  Nkey key;             // the one whose public half is in this machine's record
  // The members as last seen. Called on several threads, for every connection anew; never null.
  std::function<PeerMembers()> members;
  PeerGuests guests = {};
  PeerRemoved removed = {};
  // One line for each visitor who was sent away: anybody on the overlay can make it come, so it
  // belongs nowhere but to a debug log.
  std::function<void(const std::string&)> log = {};
  uint16_t port = kPeerPort;
  // From connecting to the end of the envelope, on either side; nobody who lives needs longer.
  std::chrono::milliseconds greeting_timeout{5000};
  // For a body, of at most kMaxPeerReply bytes: 2.3 Mbit/s.
  std::chrono::milliseconds body_timeout{30'000};
  // Connections that have not proved anything yet. Beyond, the eldest one that comes from no
  // member's address gives way, or else the eldest.
  size_t max_visitors = 128;
  // Requests of members that are served at once; beyond, they are told so.
  size_t max_handlers = 128;
};

// The record of this machine; nullptr: no member.
[[nodiscard]] inline const Machine* find_member(const std::vector<Machine>& members,
                                                const MachineId& id) {
  for (const Machine& member : members) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

}  // namespace ployz

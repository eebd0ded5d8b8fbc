// What machines ask each other over the peer port (drivers/peer), which needs neither NATS nor the
// store: the wire form of its commands, all of the agent target. Each is answered from what the
// machine has at hand, so that it answers while its store is away. Anything else is `unsupported`
// there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"
#include "model/removal_notice.h"

namespace ployz {

// TCP, on a machine's overlay address.
inline constexpr uint16_t kPeerPort = 4320;

// "peer_hello", without arguments: who and how are you?
inline constexpr std::string_view kPeerHello = "peer_hello";
struct PeerHello {
  MachineId machine;
  std::string network;
  uint64_t epoch = 0;  // of the store, as that machine knows it
  std::string version;
  bool connected = false;  // its daemon to its machine's NATS, whether or not the store is behind
  uint64_t protocol = 1;   // kRpcVersion there; who does not say is of version 1
  bool operator==(const PeerHello&) const = default;
};

// "store_place", without arguments: where is the control plane's store? A StoreEpoch (model/store.h).
inline constexpr std::string_view kStorePlace = "store_place";

// "store_mirror", without arguments: how much of the store does that machine have a copy of? Sequences
// and sums of them, comparable between all copies of one epoch.
inline constexpr std::string_view kStoreMirror = "store_mirror";
struct MirrorReach {
  uint64_t epoch = 0;            // of the store, as that machine knows it
  bool complete = false;         // its copy once had everything, record by record, and has no less now
  bool recovering = false;       // it is making its copy the store at this moment
  uint64_t commits = 0;          // the sequence that the copy of the commits has reached
  uint64_t records = 0;          // the sequences of the buckets' copies, added up
  uint64_t stored_commits = 0;   // the same of the store, when it was last heard of
  uint64_t stored_records = 0;
  uint64_t window_ms = 0;  // since the copy was last known to have everything
  bool operator==(const MirrorReach&) const = default;
};

[[nodiscard]] Json to_json(const MirrorReach& reach);
// As below.
[[nodiscard]] Result<MirrorReach> mirror_reach_from_json(const Json& json);

// "join", with a SelfRecord (model/admission.h): the holder of an invite, who signs with its key and
// under its id, asks to come in. A JoinBundle. It alone needs the store, and members may not ask it.
// Repeated by the same machine: answered anew; by another one: `denied`.
inline constexpr std::string_view kPeerJoin = "join";
// Whoever lets it in asks every member.
inline constexpr std::chrono::milliseconds kPeerJoinTime{30'000};

// "removal", without arguments: was the machine that asks removed from the network? It signs with
// its key and under its id; the one command that is answered to a machine that is no member any
// more. `unavailable`: the machine that is asked does not know yet.
inline constexpr std::string_view kPeerRemoval = "removal";
struct RemovalAnswer {
  uint64_t epoch = 0;                    // of the store, as that machine knows it
  std::optional<RemovalNotice> removed;  // nullopt: it is a member
  bool operator==(const RemovalAnswer&) const = default;
};

[[nodiscard]] Json to_json(const RemovalAnswer& answer);
// As below.
[[nodiscard]] Result<RemovalAnswer> removal_answer_from_json(const Json& json);

[[nodiscard]] Json to_json(const PeerHello& hello);
// `invalid` names the field. Fields of a newer machine are ignored.
[[nodiscard]] Result<PeerHello> peer_hello_from_json(const Json& json);

}  // namespace ployz

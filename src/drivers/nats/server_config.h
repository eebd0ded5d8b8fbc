// The configuration of a machine's nats-server and the rights of its users, as text. Pure.
//
// Two accounts where the store is: STORE, which has JetStream and no user, and PLOYZ, where all
// connections live, which imports of STORE the calls a machine needs and nothing else. On the other
// machines PLOYZ alone. In it two users per machine, each with a key (nkey.h) and an inbox prefix
// of its own, so that one cannot read another's replies:
// - the daemon commands any machine, answers for its own agent, appends commits, writes records;
// - the router answers for its own router and reads commits. It can append and write nothing.
// And one that speaks for the machine's root alone: the admin, who copies and freezes streams when the
// store moves. On the store's machines it is in STORE, where no connection from elsewhere leads; on
// the others it copies the machine's own mirrors.
// A reply may be sent only to who asked (allow_responses), so nobody can forge one.
//
// Other machines come through leaf nodes (docs/adr/0005): the store's server restricts what they
// hear; what they send is restricted by their own server and, whatever that does, by the imports:
// streams are made only while the store listens for no leaves, and nobody can change or end one.
//
// What NATS cannot restrict: who reads what in the store. A user that may create a consumer can
// have any stream's messages sent to an inbox that somebody listens on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/names.h"

namespace ployz {

enum class NatsRole { daemon, router, admin };

struct NatsUser {
  MachineId machine;
  NatsRole role = NatsRole::daemon;
  std::string public_key;        // nkey "U…"
  bool manages_streams = false;  // may create and change streams; never delete or purge them
};

// The store machine's user for the leaf connection of another machine.
struct LeafUser {
  MachineId machine;
  std::string public_key;  // Machine::nats_public_key
};

// Where the store machine hears the other machines' servers: its overlay address.
struct LeafListen {
  std::string address;
  uint16_t port = 7422;
};

// Where every other machine's server finds the store machine's. A change needs a restart of the
// server, not a reload.
struct LeafRemote {
  std::vector<std::string> urls;  // "nats-leaf://10.101.0.1:7422", one for each of the store's machines
  std::string seed_file;          // beside the configuration; see leaf_seed_file()
};

// A store on several machines: their servers hear each other on the overlay.
struct StoreCluster {
  std::string name;     // "ployz-7": of the epoch, so that no two epochs ever meet
  std::string address;  // this machine's, on the overlay
  uint16_t port = 6222;
  std::string secret;   // [0-9a-f]+: who knows it may be a member; made for the epoch
  std::vector<std::string> others;  // addresses, same port
};

struct NatsServerConfig {
  MachineId machine;
  // Clients are this machine's own processes, and NATS has one client listener: loopback. What
  // other machines connect to is the leaf listener, on the overlay.
  std::string listen_address = "127.0.0.1";
  uint16_t port = 4222;
  std::string data_dir = "/var/lib/ployz";
  uint64_t epoch = 1;                     // of the store; every epoch has a directory of its own
  uint64_t max_file_bytes = 64ULL << 30;  // the file system's own limit comes first
  std::vector<NatsUser> users;            // of this machine: every machine has its own server
  // The store machine. Adding or removing a leaf needs a reload, which drops nobody else.
  std::optional<LeafListen> leaf_listen;
  std::vector<LeafUser> leaves;
  std::optional<StoreCluster> cluster;  // absent: the store is on one machine
  // Every other machine.
  std::optional<LeafRemote> remote;
};

// "_INBOX.<machine>.daemon": what NatsConfig::inbox_prefix of this user must be.
[[nodiscard]] std::string inbox_prefix(const MachineId& machine, NatsRole role);
// The JetStream domain of the store's servers: what its admin calls it. Everybody else says "ployz".
inline constexpr std::string_view kStoreDomain = "store";
// "<data>/nats/store/<epoch>".
[[nodiscard]] std::string store_directory(const std::string& data_dir, uint64_t epoch);
// "<data>/nats/mirror/<epoch>": a leaf node's own JetStream, which holds mirrors only.
[[nodiscard]] std::string mirror_directory(const std::string& data_dir, uint64_t epoch);
// "m-<machine>": the JetStream domain of a leaf node.
[[nodiscard]] std::string mirror_domain(const MachineId& machine);
// "<data>/nats/leaf.nk": what the configuration includes (2.10 takes a seed only in its own text),
// with leaf_seed_text() as content; beside the configuration, because that is where the server
// looks. It runs as user `nats`, so the file lies in the directory of that user (set-group-ID
// 2750, ployz-nats.service) with mode 0640: root writes it, group `nats` reads it. The seed in
// `keys/` stays root's alone.
[[nodiscard]] std::string leaf_seed_file(const std::string& data_dir);
[[nodiscard]] std::string leaf_seed_text(std::string_view seed);
// `invalid`: a key, id or path that could not be quoted, or no user at all (a server without users
// lets anybody in).
[[nodiscard]] Result<std::string> server_config_text(const NatsServerConfig& config);

}  // namespace ployz

// The configuration of a machine's nats-server and the rights of its users, as text. Pure.
//
// One account, PLOYZ, and two users per machine, each with a key (nkey.h) and an inbox prefix of
// its own, so that one cannot read another's replies:
// - the daemon commands any machine, answers for its own agent, appends commits, writes records;
// - the router answers for its own router and reads commits. It can append and write nothing.
// A reply may be sent only to who asked (allow_responses), so nobody can forge one.
//
// What NATS cannot restrict: where a JetStream answer or delivery goes. A user that may create a
// consumer can have stored messages sent to any subject of the account.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/names.h"

namespace ployz {

enum class NatsRole { daemon, router };

struct NatsUser {
  MachineId machine;
  NatsRole role = NatsRole::daemon;
  std::string public_key;        // nkey "U…"
  bool manages_streams = false;  // may create and change streams; never delete or purge them
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
  std::vector<NatsUser> users;
};

// "_INBOX.<machine>.daemon": what NatsConfig::inbox_prefix of this user must be.
[[nodiscard]] std::string inbox_prefix(const MachineId& machine, NatsRole role);
// "<data>/nats/store/<epoch>".
[[nodiscard]] std::string store_directory(const std::string& data_dir, uint64_t epoch);
// `invalid`: a key, id or path that could not be quoted, or no user at all (a server without users
// lets anybody in).
[[nodiscard]] Result<std::string> server_config_text(const NatsServerConfig& config);

}  // namespace ployz

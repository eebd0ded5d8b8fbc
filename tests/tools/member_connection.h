// The store as a machine's own daemon reaches it, for tools that run inside a machine.
#pragma once

#include <memory>
#include <string>

#include "base/files.h"
#include "base/json.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/server_config.h"

namespace ployz {

// Of /var/lib/ployz/machine.json and its keys/daemon.nk.
inline Result<std::unique_ptr<NatsConnection>> connect_as_daemon(const char* identity_path,
                                                                 const char* seed_path) {
  const Json identity = TRY(parse_json(TRY(read_file(identity_path)).value_or("")));
  const MachineId machine(TRY(get_string(TRY(get_object(identity, "machine")), "id")));
  NatsConfig config;
  // Epochs of the store alternate between two ports.
  const bool odd = TRY(get_uint(identity, "epoch")) % 2 == 1;
  config.urls = {odd ? "nats://127.0.0.1:4222" : "nats://127.0.0.1:4223"};
  config.seed = TRY(read_file(seed_path)).value_or("");
  config.inbox_prefix = inbox_prefix(machine, NatsRole::daemon);
  auto connection = TRY(NatsConnection::open(std::move(config)));
  TRY(connection->wait_connected(std::chrono::seconds(5)));
  return connection;
}

}  // namespace ployz

// ployz_nats_put: writes garbage where only Ployz writes, for the scenarios of bad input.
//
//   ployz_nats_put IDENTITY SEED SUBJECT < BYTES
//
// Runs inside a machine, with the daemon's own credentials (/var/lib/ployz/machine.json and its
// keys): what this can write, a bug or an attacker could.
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/files.h"
#include "base/json.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/server_config.h"

namespace ployz {
namespace {

Status put(const char* identity_path, const char* seed_path, const char* subject) {
  const Json identity = TRY(parse_json(TRY(read_file(identity_path)).value_or("")));
  const MachineId machine(TRY(get_string(TRY(get_object(identity, "machine")), "id")));
  NatsConfig config;
  // As its daemon: epochs of the store alternate between two ports.
  const bool odd = TRY(get_uint(identity, "epoch")) % 2 == 1;
  config.urls = {odd ? "nats://127.0.0.1:4222" : "nats://127.0.0.1:4223"};
  config.seed = TRY(read_file(seed_path)).value_or("");
  config.inbox_prefix = inbox_prefix(machine, NatsRole::daemon);
  const auto connection = TRY(NatsConnection::open(std::move(config)));
  TRY(connection->wait_connected(std::chrono::seconds(5)));
  const std::string bytes(std::istreambuf_iterator<char>(std::cin), {});
  // A stream answers with its acknowledgement; an error in it is for the caller to see.
  std::puts(TRY(connection->request({subject, bytes, {}})).data.c_str());
  return {};
}

}  // namespace
}  // namespace ployz

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: ployz_nats_put IDENTITY SEED SUBJECT < BYTES\n");
    return 2;
  }
  const ployz::Status done = ployz::put(argv[1], argv[2], argv[3]);
  if (!done) std::fprintf(stderr, "ployz_nats_put: %s\n", done.error().line().c_str());
  return done ? 0 : 1;
}

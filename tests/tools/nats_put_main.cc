// ployz_nats_put: writes garbage where only Ployz writes, for the scenarios of bad input.
//
//   ployz_nats_put IDENTITY SEED SUBJECT < BYTES
//
// Runs inside a machine, with the daemon's own credentials (/var/lib/ployz/machine.json and its
// keys): what this can write, a bug or an attacker could.
#include <cstdio>
#include <iostream>
#include <iterator>

#include "tools/member_connection.h"

namespace ployz {
namespace {

Status put(const char* identity_path, const char* seed_path, const char* subject) {
  const auto connection = TRY(connect_as_daemon(identity_path, seed_path));
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

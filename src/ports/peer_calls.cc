#include "ports/peer_calls.h"

namespace ployz {

Json to_json(const PeerHello& hello) {
  return {{"machine", hello.machine.str()},
          {"network", hello.network},
          {"epoch", hello.epoch},
          {"version", hello.version},
          {"connected", hello.connected}};
}

Result<PeerHello> peer_hello_from_json(const Json& json) {
  PeerHello hello;
  hello.machine = MachineId(TRY(get_string(json, "machine")));
  hello.network = TRY(get_string(json, "network"));
  hello.epoch = TRY(get_uint(json, "epoch"));
  hello.version = TRY(get_string(json, "version"));
  hello.connected = TRY(get_bool(json, "connected"));
  if (hello.machine.empty()) return fail(Code::invalid, "field 'machine' is empty");
  TRY(check_dns_label(hello.network, "network name"));
  return hello;
}

}  // namespace ployz

// The wire form of commands to machines, version kRpcVersion:
//   request {"version":1,"body":…}
//   reply   {"version":1,"ok":…} or {"version":1,"error":{"code",…}} (base/json.h)
// Over NATS on subject ployz.rpc.<machine>.<agent|router>.<command>; the peer port has the address
// in an envelope of its own (drivers/peer/peer_wire.h) and replies of this form.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "ports/machine_rpc.h"

namespace ployz::rpc_wire {

// `invalid` when the machine or the command is not one token of a subject, as every address has it.
[[nodiscard]] Result<std::string> subject(const RpcAddress& address);
// "ployz.rpc.<machine>.<target>." — commands are one token behind it.
[[nodiscard]] std::string subject_prefix(const MachineId& machine, Target target);

[[nodiscard]] std::string encode_request(const Json& body);
// `invalid`: does not parse; `unsupported`: of a version outside kOldestRpcVersion to kRpcVersion.
[[nodiscard]] Result<Json> decode_request(std::string_view bytes);

[[nodiscard]] std::string encode_reply(const Result<Json>& reply);
// The handler's value or error; `corrupt`, effect unknown, when it does not parse; `unsupported`,
// effect unknown, when it is of a version that this build does not understand.
[[nodiscard]] Result<Json> decode_reply(std::string_view bytes);

}  // namespace ployz::rpc_wire

#include "ports/rpc_wire.h"

#include <algorithm>
#include <format>

namespace ployz::rpc_wire {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool understood(uint64_t version) {
  return version >= kOldestRpcVersion && version <= kRpcVersion;
}

std::string versions() {
  return kOldestRpcVersion == kRpcVersion ? std::format("{}", kRpcVersion)
                                          : std::format("{} to {}", kOldestRpcVersion, kRpcVersion);
}

std::unexpected<Error> corrupt() {
  return fail(Code::corrupt, "a machine's reply does not parse", {}, Effect::unknown);
}

}  // namespace

std::string subject_prefix(const MachineId& machine, Target target) {
  return std::format("ployz.rpc.{}.{}.", machine.str(), to_string(target));
}

Result<std::string> subject(const RpcAddress& address) {
  if (!is_token(address.machine.str()) || !is_token(address.command)) {
    return fail(Code::invalid, std::format("'{}' of machine '{}' is not a command", address.command,
                                           address.machine.str()));
  }
  return subject_prefix(address.machine, address.target) + address.command;
}

std::string encode_request(const Json& body) {
  return to_text({{"version", kRpcVersion}, {"body", body}});
}

Result<Json> decode_request(std::string_view bytes) {
  Json request = TRY(parse_json(bytes));
  const uint64_t version = TRY(get_uint(request, "version"));
  if (!understood(version)) {
    return fail(Code::unsupported,
                std::format("a request of protocol version {}; this machine understands {}", version,
                            versions()),
                "update the older of the two: ployzctl machine update");
  }
  const auto body = request.find("body");
  if (body == request.end()) return fail(Code::invalid, "field 'body' is missing");
  return std::move(*body);
}

std::string encode_reply(const Result<Json>& reply) {
  Json json{{"version", kRpcVersion}};
  if (reply) {
    json["ok"] = *reply;
  } else {
    json["error"] = error_to_json(reply.error());
  }
  return to_text(json);
}

Result<Json> decode_reply(std::string_view bytes) {
  auto reply = parse_json(bytes);
  const auto version = reply ? get_uint(*reply, "version") : Result<uint64_t>(0);
  if (!version || *version == 0) return corrupt();
  if (!understood(*version)) {
    return fail(Code::unsupported,
                std::format("a reply of protocol version {}; this machine understands {}", *version,
                            versions()),
                "update the older of the two: ployzctl machine update", Effect::unknown);
  }
  if (const auto error = reply->find("error"); error != reply->end()) {
    return fail(error_from_json(*error));
  }
  const auto ok = reply->find("ok");
  if (ok == reply->end()) return corrupt();
  return std::move(*ok);
}

}  // namespace ployz::rpc_wire

#include "drivers/nats/mirrors.h"

#include <format>

#include "drivers/nats/jetstream.h"
#include "drivers/nats/server_config.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

constexpr std::string_view kStoreApi = "$JS.ployz.API";
constexpr uint64_t kNanosPerMilli = 1'000'000;

// Below the machine's inbox: the only subjects its leaf connection may hear.
std::string deliver_prefix(const MachineId& machine) {
  return std::format("_INBOX.{}.mirror.x.f", machine.str());
}

Json mirror_config(const std::string& stream, const MachineId& machine) {
  return {{"name", stream},
          {"storage", "file"},
          {"retention", "limits"},
          {"num_replicas", 1},
          {"max_msgs", -1},
          {"max_bytes", -1},
          {"max_age", 0},
          {"max_consumers", -1},
          {"max_msgs_per_subject", -1},
          {"discard", "old"},
          {"mirror",
           {{"name", stream},
            {"external", {{"api", kStoreApi}, {"deliver", deliver_prefix(machine)}}}}}};
}

Status check_mirror(const Json& info, const std::string& stream) {
  const Json config = TRY(get_object(info, "config"));
  const Json mirror = config.value("mirror", Json::object());
  const std::string of = TRY(get_string_or(mirror, "name", ""));
  if (of == stream) return {};
  return fail(Code::precondition,
              std::format("stream {} is no mirror of {}", stream, stream));
}

Status ensure_mirror(NatsConnection& local, const MachineId& machine, const std::string& stream) {
  const std::string domain = mirror_domain(machine);
  auto info = jetstream::api_of(local, domain, "STREAM.INFO." + stream, Json());
  if (!info && jetstream::err_code(info.error()) == jetstream::kNoStream) {
    info =
        jetstream::api_of(local, domain, "STREAM.CREATE." + stream, mirror_config(stream, machine));
  }
  if (!info) return fail(std::move(info).error().at("mirror of " + stream));
  return check_mirror(*info, stream);
}

Result<MirrorState> state_of(const Json& info, const std::string& stream) {
  const Json state = TRY(get_object(info, "state"));
  MirrorState mirror;
  mirror.stream = stream;
  mirror.last_sequence = TRY(get_uint_or(state, "last_seq", 0));
  mirror.messages = TRY(get_uint_or(state, "messages", 0));
  const Json source = info.value("mirror", Json::object());
  mirror.lag = TRY(get_uint_or(source, "lag", 0));
  // -1: never.
  const auto active = source.find("active");
  if (active != source.end() && active->is_number_integer() && active->get<int64_t>() >= 0) {
    mirror.silent_ms = static_cast<uint64_t>(active->get<int64_t>()) / kNanosPerMilli;
  }
  return mirror;
}

}  // namespace

Status ensure_mirrors(NatsConnection& local, const MachineId& machine) {
  for (const std::string& stream : all_streams()) TRY(ensure_mirror(local, machine, stream));
  return {};
}

Result<std::vector<MirrorState>> mirror_lag(NatsConnection& local, const MachineId& machine) {
  std::vector<MirrorState> states;
  for (const std::string& stream : all_streams()) {
    auto info = jetstream::api_of(local, mirror_domain(machine),
                                  "STREAM.INFO." + stream, Json());
    if (!info) return fail(std::move(info).error().at("mirror of " + stream));
    states.push_back(TRY(state_of(*info, stream)));
  }
  return states;
}

}  // namespace ployz

#include "drivers/haproxy/slot_state.h"

#include <charconv>
#include <format>
#include <set>

#include "base/files.h"
#include "model/codec.h"

namespace ployz {

inline constexpr EnumNames<BackendMode, 2> kBackendModeNames{
    {{BackendMode::http, "http"}, {BackendMode::tcp, "tcp"}}};
constexpr const auto& enum_names(std::type_identity<BackendMode>) { return kBackendModeNames; }

template <class Codec, Like<BackendKey> T>
void fields(Codec& codec, T& key) {
  codec.field("namespace", key.name_space);
  codec.field("service", key.service);
  codec.field("port", key.port);
  codec.field("mode", key.mode);
  codec.field("generation", key.generation);
}

template <class Codec, Like<Backend> T>
void fields(Codec& codec, T& backend) {
  codec.field("key", backend.key);
  codec.field("servers", backend.servers);
}

template <class Codec, Like<HostRoute> T>
void fields(Codec& codec, T& route) {
  codec.field("hostname", route.hostname);
  codec.field("path_prefix", route.path_prefix);
  codec.field("backend", route.backend);
}

// std::map<uint16_t, …> as an object of decimal keys.
template <>
struct JsonValue<std::map<uint16_t, BackendKey>> {
  static Json write(const std::map<uint16_t, BackendKey>& ports) {
    Json object = Json::object();
    for (const auto& [port, key] : ports) object[std::to_string(port)] = encode_value(key);
    return object;
  }
  static Status read(const Json& json, std::map<uint16_t, BackendKey>& ports) {
    if (!json.is_object()) return wrong_type("an object", json);
    for (const auto& [text, item] : json.items()) {
      uint16_t port = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
      if (error != std::errc() || end != text.data() + text.size()) {
        return fail(Code::invalid, std::format("'{}' is not a port", text));
      }
      TRY(decode_value(item, ports[port]));
    }
    return {};
  }
};

template <class Codec, Like<RouteTable> T>
void fields(Codec& codec, T& table) {
  codec.field("hosts", table.hosts);
  codec.field("ports", table.ports);
  codec.field("sequences", table.sequences);
}

template <class Codec, Like<SlotState> T>
void fields(Codec& codec, T& state) {
  codec.version("version", 1);
  codec.field("slots", state.slots);
  codec.field("routes", state.routes);
}

std::string encode(const SlotState& state) { return to_text(write_fields(state)); }

Result<SlotState> decode_slot_state(std::string_view bytes) {
  auto json = parse_json(bytes);
  auto state = json ? read_fields<SlotState>(*json) : std::unexpected(std::move(json).error());
  if (!state) return fail(Code::corrupt, "slots.json: " + state.error().line());
  return state;
}

Result<SlotState> load_slot_state(const HaproxyConfig& config) {
  const auto bytes = TRY(read_file(config.state_file()));
  if (!bytes) return SlotState{};
  SlotState state = TRY(decode_slot_state(*bytes));
  std::set<SlotName> known;
  for (const BackendMode mode : {BackendMode::http, BackendMode::tcp}) {
    for (SlotName& name : slot_names(config, mode)) known.insert(std::move(name));
  }
  if (std::erase_if(state.slots, [&](const auto& slot) { return !known.contains(slot.first); }) > 0) {
    state.routes = {};
  }
  return state;
}

Status save_slot_state(const HaproxyConfig& config, const SlotState& state) {
  return write_file(config.state_file(), encode(state), 0640);
}

Status save_config_file(const HaproxyConfig& config, const Slots& slots) {
  const std::string text = TRY(haproxy_config_text(config, slots));
  const auto present = TRY(read_file(config.config_file()));
  if (present == text) return {};
  return write_file(config.config_file(), text, 0640);
}

}  // namespace ployz

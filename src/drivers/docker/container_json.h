// Between Ployz's nouns and the engine's JSON; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "model/machine.h"
#include "ports/containers.h"

namespace ployz {

// "ployz-<namespace>-<service>-<instance>": unique because instance ids are, so the engine itself
// refuses a second container of one instance.
[[nodiscard]] std::string container_name(const RunInstance& run);

// Body of POST /containers/create. `network` is the engine's name of the overlay bridge.
// `invalid`: no image id, an overlay instance without an address, or a mount without its folder.
[[nodiscard]] Result<Json> create_body(const InstanceConfig& config, std::string_view network);

// From GET /containers/{id}/json. `corrupt` when it is not a container of Ployz.
[[nodiscard]] Result<FoundInstance> found_instance_of(const Json& inspected);

// One message of GET /events about a container of Ployz.
struct ContainerEvent {
  std::string container;  // the engine's id
  std::string action;     // "start", "die", "destroy", …
  FoundInstance seen;     // what the event itself says; no address
};
// Nullopt: about something else.
[[nodiscard]] std::optional<ContainerEvent> container_event_of(const Json& message);

// The state to deliver: what the event says happened, although the container may already be in
// another one, with what only an inspection knows.
[[nodiscard]] FoundInstance merge_event(const ContainerEvent& event,
                                        const std::optional<FoundInstance>& inspected);

// "2024-05-01T10:20:30.123456789Z" → milliseconds since the epoch; 0 for the engine's zero time and
// for what does not parse.
[[nodiscard]] uint64_t parse_engine_time_ms(std::string_view text);

}  // namespace ployz

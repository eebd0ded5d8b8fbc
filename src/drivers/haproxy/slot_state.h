// What the driver must remember over restarts: which backend is in which slot, and the routes it
// committed last. One small file beside the configuration.
#pragma once

#include "base/result.h"
#include "drivers/haproxy/haproxy_config.h"
#include "ports/gateway.h"

namespace ployz {

struct SlotState {
  Slots slots;
  RouteTable routes;
  bool operator==(const SlotState&) const = default;
};

[[nodiscard]] std::string encode(const SlotState& state);
// `corrupt` when it does not parse.
[[nodiscard]] Result<SlotState> decode_slot_state(std::string_view bytes);

// Empty when there is no file. Slots the configuration has no more are left out, and with them the
// routes that name them.
[[nodiscard]] Result<SlotState> load_slot_state(const HaproxyConfig& config);
[[nodiscard]] Status save_slot_state(const HaproxyConfig& config, const SlotState& state);
// haproxy.cfg with these servers; left alone when it is so already.
[[nodiscard]] Status save_config_file(const HaproxyConfig& config, const Slots& slots);

}  // namespace ployz

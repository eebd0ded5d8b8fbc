// Who this machine is: the only facts that live on the machine and nowhere else. Written before
// anything is started, so that a crash in the middle of `mesh init` is continued, not repeated.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/machine.h"

namespace ployz {

struct Identity {
  std::string network;
  Machine machine;
  uint64_t epoch = 1;          // of the control-plane store; a lower one is refused
  std::string nats_url;        // what this machine's clients dial
  bool complete = false;       // the network was founded or joined to the end
  bool operator==(const Identity&) const = default;
};

[[nodiscard]] Json to_json(const Identity& identity);
[[nodiscard]] Result<Identity> identity_from_json(const Json& json);

// Nullopt: this machine belongs to no network. `corrupt`: the file does not parse; nothing is
// guessed.
[[nodiscard]] Result<std::optional<Identity>> load_identity(const std::filesystem::path& path);
[[nodiscard]] Status save_identity(const std::filesystem::path& path, const Identity& identity);

}  // namespace ployz

// Contexts: names for the daemons an operator talks to, in ~/.config/ployz/contexts.json.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ployz::cli {

// How a daemon is reached.
struct MachineDoor {
  std::string socket;     // its control socket; empty: only through the container
  std::string container;  // machine container, whose socket `docker exec` can reach; empty: none
  bool operator==(const MachineDoor&) const = default;
};

struct ContextEntry : MachineDoor {
  // The other machines of a development cluster, by name; --machine chooses one.
  std::map<std::string, MachineDoor> machines = {};
  bool operator==(const ContextEntry&) const = default;
};

struct Contexts {
  std::string current;  // empty: none
  std::map<std::string, ContextEntry> entries;
  bool operator==(const Contexts&) const = default;
};

[[nodiscard]] Json to_json(const Contexts& contexts);
// `corrupt` with the reason.
[[nodiscard]] Result<Contexts> contexts_from_json(const Json& json);

// An absent file is no contexts.
[[nodiscard]] Result<Contexts> load_contexts(const std::filesystem::path& file);
[[nodiscard]] Status save_contexts(const std::filesystem::path& file, const Contexts& contexts);

// Whom to talk to: --socket, then --context, PLOYZ_CONTEXT, the current context, and last the
// socket of a daemon on this computer.
struct ContextChoice {
  std::string socket;          // --socket or PLOYZ_SOCKET; empty: not given
  std::string name;            // --context or PLOYZ_CONTEXT; empty: not given
  std::string default_socket;  // of config.toml
  std::string machine = {};    // --machine or PLOYZ_MACHINE; empty: the context's own
};
// `invalid` when the named context or machine does not exist, with the known ones in the hint.
[[nodiscard]] Result<ContextEntry> resolve_context(const Contexts& contexts,
                                                   const ContextChoice& choice);

}  // namespace ployz::cli

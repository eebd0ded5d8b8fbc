// What doctor can mend by itself. A fix is bounded, may be repeated, and touches nobody's data; what
// is not certainly so stays a finding with a command for people. A machine mends only itself: agent
// command "mend", with a Fix; it answers when that is done.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "ports/containers.h"
#include "ports/units.h"

namespace ployz {

inline constexpr std::string_view kMend = "mend";

enum class FixKind {
  start_unit,        // one that its machine must run
  restart_unit,      // one whose restart interrupts no traffic: the router
  remove_container,  // what an ended operation has left of an instance that no commit names
  finish_operation,  // the cleanup of a committed one that destroys no data; of the cluster
};

struct Fix {
  FixKind kind = FixKind::start_unit;
  std::string target;  // a unit, an instance or an operation
  bool operator==(const Fix&) const = default;
};

[[nodiscard]] std::string_view to_string(FixKind kind);
// "start ployz-knot.service".
[[nodiscard]] std::string describe(const Fix& fix);
[[nodiscard]] Json to_json(const Fix& fix);
// `invalid`: the kind is not known, or it has no target.
[[nodiscard]] Result<Fix> fix_from_json(const Json& json);

struct MendConfig {
  std::vector<std::string> units;  // that this machine must run
  std::string router;              // the one of them that may be restarted
};

struct MendPorts {
  Containers& containers;
  Units& units;
};

// On the machine itself. What is mended already stays as it is. `unsupported`: a unit that is not
// its own to start or restart, or an operation; else as the ports'.
[[nodiscard]] Status mend(const Fix& fix, const MendConfig& config, const MendPorts& ports);

}  // namespace ployz

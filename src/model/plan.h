// A plan: the whole effect of one operation, listed beforehand. Made by a pure planner, executed by
// the engine, stored in the operation's journal.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/action.h"
#include "model/commit.h"
#include "model/names.h"

namespace ployz {

inline constexpr int kPlanVersion = 1;

enum class Target { agent, router };

struct Step {
  StepId id;
  MachineId machine;
  Target target = Target::agent;
  Action action;
  std::vector<Action> undo;   // executed in order, on the same machine and target
  std::vector<StepId> after;  // steps of the same list that must be done first
  bool operator==(const Step&) const = default;
};

// What the engine asks a machine to promise before anything is changed.
struct Claim {
  MachineId machine;
  std::vector<std::string> addresses;  // must be free; held for the operation
  std::vector<uint16_t> host_ports;    // must be free of anything but the gateway
  std::vector<std::string> image_ids;  // must be present
  std::vector<std::string> pulls;      // references that EnsureImage will pull
  bool needs_router = true;
  std::vector<DatasetId> datasets;  // must be there
  bool operator==(const Claim&) const = default;
};

// One line of the preview.
struct Change {
  enum class Kind { create, replace, remove, keep, route, scale, data };
  Kind kind = Kind::keep;
  std::string resource;  // "service web", "instance web-01arz3 on m1", "route shop.example.com"
  std::string detail;    // "image sha256:ab… → sha256:cd…"
  bool operator==(const Change&) const = default;
};

struct Plan {
  std::string kind;  // "deploy", "namespace_rm", …
  NamespaceName name_space;
  uint64_t expected_sequence = 0;  // of the namespace's newest commit when planned; 0: none
  std::vector<Change> changes;
  std::vector<Claim> claims;
  std::vector<Step> apply;       // reversible, before the commit
  std::optional<Commit> commit;  // absent: nothing to do (outcome `unchanged`)
  std::vector<Step> cleanup;     // after the flip; retried until done
  // For people: of the machines above and the coordinator, as they were called when it was made.
  std::map<MachineId, std::string> machine_names;
  bool operator==(const Plan&) const = default;

  [[nodiscard]] bool unchanged() const { return !commit.has_value(); }
  // The id of a machine that has no name here.
  [[nodiscard]] std::string name_of(const MachineId& machine) const {
    const auto found = machine_names.find(machine);
    return found == machine_names.end() ? machine.value : found->second;
  }
  // "receive volume pgdata from m1".
  [[nodiscard]] std::string describe(const Action& action) const {
    return ployz::describe(action, [this](const MachineId& id) { return name_of(id); });
  }
};

[[nodiscard]] std::string_view to_string(Target target);
[[nodiscard]] std::string_view to_string(Change::Kind kind);
[[nodiscard]] Json to_json(const Step& step);
[[nodiscard]] Result<Step> step_from_json(const Json& json);
[[nodiscard]] Json to_json(const Claim& claim);
[[nodiscard]] Result<Claim> claim_from_json(const Json& json);
[[nodiscard]] Json to_json(const Change& change);
[[nodiscard]] Result<Change> change_from_json(const Json& json);
[[nodiscard]] Json to_json(const Plan& plan);
[[nodiscard]] Result<Plan> plan_from_json(const Json& json);
// Structural soundness: ids unique, `after` known and acyclic, machines claimed, commit within
// kMaxCommitBytes. The engine refuses a plan that fails it.
[[nodiscard]] Status validate(const Plan& plan);

}  // namespace ployz

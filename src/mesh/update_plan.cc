#include "mesh/update_plan.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "model/release.h"

namespace ployz {
namespace {

using Fate = MachineUpdated::Fate;

std::unexpected<Error> refused(std::string message, std::string hint) {
  return fail(Code::precondition, std::move(message), std::move(hint));
}

// A machine that was installed otherwise, or whose installation broke off, has none.
const std::string& version_of(const UpdateState& state) {
  return state.installed.empty() ? state.version : state.installed;
}

bool has_it(const UpdateState& state, const std::string& version) {
  return state.installed == version && state.version == version && !state.updating;
}

Result<std::vector<const UpdateMember*>> meant_by(const UpdateView& view) {
  std::vector<const UpdateMember*> meant;
  for (const UpdateMember& member : view.members) {
    if (view.machines.empty() || std::ranges::contains(view.machines, member.machine.name) ||
        std::ranges::contains(view.machines, member.machine.id.str())) {
      meant.push_back(&member);
    }
  }
  for (const std::string& name : view.machines) {
    const bool known = std::ranges::any_of(view.members, [&](const UpdateMember& member) {
      return member.machine.name == name || member.machine.id.str() == name;
    });
    if (!known) {
      return fail(Code::not_found, std::format("there is no machine {}", name),
                  "list them: ployzctl machine ls");
    }
  }
  std::ranges::sort(meant, {}, [&](const UpdateMember* member) {
    const Machine& machine = member->machine;
    return std::tuple(machine.id == view.self, machine.stores, machine.name);
  });
  return meant;
}

// Whatever else is the matter with it, one that has the version is left alone.
Status check_machine(const UpdateView& view, const UpdateMember& member) {
  const std::string& name = member.machine.name;
  const UpdateState& state = *member.state;
  if (member.machine.state == MachineState::leaving) {
    return refused(std::format("machine {} is leaving the network", name),
                   "go on with that: ployzctl machine rm " + name);
  }
  const bool ours = state.last && state.last->operation == view.going_on && !view.going_on.empty();
  if (state.updating && !ours) {
    return refused(std::format("machine {} is being updated to {} by operation {}", name,
                               state.last ? state.last->to : "another version",
                               state.last ? state.last->operation.str() : "(not known yet)"),
                   "wait for that: it ends by itself within minutes");
  }
  if (state.installed.empty() && !ours) {
    return refused(std::format("Ployz is not, or only half, installed as a package on {}", name),
                   "on that machine: apt-get install ./ployz.deb");
  }
  if (view.architecture != "all" && view.architecture != state.architecture) {
    return refused(std::format("the package is for {}, machine {} is {}", view.architecture, name,
                               state.architecture),
                   "give the package of its architecture, and name the machines it is for");
  }
  if (!state.problems.empty() && !ours) {
    Error error{Code::precondition, Effect::none,
                std::format("machine {} does not serve as it should: {}", name,
                            state.problems.front()),
                std::format("an update could not be told from that; see: ployzctl doctor {}", name),
                {}};
    for (const std::string& problem : state.problems) error.context.push_back({name, problem});
    return fail(std::move(error));
  }
  return {};
}

// Also those that are not meant: they go on working with the others.
Status check_distance(const UpdateView& view, const Release& wanted) {
  for (const UpdateMember& member : view.members) {
    const std::string version =
        member.state ? version_of(*member.state) : member.machine.version;
    const auto theirs = parse_release(version);
    if (!theirs) {
      return refused(std::format("machine {} runs version '{}', which cannot be compared with {}",
                                 member.machine.name, version, view.version),
                     theirs.error().hint);
    }
    if (work_together(*theirs, wanted)) continue;
    return refused(std::format("machine {} runs {}, which is more than one minor version from {}",
                               member.machine.name, version, view.version),
                   theirs->major == wanted.major
                       ? std::format("bring every machine to {}.{} first", wanted.major,
                                     *theirs < wanted ? theirs->minor + 1 : theirs->minor - 1)
                       : "machines of different major versions cannot be in one network");
  }
  return {};
}

}  // namespace

std::string_view to_string(MachineUpdated::Fate fate) {
  switch (fate) {
    case Fate::planned: return "planned";
    case Fate::unchanged: return "unchanged";
    case Fate::updated: return "updated";
    case Fate::back: return "back";
    case Fate::failed: return "failed";
    case Fate::waiting: return "waiting";
  }
  return "waiting";
}

Result<std::vector<MachineUpdated>> plan_update(const UpdateView& view) {
  const Release wanted = TRY(parse_release(view.version));
  const std::vector<const UpdateMember*> meant = TRY(meant_by(view));
  std::vector<MachineUpdated> steps;
  for (const UpdateMember* member : meant) {
    if (!member->state) {
      Error error = member->silent.value_or(Error{Code::unavailable, {}, "it does not answer", "", {}});
      error.code = Code::unavailable;
      error.effect = Effect::none;
      error.hint = "without it: name the machines to update";
      return fail(std::move(error).at("machine " + member->machine.name));
    }
    const bool has = has_it(*member->state, view.version);
    if (!has) TRY(check_machine(view, *member));
    steps.push_back({member->machine.id, member->machine.name, version_of(*member->state),
                     view.version, has ? Fate::unchanged : Fate::waiting, {}});
  }
  TRY(check_distance(view, wanted));
  return steps;
}

}  // namespace ployz

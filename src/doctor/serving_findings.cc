// Do a machine's gateway and DNS serve what is committed, and do its committed instances run.
#include <algorithm>
#include <format>

#include "doctor/findings.h"

namespace ployz::doctor {
namespace {

constexpr std::string_view kRouterLog = "journalctl -u ployz-router -n 50";
constexpr std::string_view kRouterUnit = "ployz-router.service";
constexpr std::string_view kRestartRouter = "systemctl restart ployz-router";

// Traffic goes on without it. One whose unit does not run is started, as its own finding says.
std::optional<Fix> restart_of(const MachineView& machine) {
  const auto unit = std::ranges::find(machine.checkup->units, kRouterUnit, &UnitFacts::name);
  if (unit == machine.checkup->units.end() || unit->active_state != "active") return {};
  return Fix{FixKind::restart_unit, unit->name};
}

uint64_t sequence_in(const std::map<NamespaceName, uint64_t>& sequences,
                     const NamespaceName& name) {
  const auto found = sequences.find(name);
  return found == sequences.end() ? 0 : found->second;
}

// What serves something older than the commit: "the gateway serves commit 3, not 4: …".
std::string lag_of(const RouterStatus& router, const CommitEntry& newest) {
  const NamespaceName& name = newest.commit.name_space;
  std::string text;
  const auto compare = [&](std::string_view what, uint64_t served, const std::string& error) {
    if (served >= newest.sequence) return;
    const auto found = router.held_back.find(name);
    const std::string& why = found == router.held_back.end() ? error : found->second;
    text += std::format("{}{} serves {} of {}, not {}{}{}", text.empty() ? "" : "; ", what,
                        served == 0 ? "no commit" : std::format("commit {}", served), name.str(),
                        newest.sequence, why.empty() ? "" : ": ", why);
  };
  compare("the gateway", sequence_in(router.gateway, name), router.gateway_error);
  compare("DNS", sequence_in(router.dns, name), router.dns_error);
  return text;
}

void look_at_router(const ClusterView& view, const Explanations& known, const MachineView& machine,
                    Findings& findings) {
  if (!machine.router) {
    const std::string why = machine.router_silent ? ": " + machine.router_silent->message : "";
    findings.on_it(Severity::error, "router", "its router does not answer" + why,
                   std::string(kRestartRouter), restart_of(machine));
    return;
  }
  const RouterStatus& router = *machine.router;
  bool lags = false;
  for (const auto& [name, entry] : view.newest) {
    if (known.in_motion(name)) continue;
    std::string lag = lag_of(router, entry);
    if (lag.empty()) continue;
    lags = true;
    findings.on_it(Severity::error, "router", std::move(lag),
                   std::string(router.reads_the_store ? kRouterLog : kRestartRouter),
                   router.reads_the_store ? std::nullopt : restart_of(machine));
  }
  for (const std::string& error : {router.gateway_error, router.dns_error}) {
    if (lags || error.empty()) continue;
    findings.on_it(Severity::warning, "router", "its router's last attempt failed: " + error,
                   std::string(kRouterLog));
  }
  if (!lags && !router.reads_the_store) {
    findings.on_it(Severity::warning, "router",
                   "its router serves what it remembers: it has not read the store's commits yet",
                   std::string(kRouterLog));
  }
  if (router.version != machine.checkup->facts.version) {
    findings.on_it(Severity::warning, "version",
                   std::format("its router is of version {}, its daemon of {}", router.version,
                               machine.checkup->facts.version),
                   std::string(kRestartRouter), restart_of(machine));
  }
}

void look_at_instance(const CommittedService& service, const NamespaceName& name,
                      const CommittedInstance& instance, const MachineFacts& facts,
                      Findings& findings) {
  const std::string called = std::format("instance {} of {}/{}", instance.id.str(), name.str(),
                                         service.service.name.str());
  const auto found = std::ranges::find(facts.instances, instance.id, &FoundInstance::id);
  if (found == facts.instances.end()) {
    findings.anywhere(Severity::error, "instance", called + " is committed and has no container",
                      "ployzctl deploy -f MANIFEST");
  } else if (found->state == InstanceState::exited) {
    findings.anywhere(Severity::error, "instance",
                      std::format("{} has exited with code {}", called, found->exit_code),
                      std::format("ployzctl logs {}/{}", name.str(), service.service.name.str()));
  } else if (found->state != InstanceState::running) {
    findings.anywhere(Severity::warning, "instance",
                      called + " does not run: it is " +
                          (found->state == InstanceState::created ? "created and not started"
                                                                  : "restarting, paused or ending"),
                      std::format("ployzctl logs {}/{}", name.str(), service.service.name.str()));
  }
}

void look_at_instances(const ClusterView& view, const Explanations& known,
                       const MachineView& machine, Findings& findings) {
  if (machine.checkup->errors.contains("containers")) return;
  for (const auto& [name, entry] : view.newest) {
    if (known.in_motion(name)) continue;
    for (const CommittedService& service : entry.commit.services) {
      for (const CommittedInstance& instance : service.instances) {
        if (instance.machine != machine.machine.id) continue;
        look_at_instance(service, name, instance, machine.checkup->facts, findings);
      }
    }
  }
}

}  // namespace

void look_at_serving(const ClusterView& view, const Explanations& known, const MachineView& machine,
                     Findings findings) {
  look_at_router(view, known, machine, findings);
  look_at_instances(view, known, machine, findings);
}

}  // namespace ployz::doctor

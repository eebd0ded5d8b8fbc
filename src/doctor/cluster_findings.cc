// What concerns no single machine: the store, versions, operations, prepared plans.
#include <algorithm>
#include <format>
#include <map>

#include "doctor/findings.h"
#include "model/release.h"

namespace ployz::doctor {
namespace {

void look_at_versions(const ClusterView& view, Findings& findings) {
  std::map<std::string, std::string> machines_of;
  for (const MachineView& machine : view.machines) {
    if (!machine.checkup) continue;
    std::string& names = machines_of[machine.checkup->facts.version];
    names += (names.empty() ? "" : ", ") + machine.machine.name;
  }
  if (machines_of.size() < 2) return;
  std::string text;
  std::pair<Release, std::string> newest;
  for (const auto& [version, names] : machines_of) {
    text += std::format("{}{} on {}", text.empty() ? "" : "; ", version, names);
    if (auto release = parse_release(version)) {
      newest = std::max(newest, std::pair(*std::move(release), version));
    }
  }
  findings.anywhere(Severity::warning, "version", "the machines run different versions: " + text,
                    newest.second.empty() ? "ployzctl machine ls"
                                          : "ployzctl machine update --version " + newest.second);
}

// Only the cleanup is left, and of no data.
std::optional<Fix> finish_of(const Operation& operation) {
  const bool destroys = std::ranges::any_of(operation.plan.cleanup, [](const Step& step) {
    return std::holds_alternative<DestroyDataset>(step.action) ||
           std::holds_alternative<DestroySnapshots>(step.action);
  });
  if (destroys || !operation.plan.commit || operation.committed_sequence == 0) return {};
  return Fix{FixKind::finish_operation, operation.id.str()};
}

void look_at_operations(const ClusterView& view, Findings& findings) {
  for (const Operation& operation : view.operations) {
    const std::string called =
        std::format("operation {} ({}{}{})", operation.id.str(), operation.kind,
                    operation.name_space.empty() ? "" : " of ", operation.name_space.str());
    const std::string resume = "ployzctl op resume " + operation.id.str();
    if (operation.outcome == Outcome::interrupted) {
      findings.anywhere(Severity::error, "operation", called + " was interrupted", resume);
    } else if (operation.outcome == Outcome::committed_cleanup_pending) {
      const std::string why = operation.error ? ": " + operation.error->message : "";
      findings.anywhere(Severity::warning, "operation",
                        called + " is committed, and its cleanup is pending" + why, resume,
                        finish_of(operation));
    }
  }
}

// They take no room worth a word and go when another is prepared; but somebody may count on one.
void look_at_prepared(const ClusterView& view, Findings& findings) {
  for (const PreparedView& prepared : view.prepared) {
    if (prepared.expires_at_ms > view.answered_at_ms) continue;
    findings.anywhere(
        Severity::warning, "prepared",
        std::format("prepared plan {} ({} of {}) expired {} ago, and can only be prepared again",
                    prepared.id.str(), prepared.kind, prepared.name_space.str(),
                    duration_text(view.answered_at_ms - prepared.expires_at_ms)),
        std::format("ployzctl {} prepare --help", prepared.kind));
  }
}

}  // namespace

void look_at_cluster(const ClusterView& view, Findings findings) {
  if (view.store_silent) {
    const auto self = std::ranges::find(view.machines, view.self,
                                        [](const MachineView& one) { return one.machine.id; });
    findings.anywhere(
        Severity::error, "store",
        std::format("the store does not answer {}, so nothing was compared with what is "
                    "committed{}: {}",
                    self == view.machines.end() ? "the machine that asks" : self->machine.name,
                    view.members.size() > 1 ? "" : ", and no other machine is known",
                    view.store_silent->message),
        "ployzctl status");
    return;
  }
  for (const std::string& commit : view.unreadable) {
    findings.anywhere(Severity::error, "store", commit + ": it is served nowhere",
                      "ployzctl namespace ls");
  }
  look_at_versions(view, findings);
  look_at_operations(view, findings);
  look_at_prepared(view, findings);
  look_at_newcomers(view, findings);
}

}  // namespace ployz::doctor

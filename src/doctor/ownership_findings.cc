// What a machine has that no commit explains: containers, datasets, snapshots.
#include <algorithm>
#include <format>

#include "doctor/findings.h"

namespace ployz::doctor {
namespace {

// The commit that names it may be one that does not parse.
bool may_be_committed(const ClusterView& view, const FoundInstance& found) {
  return !view.unreadable.empty() && !view.newest.contains(found.name_space);
}

// Of an unfinished operation is what `op resume` takes care of, and nobody else.
void look_at_containers(const ClusterView& view, const Explanations& known,
                        const MachineView& machine, Findings& findings) {
  for (const FoundInstance& found : machine.checkup->facts.instances) {
    if (known.names(found.id) || known.is_unfinished(found.operation) ||
        known.in_motion(found.name_space) || may_be_committed(view, found)) {
      continue;
    }
    // Whose it is nobody knows if its operation is not known.
    std::optional<Fix> fix;
    if (known.has_ended(found.operation)) fix = Fix{FixKind::remove_container, found.id.str()};
    findings.on_it(
        Severity::warning, "container",
        std::format("container of instance {} ({}/{}) is of no commit and of no operation "
                    "that runs",
                    found.id.str(), found.name_space.str(), found.service.str()),
        std::format("docker rm -f $(docker ps -aq --filter {})",
                    shell_word("label=ployz.instance=" + found.id.str())),
        std::move(fix));
  }
}

// Nothing can be pruned of a namespace that never had a commit.
std::string prune_of(const ClusterView& view, const NamespaceName& name) {
  if (!view.newest.contains(name)) return "ployzctl volume ls --unreferenced";
  return std::format("ployzctl volume prune {} --dry-run", shell_word(name.str()));
}

bool is_read(const ClusterView& view, const NamespaceName& name) {
  return view.history.contains(name);
}

void look_at_snapshots(const ClusterView& view, const Explanations& known, const Dataset& dataset,
                       Findings& findings) {
  const bool all_read = std::ranges::all_of(
      view.newest, [&](const auto& entry) { return is_read(view, entry.first); });
  if (!all_read || !is_read(view, dataset.spec.name_space)) return;
  std::string names;
  size_t count = 0;
  for (const DatasetSnapshot& snapshot : dataset.snapshots) {
    if (known.names(snapshot.name)) continue;
    names += (++count == 1 ? "" : ", ") + snapshot.name.str();
  }
  if (count == 0) return;
  findings.anywhere(Severity::warning, "snapshot",
                    std::format("{} of dataset {} ({}/{}) {} of no commit: {}",
                                count == 1 ? "a snapshot" : std::format("{} snapshots", count),
                                dataset.spec.id.str(), dataset.spec.name_space.str(),
                                dataset.spec.volume.str(), count == 1 ? "is" : "are", names),
                    prune_of(view, dataset.spec.name_space));
}

void look_at_datasets(const ClusterView& view, const Explanations& known,
                      const MachineView& machine, Findings& findings) {
  for (const Dataset& dataset : machine.checkup->facts.datasets) {
    const DatasetSpec& spec = dataset.spec;
    if (known.is_unfinished(spec.operation) || known.in_motion(spec.name_space)) continue;
    if (known.names(spec.id)) {
      look_at_snapshots(view, known, dataset, findings);
    } else if (is_read(view, spec.name_space)) {
      findings.anywhere(
          Severity::warning, "dataset",
          std::format("dataset {} ({}/{}, {}) is of no commit and of no operation that runs",
                      spec.id.str(), spec.name_space.str(), spec.volume.str(),
                      bytes_text(dataset.used_bytes)),
          prune_of(view, spec.name_space));
    }
  }
}

}  // namespace

void look_at_ownership(const ClusterView& view, const Explanations& known,
                       const MachineView& machine, Findings findings) {
  look_at_containers(view, known, machine, findings);
  look_at_datasets(view, known, machine, findings);
}

}  // namespace ployz::doctor

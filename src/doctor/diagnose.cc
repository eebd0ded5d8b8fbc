#include "doctor/diagnose.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "doctor/findings.h"

namespace ployz {
namespace doctor {
namespace {

// Who asked may see an operation end a little after it did.
constexpr uint64_t kMomentMs = 2'000;

bool ends_in_view(const Operation& operation, const ClusterView& view) {
  return !operation.ended() || operation.ended_at_ms + kMomentMs >= view.asked_at_ms;
}

}  // namespace

Explanations::Explanations(const ClusterView& view) {
  for (const auto& [name, entry] : view.newest) {
    add(entry.commit);
    for (const CommittedService& service : entry.commit.services) {
      for (const CommittedInstance& instance : service.instances) instances_.insert(instance.id);
    }
  }
  for (const auto& [name, entries] : view.history) {
    for (const CommitEntry& entry : entries) add(entry.commit);
  }
  for (const Operation& operation : view.operations) {
    if (!operation.ended()) {
      unfinished_.insert(operation.id);
    } else if (const auto newest = view.newest.find(operation.name_space);
               newest != view.newest.end() &&
               newest->second.sequence >= operation.committed_sequence) {
      ended_.insert(operation.id);
    }
    const bool moving = ends_in_view(operation, view);
    if (moving && !operation.name_space.empty()) busy_.insert(operation.name_space);
    const bool committed = operation.committed_sequence > 0;
    if (operation.plan.commit && (moving || committed)) {
      commits_.insert(operation.plan.commit->id.str());
    }
  }
}

void Explanations::add(const Commit& commit) {
  commits_.insert(commit.id.str());
  for (const CommittedVolume& volume : commit.volumes) datasets_.insert(volume.dataset);
}

std::string duration_text(uint64_t ms) {
  const uint64_t seconds = ms / 1000;
  if (seconds < 120) return std::format("{} s", seconds);
  if (seconds < 7200) return std::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return std::format("{} h", seconds / 3600);
  return std::format("{} d", seconds / (24 * 3600));
}

std::string bytes_text(uint64_t bytes) {
  const auto number = static_cast<double>(bytes);
  if (bytes >= 1ull << 30) return std::format("{:.1f} GiB", number / (1ull << 30));
  return std::format("{:.1f} MiB", number / (1ull << 20));
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) {
    return std::string(text);
  }
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

}  // namespace doctor

std::set<NamespaceName> histories_to_read(const ClusterView& view) {
  const doctor::Explanations known(view);
  std::set<NamespaceName> wanted;
  for (const MachineView& machine : view.machines) {
    if (!machine.checkup) continue;
    for (const Dataset& dataset : machine.checkup->facts.datasets) {
      const bool named = known.names(dataset.spec.id);
      const bool snapshots = std::ranges::all_of(
          dataset.snapshots, [&](const DatasetSnapshot& one) { return known.names(one.name); });
      if (!named || !snapshots) wanted.insert(dataset.spec.name_space);
      // A branch's first commit names the snapshot that its source was cloned at.
      if (!snapshots) {
        for (const auto& [name, entry] : view.newest) wanted.insert(name);
      }
    }
  }
  return wanted;
}

std::vector<Finding> diagnose(const ClusterView& view) {
  const doctor::Explanations known(view);
  std::vector<Finding> all;
  if (view.whole || view.store_silent) doctor::look_at_cluster(view, {all, ""});
  for (const MachineView& machine : view.machines) {
    const doctor::Findings findings(all, machine.machine.name);
    doctor::look_at_machine(view, machine, findings);
    if (!machine.checkup || view.store_silent) continue;
    doctor::look_at_serving(view, known, machine, findings);
    doctor::look_at_ownership(view, known, machine, findings);
  }
  std::ranges::stable_sort(all, {}, [](const Finding& finding) {
    return std::tuple(-static_cast<int>(finding.severity), finding.machine);
  });
  return all;
}

DoctorReport report_of(const ClusterView& view) {
  DoctorReport report;
  for (const MachineView& one : view.machines) report.machines.push_back(one.machine.name);
  std::ranges::sort(report.machines);
  report.findings = diagnose(view);
  return report;
}

}  // namespace ployz

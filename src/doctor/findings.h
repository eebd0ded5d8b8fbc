// The parts of diagnose(), one .cc each; only for the .cc files of this folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "doctor/diagnose.h"

namespace ployz::doctor {

// Collects what is wrong with one machine, or with the cluster.
class Findings {
 public:
  Findings(std::vector<Finding>& all, std::string machine)
      : all_(all), machine_(std::move(machine)) {}

  // `run` is a command for that machine's own shell.
  void on_it(Severity severity, std::string topic, std::string what, std::string run,
             std::optional<Fix> fix = {}) {
    all_.push_back({severity, std::move(topic), machine_, std::move(what), std::move(run), machine_,
                    std::move(fix)});
  }
  // `run` is a command for wherever ployzctl is.
  void anywhere(Severity severity, std::string topic, std::string what, std::string run,
                std::optional<Fix> fix = {}) {
    all_.push_back({severity, std::move(topic), machine_, std::move(what), std::move(run), "",
                    std::move(fix)});
  }

 private:
  std::vector<Finding>& all_;
  const std::string machine_;
};

// What is in motion, and what explains what is found on machines.
class Explanations {
 public:
  explicit Explanations(const ClusterView& view);

  // Something changed it while the machines were asked.
  [[nodiscard]] bool in_motion(const NamespaceName& name) const { return busy_.contains(name); }
  [[nodiscard]] bool is_unfinished(const OperationId& id) const { return unfinished_.contains(id); }
  // It is known, has ended, and what it committed, if anything, is known too.
  [[nodiscard]] bool has_ended(const OperationId& id) const { return ended_.contains(id); }
  [[nodiscard]] bool names(const InstanceId& id) const { return instances_.contains(id); }
  // By a newest commit or a former one that is known.
  [[nodiscard]] bool names(const DatasetId& id) const { return datasets_.contains(id); }
  // Of a commit that is known, or that an operation makes just now.
  [[nodiscard]] bool names(const SnapshotName& name) const { return commits_.contains(name.str()); }

 private:
  void add(const Commit& commit);
  std::set<NamespaceName> busy_;
  std::set<OperationId> unfinished_;
  std::set<OperationId> ended_;
  std::set<InstanceId> instances_;  // of newest commits
  std::set<DatasetId> datasets_;
  std::set<std::string> commits_;
};

void look_at_machine(const ClusterView& view, const MachineView& machine, Findings findings);
void look_at_serving(const ClusterView& view, const Explanations& known, const MachineView& machine,
                     Findings findings);
void look_at_ownership(const ClusterView& view, const Explanations& known,
                       const MachineView& machine, Findings findings);
void look_at_cluster(const ClusterView& view, Findings findings);
// Who may come in, and for how long yet.
void look_at_newcomers(const ClusterView& view, Findings findings);

// "42 s", "3 min", "5 h", "2 d".
[[nodiscard]] std::string duration_text(uint64_t ms);
// "1.5 GiB".
[[nodiscard]] std::string bytes_text(uint64_t bytes);
// One word for a shell: labels of containers are anybody's text.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace ployz::doctor

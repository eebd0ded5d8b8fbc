// What a command that has ended has done to data is what it says, and in the end nothing is left over:
//
// - failed, refused, aborted: no dataset, snapshot or pause of its own is there.
// - committed: each volume began with what the command promises: nothing, the branch's moment, the
//   former commit's moment, or all that its former writers wrote.
// - What the newest commits map is there, with the snapshots that one can go back to.
// - Once all is settled, every dataset and snapshot belongs to a commit, and nobody stands still.
#pragma once

#include "sim/checkers/data_history.h"

namespace ployz::sim {

class DataChecker {
 public:
  DataChecker(World& world, DataHistory& history) : world_(world), history_(history) {}

  // At the moment the operator sees the answer; `request`: what was asked for.
  void on_answer(const Answer& answer, const Request* request = nullptr);
  // Once the world is settled.
  void at_the_end();

 private:
  void check_left_nothing(const Operation& operation);
  void check_promise(const Operation& operation, const Commit& commit);
  void check_volume(const Commit& commit, const Commit* parent, const CommittedVolume& volume);
  void check_one_moment(const Operation& operation, const Commit& commit);
  void check_kept(const NamespaceName& name_space);
  void check_kept_by(const Commit& commit, const Commit* next);
  void check_owners();
  [[nodiscard]] bool paused_by_others(const OperationId& operation, const InstanceId& instance);
  // What a volume of this commit may have begun with.
  [[nodiscard]] std::vector<std::string> promised(const Commit& commit, const Commit* parent,
                                                  const CommittedVolume& volume);
  // Whether the request says that a volume's data comes from another namespace; nullopt: not known.
  [[nodiscard]] std::optional<bool> is_taken(const Commit& commit, const VolumeName& volume,
                                             bool has_own) const;
  void add_source_moments(const Commit& commit, const VolumeName& volume,
                          std::vector<std::string>& contents);
  void add_former_moments(const Commit& commit, const VolumeName& volume,
                          std::vector<std::string>& contents);
  [[nodiscard]] std::optional<RollbackData> state_of(const Commit& rollback) const;
  [[nodiscard]] const std::string* snapshot_of(const DatasetId& dataset, const CommitId& commit);

  World& world_;
  DataHistory& history_;
  std::map<OperationId, Request> requests_;
  std::set<OperationId> checked_;
};

}  // namespace ployz::sim

// The people of a simulated cluster: they deploy, move data, remove, resume, abort and press Ctrl-C,
// one or two at once; then somebody settles everything.
#pragma once

#include "mesh/machine_removal.h"
#include "mesh/store_report.h"
#include "sim/checkers/data_checker.h"
#include "sim/checkers/outcome_checker.h"
#include "sim/world/world.h"

namespace ployz::sim {

class Operators {
 public:
  Operators(World& world, OutcomeChecker& outcomes, DataChecker& data);

  // Random commands under faults; returns when all have ended.
  void work();
  // Without faults: resumes or aborts what is unfinished, or deploys over it; who is dead is
  // removed from the network on the way.
  void settle();

 private:
  void one_operator(Random random);
  void one_command(Random& random);
  void deploy(Random& random, const NamespaceName& name_space);
  void remove(Random& random, const NamespaceName& name_space);
  // A machine is drained, put on standby or back in service.
  void change_machine(Random& random);
  void drain(Random& random, const Machine& machine);
  [[nodiscard]] CopyImage image_copier();
  // `machine rm --force` of who is dead, if anybody is.
  void remove_the_dead(Random& random, bool disturbed);
  void settle_removals();
  // `machine rm` of one that lives; nothing when another one is out already.
  void remove_machine(Random& random);
  void run_removal(SimMachine& victim, const RemovalRequest& request,
                   std::optional<uint64_t> cancel);
  using Removing = std::function<Result<Operation>(MachineRemoval&, std::stop_token)>;
  void through_another(SimMachine& victim, const std::string& what, const Removing& work,
                       std::optional<uint64_t> cancel);
  // `machine storage promote`: one, three or five of the machines hold the store.
  void move_store(Random& random);
  [[nodiscard]] StoreRequest random_place(Random& random);
  void run_move(Random& random, const StoreRequest& request, std::optional<uint64_t> cancel);
  void keep_store_with_living();
  void note_move(const Result<StoreReport>& report);
  // `op resume` of one of these, whether or not its coordinator lives.
  void settle_move(Random& random, const OperationId& id);
  // Every move has ended, everybody follows, and the store takes writes.
  void end_moves();
  // What was said of a move is so.
  void check_moves();
  // Those that were cut off come to an end, or are given up while the machine may stay.
  void end_removals();
  // Drained machines are empty; then all take part again.
  void end_drains();
  void move_data(Random& random);
  void prepare_and_apply(Random& random, const Request& request);
  Answer ask(Random& random, const Request& request, std::optional<uint64_t> cancel);
  void told(const Answer& answer, const Request* request = nullptr);
  void resume_or_abort(Random& random);
  void settle_one(const Operation& operation);
  void final_deploy(const NamespaceName& name_space);
  // Commands on data that nothing disturbs.
  void final_journey();
  [[nodiscard]] std::vector<Commit> log();
  [[nodiscard]] DeployRequest harmless_deploy(const NamespaceName& name_space);
  SimMachine& any_machine(Random& random);
  [[nodiscard]] std::vector<std::string> machine_names();
  void settle_unfinished();
  [[nodiscard]] bool stands_on_the_dead(const NamespaceName& name_space);
  void two_at_once(Random& random);
  std::optional<uint64_t> maybe_cancel(Random& random);

  World& world_;
  OutcomeChecker& outcomes_;
  DataChecker& data_;
  std::vector<NamespaceName> namespaces_;
  std::map<OperationId, bool> moved_;  // as it was told: whether it moved the store
};

}  // namespace ployz::sim

// What a command reports is true: committed means that the commit is in the log; failed, aborted or
// refused means that nothing of the operation is left.
#pragma once

#include <set>

#include "sim/world/world.h"

namespace ployz::sim {

class OutcomeChecker {
 public:
  explicit OutcomeChecker(World& world) : world_(world) {}

  // At the moment the operator sees the answer.
  void on_answer(const Answer& answer);
  void must_succeed(const Answer& answer, std::string_view what);
  // It may be refused.
  void must_not_fail(const Answer& answer, std::string_view what);
  void must_be_unchanged(const Answer& answer);
  // Of everything reported and recorded, once the world is settled.
  void at_the_end();

 private:
  void check_committed(const Operation& operation);
  void check_stragglers(const Operation& operation);
  void check_cleaned(const Operation& operation);
  void check_participants(const Answer& answer);
  void check_left_nothing(const Operation& operation);
  void check_serves_again(const Operation& operation);
  void check_no_backend(const Operation& operation, const Answer& answer);

  World& world_;
  std::set<OperationId> without_effect_;
  std::map<OperationId, uint64_t> committed_;
};

}  // namespace ployz::sim

#include "mesh/store_handover.h"

#include <format>

namespace ployz {

Status check_store_handover(const Machine& leaver, const std::vector<Machine>& others) {
  if (!leaver.stores) return {};
  return fail(Code::precondition,
              std::format("machine {} holds the control-plane store", leaver.name),
              std::format("move that first: ployzctl machine storage promote --replicas 1 {}",
                          others.empty() ? "MACHINE" : others.front().name));
}

}  // namespace ployz

#include "mesh/moves_under_way.h"

#include <algorithm>

#include "mesh/store_calls.h"

namespace ployz {
namespace {

// It answers from memory.
constexpr auto kAsk = std::chrono::milliseconds(1500);
constexpr std::string_view kCoordinates = "coordinates";

}  // namespace

MovesUnderWay::Entry::Entry(MovesUnderWay& moves, OperationId operation)
    : moves_(moves), operation_(std::move(operation)) {
  const std::scoped_lock lock(moves_.mutex_);
  moves_.operations_.push_back(operation_);
}

MovesUnderWay::Entry::~Entry() {
  const std::scoped_lock lock(moves_.mutex_);
  std::erase(moves_.operations_, operation_);
}

std::vector<OperationId> MovesUnderWay::list() const {
  const std::scoped_lock lock(mutex_);
  return operations_;
}

Json store_epoch_answer(uint64_t epoch, const MovesUnderWay& moves) {
  Json coordinates = Json::array();
  for (const OperationId& operation : moves.list()) coordinates.push_back(operation.str());
  return {{"epoch", epoch}, {kCoordinates, std::move(coordinates)}};
}

Coordination coordination_of(const Operation& operation, MachineRpc& rpc) {
  const auto answer = rpc.call({operation.coordinator, Target::agent, std::string(kStoreEpoch)},
                               Json::object(), kAsk);
  if (!answer) return Coordination::silent;
  const auto listed = answer->find(kCoordinates);
  if (listed == answer->end() || !listed->is_array()) return Coordination::untold;
  return std::ranges::contains(*listed, Json(operation.id.str())) ? Coordination::under_way
                                                                  : Coordination::over;
}

Result<bool> is_abandoned(KeyValue& records, MachineRpc& rpc, const OperationId& operation) {
  const auto found = TRY(find_operation(records, operation));
  return found && coordination_of(found->operation, rpc) == Coordination::over;
}

}  // namespace ployz

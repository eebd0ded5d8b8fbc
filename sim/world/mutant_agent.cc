#include "sim/world/mutant_agent.h"

namespace ployz::sim {
namespace {

// Says that the last difference is here, and has not even asked for it.
std::optional<Result<Json>> not_received(const std::string& command, const Json& request) {
  if (command != "step" || request.value("verb", "") != "apply") return std::nullopt;
  const Json& action = request["action"];
  if (action.value("kind", "") != "receive_dataset" || action.value("live", false)) {
    return std::nullopt;
  }
  return Json{{"bytes", 0u}, {"base", ""}};
}

// What the commit will make superfluous goes at once, before there is a commit.
void destroy_now(Cluster& cluster, SimMachine& machine, const Json& request) {
  for (const Record& record : cluster.stores.records(Bucket::operations)) {
    if (record.key != request.value("operation", "")) continue;
    const auto json = parse_json(record.value);
    const auto operation = json ? operation_from_json(*json) : std::unexpected(json.error());
    if (!operation) return;
    for (const Step& step : operation->plan.cleanup) {
      const auto* destroy = std::get_if<DestroyDataset>(&step.action);
      if (destroy == nullptr || step.machine != machine.self().id) continue;
      (void)machine.volumes.destroy(destroy->dataset);
    }
  }
}

}  // namespace

std::optional<Result<Json>> answer_of_mutant(Cluster& cluster, SimMachine& machine,
                                             const std::string& command, const Json& request) {
  if (cluster.mutation == Mutation::early_receive) return not_received(command, request);
  if (cluster.mutation == Mutation::early_destroy && command == "probe") {
    destroy_now(cluster, machine, request);
  }
  return std::nullopt;
}

}  // namespace ployz::sim

#include "plan/aftermath.h"

#include <algorithm>

#include "plan/volume_layout.h"

namespace ployz {
namespace {

void run(const RunInstance& action, const OperationId& operation, MachineFacts& facts) {
  FoundInstance found;
  found.id = action.instance;
  found.name_space = action.name_space;
  found.service = action.service;
  found.revision = action.revision;
  found.operation = operation;
  found.address = action.address;
  found.state = InstanceState::running;
  found.datasets = action.datasets;
  facts.instances.push_back(std::move(found));
  const uint64_t needed = action.spec.resources.memory_bytes.value_or(0);
  facts.memory_free_bytes -= std::min(needed, facts.memory_free_bytes);
}

void add_dataset(const DatasetSpec& spec, uint64_t used_bytes, MachineFacts& facts) {
  const auto same = [&](const Dataset& each) { return each.spec.id == spec.id; };
  if (std::ranges::any_of(facts.datasets, same)) return;
  Dataset dataset;
  dataset.spec = spec;
  dataset.used_bytes = used_bytes;
  facts.datasets.push_back(std::move(dataset));
  if (facts.pool) facts.pool->free_bytes -= std::min(used_bytes, facts.pool->free_bytes);
}

void perform(const Step& step, const OperationId& operation, Snapshot& snapshot) {
  const auto found = snapshot.facts.find(step.machine);
  if (found == snapshot.facts.end()) return;
  MachineFacts& facts = found->second;
  if (const auto* start = std::get_if<RunInstance>(&step.action)) run(*start, operation, facts);
  if (const auto* remove = std::get_if<RemoveInstance>(&step.action)) {
    std::erase_if(facts.instances,
                  [&](const FoundInstance& each) { return each.id == remove->instance; });
  }
  if (const auto* ensure = std::get_if<EnsureDataset>(&step.action)) {
    add_dataset(ensure->spec, 0, facts);
  }
  if (const auto* clone = std::get_if<CloneDataset>(&step.action)) {
    add_dataset(clone->spec, 0, facts);
  }
  if (const auto* receive = std::get_if<ReceiveDataset>(&step.action)) {
    const Dataset* source = find_dataset(snapshot, receive->from, receive->source.dataset);
    add_dataset(receive->spec, source == nullptr ? 0 : source->used_bytes, facts);
  }
}

}  // namespace

void foresee(const Plan& plan, Snapshot& snapshot) {
  if (!plan.commit) return;
  CommitEntry& entry = snapshot.newest[plan.name_space];
  entry = {plan.expected_sequence + 1, *plan.commit};
  for (const auto* steps : {&plan.apply, &plan.cleanup}) {
    for (const Step& step : *steps) perform(step, plan.commit->operation, snapshot);
  }
}

}  // namespace ployz

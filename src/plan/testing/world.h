// A small cluster as planners see it, for tests: machines that answer, images, and what a plan
// would make of them.
#pragma once

#include <algorithm>
#include <format>
#include <string>
#include <vector>

#include "plan/planners.h"

namespace ployz::testing {

inline constexpr std::string_view kImage1 =
    "sha256:1111111111111111111111111111111111111111111111111111111111111111";
inline constexpr std::string_view kImage2 =
    "sha256:2222222222222222222222222222222222222222222222222222222222222222";

inline Machine test_machine(int number) {
  Machine machine;
  machine.id = MachineId(std::format("machine-{}", number));
  machine.name = std::format("m{}", number);
  machine.subnet = std::format("10.101.{}.0/24", number);
  machine.overlay_address = std::format("10.101.{}.1", number);
  return machine;
}

// One service with an http port, ready when it answers, image "shop/<name>:1".
inline Service test_service(std::string_view name, uint32_t replicas = 1) {
  Service service;
  service.name = ServiceName(std::string(name));
  service.container.image = std::format("shop/{}:1", name);
  service.container.ports = {{"http", 8080, Protocol::tcp}};
  service.container.readiness.kind = Readiness::Kind::http;
  service.container.readiness.path = "/healthz";
  service.container.readiness.port = "http";
  service.placement.replicas = replicas;
  return service;
}

inline DeployRequest test_request(std::vector<Service> services,
                                  std::string_view name_space = "shop") {
  DeployRequest request;
  request.manifest.name_space = NamespaceName(std::string(name_space));
  request.manifest.services = std::move(services);
  return request;
}

struct World {
  Snapshot snapshot;
  uint64_t seed = 1;

  explicit World(int machines = 1) {
    snapshot.now_ms = 1'700'000'000'000;
    for (int i = 1; i <= machines; ++i) {
      snapshot.machines.push_back(test_machine(i));
      MachineFacts facts;
      facts.machine = snapshot.machines.back().id;
      facts.router_answers = true;
      facts.memory_free_bytes = 1 << 30;
      snapshot.facts[facts.machine] = facts;
    }
  }

  MachineFacts& facts(int machine) {
    return snapshot.facts.at(MachineId(std::format("machine-{}", machine)));
  }
  Machine& machine(int number) { return snapshot.machines.at(static_cast<size_t>(number - 1)); }

  // Every machine has the image.
  World& image(const std::string& reference, std::string_view id) {
    for (auto& [machine, facts] : snapshot.facts) facts.images[reference] = std::string(id);
    return *this;
  }
  // Every machine can keep volumes.
  World& pools(uint64_t size_bytes = 100ull << 30) {
    for (auto& [machine, facts] : snapshot.facts) {
      facts.pool = StoragePool{"btrfs", false, size_bytes, size_bytes, 1000};
    }
    return *this;
  }
  World& silence(int number, std::string why = "no answer") {
    const MachineId id = machine(number).id;
    snapshot.facts.erase(id);
    snapshot.silent[id] = Error{Code::unavailable, Effect::none, std::move(why), "", {}};
    return *this;
  }

  Result<Plan> plan(const DeployRequest& request) {
    return plan_deploy(request, snapshot, {OperationId("op"), seed++});
  }

  // The world after the plan was executed.
  void execute(const Plan& plan) {
    if (!plan.commit) return;
    uint64_t& sequence = ++last_sequence;
    snapshot.newest[plan.name_space] = {sequence, *plan.commit};
    auto& history = snapshot.history[plan.name_space];
    history.insert(history.begin(), {sequence, *plan.commit});
    for (const auto* steps : {&plan.apply, &plan.cleanup}) {
      for (const Step& step : *steps) perform(step);
    }
    snapshot.now_ms += 1000;
  }

  FoundInstance* find(const InstanceId& id) {
    for (auto& [machine, facts] : snapshot.facts) {
      const auto found = std::ranges::find(facts.instances, id, &FoundInstance::id);
      if (found != facts.instances.end()) return &*found;
    }
    return nullptr;
  }

  const Commit& newest(std::string_view name_space = "shop") const {
    return snapshot.newest.at(NamespaceName(std::string(name_space))).commit;
  }

  uint64_t last_sequence = 0;

 private:
  void perform(const Step& step) {
    auto& instances = snapshot.facts.at(step.machine).instances;
    if (const auto* run = std::get_if<RunInstance>(&step.action)) {
      instances.push_back({run->instance, run->name_space, run->service, run->revision,
                           OperationId("op"), run->address, InstanceState::running, 0, 0,
                           run->datasets});
    } else if (const auto* remove = std::get_if<RemoveInstance>(&step.action)) {
      std::erase_if(instances, [&](const FoundInstance& i) { return i.id == remove->instance; });
    } else {
      perform_data(step);
    }
  }

  // Datasets, without content.
  void perform_data(const Step& step) {
    auto& datasets = snapshot.facts.at(step.machine).datasets;
    const auto add = [&](const DatasetSpec& spec, std::optional<DatasetOrigin> origin) {
      const auto same = [&](const Dataset& each) { return each.spec.id == spec.id; };
      if (std::ranges::any_of(datasets, same)) return;
      datasets.push_back({spec, std::move(origin), snapshot.now_ms, 0, {}});
    };
    const auto mark = [&](const DatasetId& id, const SnapshotName& name) {
      for (Dataset& each : datasets) {
        if (each.spec.id == id && each.snapshot(name) == nullptr) {
          each.snapshots.push_back({name, id.str() + "@" + name.str(), snapshot.now_ms});
        }
      }
    };
    if (const auto* ensure = std::get_if<EnsureDataset>(&step.action)) add(ensure->spec, {});
    if (const auto* clone = std::get_if<CloneDataset>(&step.action)) add(clone->spec, clone->source);
    if (const auto* receive = std::get_if<ReceiveDataset>(&step.action)) {
      add(receive->spec, receive->source);
      mark(receive->spec.id, receive->source.snapshot);
    }
    if (const auto* taken = std::get_if<SnapshotDatasets>(&step.action)) {
      for (const DatasetId& id : taken->datasets) mark(id, taken->snapshot);
    }
    if (const auto* gone = std::get_if<DestroySnapshots>(&step.action)) {
      for (Dataset& each : datasets) {
        if (!std::ranges::contains(gone->datasets, each.spec.id)) continue;
        std::erase_if(each.snapshots,
                      [&](const DatasetSnapshot& one) { return one.name == gone->snapshot; });
      }
    }
    if (const auto* gone = std::get_if<DestroyDataset>(&step.action)) {
      std::erase_if(datasets, [&](const Dataset& each) { return each.spec.id == gone->dataset; });
    }
  }
};

// "a002 run_instance machine-1 after a001 undo remove_instance" per line: the shape of a plan.
inline std::string shape(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    text += std::format("{} {} {}", step.id.str(), kind_of(step.action), step.machine.str());
    if (!step.after.empty()) text += " after";
    for (const StepId& id : step.after) text += " " + id.str();
    if (!step.undo.empty()) text += " undo";
    for (const Action& action : step.undo) text += " " + std::string(kind_of(action));
    text += "\n";
  }
  return text;
}

}  // namespace ployz::testing

// Machines in memory for the engine's unit tests: agents and routers that do what they are told,
// remember it, and fail where the test says. One thread, virtual time.
#pragma once

#include <algorithm>
#include <deque>
#include <format>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ulid.h"
#include "engine/engine.h"
#include "engine/testing/fake_store.h"
#include "engine/testing/serial_rpc.h"
#include "plan/testing/world.h"
#include "ports/step_request.h"

namespace ployz::testing {

class VirtualClock final : public Clock {
 public:
  uint64_t now_ms = 1'700'000'000'000;
  uint64_t wall_ms() override { return now_ms; }
  uint64_t steady_ms() override { return now_ms; }
  bool sleep_for(std::chrono::milliseconds duration, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    now_ms += static_cast<uint64_t>(duration.count());
    return true;
  }
};

class CountingEntropy final : public Entropy {
 public:
  uint64_t next_u64() override { return split_mix(state_); }

 private:
  uint64_t state_ = 1;
};

// Runs the tasks one after the other and ticks once before them, once after each.
class InlineExecutor final : public Executor {
 public:
  void run_all(std::vector<std::function<void()>> tasks, std::chrono::milliseconds,
               const std::function<void()>& on_tick) override {
    for (const auto& task : tasks) {
      task();
      if (on_tick) on_tick();
    }
  }
};

// Every machine of the network behind one MachineRpc.
class MemoryMachines final : public SerialRpc {
 public:
  std::map<MachineId, MachineFacts> machines;
  std::set<MachineId> silent;
  std::vector<std::string> log;  // "apply run_instance machine-1", "undo …", "flip machine-1"
  std::vector<std::string> lost_reply;  // log lines whose answer does not arrive, once each
  // Asked first with the log line; an error is the answer and nothing happens.
  std::function<std::optional<Error>(const std::string& line)> fault;
  // What a step's next answers are, by log line; then, and for other lines, {}.
  std::map<std::string, std::deque<Json>> answers;
  std::vector<std::string> tickets;  // the keys that steps came with
  std::set<InstanceId> stopped;
  std::set<MachineId> prepared;

  // Through text, as over a wire: numbers come out unsigned.
  Result<Json> call(const RpcAddress& to, const Json& request, std::chrono::milliseconds) override {
    const Json answer = TRY(answer_to(to, TRY(parse_json(to_text(request)))));
    return parse_json(to_text(answer));
  }

  // Running containers by machine: "web web" for two of the service web.
  [[nodiscard]] std::string running(const std::string& machine = "machine-1") {
    std::vector<std::string> names;
    for (const FoundInstance& instance : machines.at(MachineId(machine)).instances) {
      if (instance.state == InstanceState::running) names.push_back(instance.service.str());
    }
    std::ranges::sort(names);
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
  }
  [[nodiscard]] size_t containers() const {
    size_t count = 0;
    for (const auto& [machine, facts] : machines) count += facts.instances.size();
    return count;
  }

 private:
  int offered_ = 0;

  Result<Json> answer_to(const RpcAddress& to, const Json& request) {
    if (silent.contains(to.machine) || !machines.contains(to.machine)) {
      return fail(Code::unavailable, "no responders");
    }
    if (to.command == "facts") {
      const auto asked = TRY(facts_request_from_json(request));
      MachineFacts facts = machines.at(to.machine);
      std::erase_if(facts.images, [&](const auto& image) {
        return !std::ranges::contains(asked.images, image.first);
      });
      return to_json(facts);
    }
    if (to.command == "ping") return Json::object();
    if (to.command == "dataset_offer") return offer(to);
    std::string line = to.command + " " + to.machine.str();
    std::optional<StepRequest> step;
    if (to.command == "step") {
      step = TRY(step_request_from_json(request));
      line = std::format("{} {} {}", step->verb == StepVerb::apply ? "apply" : "undo",
                         kind_of(step->action), to.machine.str());
    }
    if (fault) {
      if (auto error = fault(line)) return fail(std::move(*error));
    }
    log.push_back(line);
    if (step && step->ticket) tickets.push_back(step->ticket->key);
    if (step) TRY(perform(to.machine, *step));
    if (std::erase(lost_reply, line) > 0) {
      return fail(Code::timeout, "no reply", "", Effect::unknown);
    }
    auto& next = answers[line];
    if (next.empty()) return Json::object();
    Json answer = std::move(next.front());
    next.pop_front();
    return answer;
  }

  Result<Json> offer(const RpcAddress& to) {
    const std::string line = "dataset_offer " + to.machine.str();
    if (fault) {
      if (auto error = fault(line)) return fail(std::move(*error));
    }
    log.push_back(line);
    return to_json(StreamTicket{to.machine.str() + ":4319", std::format("key-{}", ++offered_)});
  }

  FoundInstance* find(const MachineId& machine, const InstanceId& id) {
    auto& instances = machines.at(machine).instances;
    const auto found = std::ranges::find(instances, id, &FoundInstance::id);
    return found == instances.end() ? nullptr : &*found;
  }

  // Datasets as far as takeover looks at them.
  void perform_on_datasets(MachineFacts& facts, const Action& action) {
    const auto make = [&](const DatasetSpec& spec) -> Dataset& {
      for (Dataset& one : facts.datasets) {
        if (one.spec.id == spec.id) return one;
      }
      return facts.datasets.emplace_back(Dataset{spec, {}, 0, 0, {}});
    };
    if (const auto* ensure = std::get_if<EnsureDataset>(&action)) make(ensure->spec);
    if (const auto* receive = std::get_if<ReceiveDataset>(&action)) {
      make(receive->spec).snapshots.push_back({receive->source.snapshot, "guid", 0});
    }
    if (const auto* destroy = std::get_if<DestroyDataset>(&action)) {
      std::erase_if(facts.datasets, [&](const auto& one) { return one.spec.id == destroy->dataset; });
    }
  }

  Status perform(const MachineId& machine, const StepRequest& request) {
    perform_on_datasets(machines.at(machine), request.action);
    auto& instances = machines.at(machine).instances;
    if (const auto* run = std::get_if<RunInstance>(&request.action)) {
      if (find(machine, run->instance) == nullptr) {
        instances.push_back({run->instance, run->name_space, run->service, run->revision,
                             request.operation, run->address, InstanceState::running, 0, 0,
                             run->datasets});
      }
    } else if (const auto* remove = std::get_if<RemoveInstance>(&request.action)) {
      std::erase_if(instances, [&](const auto& one) { return one.id == remove->instance; });
    } else if (const auto* stop = std::get_if<StopInstance>(&request.action)) {
      if (auto* found = find(machine, stop->instance)) found->state = InstanceState::exited;
    } else if (const auto* start = std::get_if<StartInstance>(&request.action)) {
      auto* found = find(machine, start->instance);
      if (found == nullptr) return fail(Code::not_found, "no such container");
      found->state = InstanceState::running;
    } else if (std::holds_alternative<PrepareRoutes>(request.action)) {
      if (!request.candidate) return fail(Code::invalid, "no candidate");
      prepared.insert(machine);
    } else if (std::holds_alternative<DiscardRoutes>(request.action)) {
      prepared.erase(machine);
    }
    return {};
  }
};

struct Cluster {
  MemoryLog commits;
  MemoryRecords records;
  MemoryMachines machines;
  VirtualClock clock;
  CountingEntropy entropy;
  InlineExecutor executor;
  std::vector<std::string> events;
  std::stop_source cancel;
  EngineConfig config;
  std::unique_ptr<Engine> engine;

  explicit Cluster(int count = 1) {
    World world(count);
    world.image("shop/web:1", kImage1).image("shop/web:2", kImage2).image("shop/db:1", kImage1);
    machines.machines = world.snapshot.facts;
    for (const Machine& machine : world.snapshot.machines) {
      (void)records.create(Bucket::machines, machine.id.str(), to_text(to_json(machine)));
    }
    config.self = MachineId("machine-1");
    restart();
  }

  // The daemon is killed and comes back.
  void restart() { engine = std::make_unique<Engine>(config, ports()); }
  Engine::Ports ports() { return {commits, records, machines, clock, entropy, executor}; }

  Result<Operation> run(const Request& request) {
    cancel = {};
    return engine->run(request, sink(), cancel.get_token());
  }
  Result<Operation> resume(const OperationId& id) { return engine->resume(id, sink(), {}); }
  Result<Operation> abort(const OperationId& id) { return engine->abort(id, sink()); }

  EventSink sink() {
    return [this](const Event& event) { events.push_back(event.text); };
  }
  // The kinds of the steps since the last call.
  std::string take_log() {
    std::string text;
    for (const std::string& line : machines.log) {
      if (!line.starts_with("probe")) text += line + "\n";
    }
    machines.log.clear();
    return text;
  }
  Operation only_operation() { return engine->operations(1)->at(0); }
};

inline Request deploy_web(const std::string& image = "shop/web:1", uint32_t replicas = 1) {
  Service web = test_service("web", replicas);
  web.container.image = image;
  return test_request({web});
}

// The fault of every line that begins so.
inline std::function<std::optional<Error>(const std::string&)> failing(
    std::string prefix, Code code = Code::precondition) {
  return [prefix = std::move(prefix), code](const std::string& line) -> std::optional<Error> {
    if (!line.starts_with(prefix)) return std::nullopt;
    return Error{code, Effect::none, "injected at " + line, "", {}};
  };
}

}  // namespace ployz::testing

// Operators that drain machines, put them on standby and back in service, and give up dead ones.
#include <format>

#include "mesh/machine_drain.h"
#include "mesh/machine_state.h"
#include "sim/world/operators.h"

namespace ployz::sim {
namespace {

// Of the settling, in which nothing is disturbed: one waits longer than any lease lives.
constexpr int kRemovalRounds = 6;
constexpr uint64_t kRemovalPauseNs = 20'000'000'000;

Json state_of(const Record& record) {
  const auto json = parse_json(record.value);
  return json ? (*json)["state"] : Json();
}

}  // namespace

void Operators::change_machine(Random& random) {
  const Machine machine = any_machine(random).self();
  const uint64_t what = random.below(6);
  if (what < 2) return drain(random, machine);
  if (what == 5) return remove_machine(random);
  const MachineState to = what == 2 ? MachineState::standby : MachineState::active;
  SimMachine& through = any_machine(random);
  const Daemon* daemon = through.daemon();
  if (daemon == nullptr) return;
  (void)world_.execute(
      through, std::format("{} {}", machine.name, to_string(to)),
      [&through, id = machine.id, to, daemon](Engine&, std::stop_token) -> Result<Operation> {
        TRY(change_machine_state(through.store(), *daemon->clock, id, to));
        return Operation{};
      });
}

// What arrives is as good as what a registry would send; the line may be cut like any other.
CopyImage Operators::image_copier() {
  return [this](const ImageCopy& copy, const MachineId&, const EventSink&,
                std::stop_token) -> Status {
    SimMachine* to = world_.machine(copy.to);
    if (to == nullptr || to->daemon() == nullptr) {
      return fail(Code::unavailable, copy.to_name + " does not answer");
    }
    TRY(to->images.pull(copy.image_id));
    return {};
  };
}

// Its operations are answers of their own: the last one is what is told, the journal has the others.
void Operators::drain(Random& random, const Machine& machine) {
  SimMachine& through = any_machine(random);
  const Daemon* daemon = through.daemon();
  if (daemon == nullptr) return;
  auto drained = std::make_shared<bool>(false);
  Answer answer = world_.execute(
      through, "drain " + machine.name,
      [this, &through, name = machine.name, daemon, drained](Engine& engine,
                                                             std::stop_token stop) -> Result<Operation> {
        MachineDrain drain({engine, through.store(), *daemon->clock, *daemon->entropy,
                            image_copier()});
        const DrainReport report = TRY(drain.run(name, {}, stop));
        *drained = report.end == DrainReport::End::drained;
        if (report.steps.empty()) return Operation{};
        return engine.operation(report.steps.back().operation);
      },
      maybe_cancel(random));
  // Facts were asked for again since its last plan.
  answer.prepared = true;
  if (!answer.lost && answer.result && !answer.result->id.empty()) told(answer);
  if (*drained) world_.trace.counts.add(Count::drained);
}

void Operators::remove_the_dead(Random& random, bool disturbed) {
  for (const auto& machine : world_.machines) {
    if (!machine->dead()) continue;
    run_removal(*machine, {machine->self().name, true, false, true},
                disturbed ? maybe_cancel(random) : std::nullopt);
  }
}

// What it does to namespaces are operations of their own, which the journal has.
void Operators::run_removal(SimMachine& victim, const RemovalRequest& request,
                            std::optional<uint64_t> cancel) {
  through_another(
      victim, std::format("machine rm {}{}", request.machine, request.force ? " --force" : ""),
      [request](MachineRemoval& removal, std::stop_token stop) {
        return removal.run(request, {}, stop).transform([](const RemovalReport&) {
          return Operation{};
        });
      },
      cancel);
  const auto members = world_.store.records(Bucket::machines);
  if (victim.dead() || std::ranges::contains(members, victim.self().id.str(), &Record::key)) return;
  world_.trace.note("machine has left", victim.self().name);
  world_.trace.counts.add(Count::removed_machines);
  world_.switch_off(victim);
}

void Operators::through_another(SimMachine& victim, const std::string& what, const Removing& work,
                                std::optional<uint64_t> cancel) {
  std::vector<SimMachine*> others = world_.living();
  std::erase(others, &victim);
  if (others.empty()) return;
  SimMachine& through = *others[world_.random.below(others.size())];
  const Daemon* daemon = through.daemon();
  if (daemon == nullptr) return;
  (void)world_.execute(
      through, what,
      [this, work, daemon, &through](Engine& engine, std::stop_token stop) {
        MachineRemoval removal({through.self().id}, {engine, through.store(), world_.rpc, *daemon->clock,
                                        *daemon->entropy, image_copier(), daemon->site->moves()});
        return work(removal, stop);
      },
      cancel);
}

void Operators::remove_machine(Random& random) {
  SimMachine& victim = any_machine(random);
  if (!world_.cluster.store_moves && world_.store.in_force().place.includes(victim.self().id)) return;
  if (world_.living().size() < world_.machines.size()) return;
  run_removal(victim, {victim.self().name, false, false, true}, maybe_cancel(random));
}

void Operators::end_removals() {
  for (int round = 0; round < kRemovalRounds; ++round) {
    const auto unfinished = unfinished_of(world_.store, kMachineRm);
    if (unfinished && unfinished->empty()) return;
    for (const JournaledOperation& found : *unfinished) {
      SimMachine* victim = world_.machine(machine_of(found.operation, kMachineRm));
      run_removal(*victim, {victim->self().name, false, false, true}, std::nullopt);
      const auto now = find_operation(world_.store, found.operation.id);
      if (!now || !*now || (*now)->operation.ended()) continue;
      through_another(
          *victim, "op abort " + found.operation.id.str(),
          [id = found.operation.id](MachineRemoval& removal, std::stop_token) {
            return removal.abort(id);
          },
          std::nullopt);
    }
    world_.scheduler.sleep_ns(kRemovalPauseNs);
  }
}

// Whoever died is out then, and every removal has ended: none of them may need more than that its
// command is given again.
void Operators::settle_removals() {
  for (int round = 0; round < kRemovalRounds; ++round) {
    keep_store_with_living();
    remove_the_dead(world_.random, false);
    const auto unfinished = unfinished_of(world_.store, kMachineRm);
    if (unfinished && unfinished->empty() && !world_.has_ghosts()) return;
    // One that could not end as long as the dead were members.
    for (const JournaledOperation& found : *unfinished) {
      SimMachine* victim = world_.machine(machine_of(found.operation, kMachineRm));
      if (!victim->dead()) run_removal(*victim, {victim->self().name, false, false, true}, {});
    }
    world_.scheduler.sleep_ns(kRemovalPauseNs);
  }
  world_.trace.violation("a removal by force does not come to an end");
}

void Operators::end_drains() {
  for (const Record& record : world_.store.records(Bucket::machines)) {
    if (state_of(record) != "drained") continue;
    for (const auto& [name, entry] : world_.newest()) {
      if (entry.commit.removed) continue;
      for (const CommittedService& service : entry.commit.services) {
        for (const CommittedInstance& instance : service.instances) {
          if (instance.machine.str() != record.key) continue;
          world_.trace.violation(std::format("machine {} is drained, and commit {} of {} has {} there",
                                             record.key, entry.sequence, name.str(),
                                             instance.id.str()));
        }
      }
    }
  }
  for (const Record& record : world_.store.records(Bucket::machines)) {
    auto json = parse_json(record.value);
    if (!json || state_of(record) == "active" || state_of(record) == "leaving") continue;
    (*json)["state"] = "active";
    (void)world_.store.update(Bucket::machines, record.key, to_text(*json), record.revision);
  }
}

}  // namespace ployz::sim

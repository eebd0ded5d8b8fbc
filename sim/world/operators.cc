#include "sim/world/operators.h"

#include <format>

#include "base/check.h"
#include "sim/world/data_requests.h"
#include "sim/world/manifests.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
constexpr int kSettleRounds = 6;

std::string describe(const Manifest& manifest) {
  std::string text = manifest.name_space.str();
  for (const Service& service : manifest.services) {
    text += std::format(" {}={}x{}{}", service.name.str(), service.container.image,
                        service.placement.replicas,
                        service.rollout == Rollout::recreate ? "r" : "");
    for (const Mount& mount : service.container.mounts) text += "+" + mount.volume.str();
  }
  return text;
}

}  // namespace

Operators::Operators(World& world, OutcomeChecker& outcomes, DataChecker& data)
    : world_(world), outcomes_(outcomes), data_(data) {
  namespaces_ = {NamespaceName("alpha")};
  if (world_.random.coin()) namespaces_.emplace_back("beta");
}

void Operators::work() {
  const uint64_t count = world_.random.between(1, 2);
  std::vector<ThreadId> operators;
  for (uint64_t i = 0; i < count; ++i) {
    operators.push_back(world_.scheduler.spawn_in(
        kWorld, [this, random = world_.random.fork()] { one_operator(random); }));
  }
  for (const ThreadId thread : operators) world_.scheduler.join(thread);
}

void Operators::one_operator(Random random) {
  const uint64_t commands = random.between(3, 8);
  for (uint64_t i = 0; i < commands; ++i) {
    one_command(random);
    // Some at once, some after a lease has expired.
    world_.scheduler.sleep_ns(random.below(random.coin() ? 2 * kSecond : 30 * kSecond));
  }
}

void Operators::one_command(Random& random) {
  const NamespaceName& name_space = namespaces_[random.below(namespaces_.size())];
  // An operator may give a dead machine up at any moment.
  if (random.below(8) == 0) remove_the_dead(random, true);
  if (world_.cluster.store_moves && random.below(3) == 0) move_store(random);
  switch (random.below(19)) {
    case 0:
      return remove(random, name_space);
    case 18:
      return change_machine(random);
    case 1:
    case 2:
    case 3:
      return resume_or_abort(random);
    case 4:
      return two_at_once(random);
    case 5:
    case 6:
    case 7:
    case 8:
      return deploy(random, name_space);
    default:
      return move_data(random);
  }
}

std::vector<Commit> Operators::log() {
  std::vector<Commit> log;
  for (const StoredCommit& stored : world_.store.log()) {
    auto commit = decode_commit(stored.bytes);
    if (commit) log.push_back(std::move(*commit));
  }
  return log;
}

void Operators::told(const Answer& answer, const Request* request) {
  outcomes_.on_answer(answer);
  data_.on_answer(answer, request);
}

Answer Operators::ask(Random& random, const Request& request, std::optional<uint64_t> cancel) {
  const Answer answer = world_.execute(
      any_machine(random), describe(request),
      [request](Engine& engine, std::stop_token stop) { return engine.run(request, {}, stop); },
      cancel);
  told(answer, &request);
  return answer;
}

void Operators::move_data(Random& random) {
  const auto request =
      random_data_request(random, world_.newest(), log(), namespaces_, machine_names());
  if (!request) return deploy(random, namespaces_.front());
  if (random.below(5) == 0) return prepare_and_apply(random, *request);
  (void)ask(random, *request, maybe_cancel(random));
}

// Sometimes at once, sometimes when what it was made from has moved, or it has expired; sometimes twice.
void Operators::prepare_and_apply(Random& random, const Request& request) {
  auto prepared = std::make_shared<std::optional<OperationId>>();
  const auto ttl = std::chrono::milliseconds(random.coin() ? 2000 : 600'000);
  (void)world_.execute(any_machine(random), "prepare " + describe(request),
                       [request, prepared, ttl](Engine& engine, std::stop_token) {
                         auto plan = engine.prepare(request, ttl);
                         if (!plan) return Result<Operation>(std::unexpected(plan.error()));
                         *prepared = plan->id;
                         return Result<Operation>(Operation{});
                       });
  if (!*prepared) return;
  world_.scheduler.sleep_ns(random.below(random.coin() ? kSecond : 20 * kSecond));
  const uint64_t times = random.between(1, 2);
  for (uint64_t i = 0; i < times; ++i) {
    Answer answer =
        world_.execute(any_machine(random), "apply prepared " + (*prepared)->str(),
                       [id = **prepared](Engine& engine, std::stop_token stop) {
                         return engine.apply_prepared(id, {}, stop);
                       },
                       maybe_cancel(random));
    answer.prepared = true;
    told(answer, &request);
  }
}

// On one namespace, through any two daemons, at the same instant.
void Operators::two_at_once(Random& random) {
  const NamespaceName& name_space = namespaces_[random.below(namespaces_.size())];
  std::vector<ThreadId> both;
  for (int i = 0; i < 2; ++i) {
    both.push_back(world_.scheduler.spawn_in(
        kWorld, [this, &name_space, own = random.fork()]() mutable { deploy(own, name_space); }));
  }
  for (const ThreadId thread : both) world_.scheduler.join(thread);
}

SimMachine& Operators::any_machine(Random& random) {
  const std::vector<SimMachine*> living = world_.living();
  return *living[random.below(living.size())];
}

std::vector<std::string> Operators::machine_names() {
  std::vector<std::string> names;
  for (const SimMachine* machine : world_.living()) names.push_back(machine->self().name);
  return names;
}

std::optional<uint64_t> Operators::maybe_cancel(Random& random) {
  if (!random.chance_ppm(world_.faults.cancel)) return std::nullopt;
  // Among others while the steps run that take moments: snapshots and their pauses.
  constexpr std::array kLatest{60 * kMillisecond, 200 * kMillisecond, 10 * kSecond};
  return random.below(kLatest[random.below(kLatest.size())]);
}

void Operators::deploy(Random& random, const NamespaceName& name_space) {
  const bool bad = random.chance_ppm(world_.faults.bad_image);
  const DeployRequest request{random_manifest(random, name_space, bad, machine_names()),
                              random.below(4) > 0};
  const auto cancel = maybe_cancel(random);
  const Answer answer = world_.execute(
      any_machine(random), "deploy " + describe(request.manifest),
      [request](Engine& engine, std::stop_token stop) { return engine.run(request, {}, stop); },
      cancel);
  told(answer);
}

void Operators::remove(Random& random, const NamespaceName& name_space) {
  const Answer answer = world_.execute(
      any_machine(random), "namespace rm " + name_space.str(),
      [request = NamespaceRmRequest{name_space, false}](Engine& engine, std::stop_token stop) {
        return engine.run(request, {}, stop);
      },
      maybe_cancel(random));
  told(answer);
}

void Operators::resume_or_abort(Random& random) {
  const std::vector<Operation> operations = world_.operations();
  if (operations.empty()) return;
  // Mostly one that needs it.
  const Operation* chosen = &operations[random.below(operations.size())];
  for (const Operation& operation : operations) {
    if (!operation.ended() && random.coin()) chosen = &operation;
  }
  const OperationId id = chosen->id;
  const bool abort = random.coin();
  const Answer answer = world_.execute(
      any_machine(random), std::format("op {} {}", abort ? "abort" : "resume", id.str()),
      [id, abort](Engine& engine, std::stop_token stop) {
        return abort ? engine.abort(id, {}) : engine.resume(id, {}, stop);
      },
      maybe_cancel(random));
  told(answer);
}

void Operators::settle() {
  end_moves();
  end_removals();
  end_drains();
  // With a dead machine in the network not everything can be settled, but nothing may be claimed
  // that is not so.
  if (world_.living().size() < world_.machines.size()) {
    if (world_.random.coin()) settle_unfinished();
    settle_removals();
  }
  settle_unfinished();
  for (const NamespaceName& name_space : namespaces_) {
    if (world_.random.coin() || stands_on_the_dead(name_space)) final_deploy(name_space);
  }
  if (world_.random.below(3) == 0) final_journey();
  end_moves();
  // What branches of the dead machine's ran there runs nowhere: their own affair.
  for (const auto& [name_space, entry] : world_.newest()) {
    if (stands_on_the_dead(name_space)) final_deploy(name_space);
  }
}

void Operators::settle_unfinished() {
  // Everybody looks: a lease of a clock that is ahead shows only in time that nobody renews it.
  for (SimMachine* machine : world_.living()) {
    (void)world_.execute(*machine, "op ls", [](Engine& engine, std::stop_token) {
      auto listed = engine.operations(100);
      if (!listed) return Result<Operation>(std::unexpected(listed.error()));
      return Result<Operation>(Operation{});
    });
  }
  world_.scheduler.sleep_ns(20 * kSecond);  // a lease's life
  for (int round = 0; round < kSettleRounds; ++round) {
    bool unfinished = false;
    for (const Operation& operation : world_.operations()) {
      if (operation.ended()) continue;
      unfinished = true;
      settle_one(operation);
    }
    if (!unfinished) break;
    world_.scheduler.sleep_ns(20 * kSecond);
  }
}

bool Operators::stands_on_the_dead(const NamespaceName& name_space) {
  const auto newest = world_.newest();
  const auto entry = newest.find(name_space);
  if (entry == newest.end()) return false;
  for (const CommittedService& service : entry->second.commit.services) {
    for (const CommittedInstance& instance : service.instances) {
      const SimMachine* machine = world_.machine(instance.machine);
      if (machine && machine->dead()) return true;
    }
  }
  return false;
}

// By a command on its namespace, a resume or an abort, as the seed wants.
void Operators::settle_one(const Operation& operation) {
  Random& random = world_.random;
  const OperationId id = operation.id;
  const uint64_t way = random.below(3);
  if (way == 0) return final_deploy(operation.name_space);
  const Answer answer = world_.execute(
      any_machine(random), std::format("settle: op {} {}", way == 1 ? "abort" : "resume", id.str()),
      [id, way](Engine& engine, std::stop_token stop) {
        return way == 1 ? engine.abort(id, {}) : engine.resume(id, {}, stop);
      });
  told(answer);
}

// Asks for nothing that could be refused, and is not what an earlier commit was made from.
DeployRequest Operators::harmless_deploy(const NamespaceName& name_space) {
  Random& random = world_.random;
  std::set<MachineId> living;
  for (SimMachine* machine : world_.living()) living.insert(machine->self().id);
  const auto newest = world_.newest();
  const auto entry = newest.find(name_space);
  std::set<ServiceName> homeless;
  if (entry != newest.end()) homeless = homeless_services(entry->second.commit, living);
  DeployRequest request{random_manifest(random, name_space, false, machine_names(), homeless), true};
  for (VolumeSpec& volume : request.manifest.volumes) volume.quota_bytes.reset();
  for (Service& service : request.manifest.services) {
    std::erase_if(service.routes,
                  [](const Route& route) { return route.hostnames.front() == "shared.example"; });
    service.container.env["FINAL"] = std::to_string(random.below(1'000'000));
  }
  return request;
}

void Operators::final_journey() {
  Random& random = world_.random;
  const uint64_t commands = random.between(2, 6);
  for (uint64_t i = 0; i < commands; ++i) {
    const auto request =
        random_data_request(random, world_.newest(), log(), namespaces_, machine_names());
    if (!request) return;
    const Answer answer = ask(random, *request, std::nullopt);
    if (!world_.has_ghosts()) outcomes_.must_not_fail(answer, describe(*request));
    world_.scheduler.sleep_ns(random.below(4 * kSecond));
  }
}

void Operators::final_deploy(const NamespaceName& name_space) {
  Random& random = world_.random;
  const DeployRequest request = harmless_deploy(name_space);
  const Answer answer = world_.execute(
      any_machine(random), "final deploy " + describe(request.manifest),
      [request](Engine& engine, std::stop_token stop) { return engine.run(request, {}, stop); });
  told(answer);
  if (world_.has_ghosts()) return;
  outcomes_.must_succeed(answer, "a deploy without faults");
  const Answer again = world_.execute(
      any_machine(random), "and again " + describe(request.manifest),
      [request](Engine& engine, std::stop_token stop) { return engine.run(request, {}, stop); });
  told(again);
  outcomes_.must_be_unchanged(again);
}

}  // namespace ployz::sim

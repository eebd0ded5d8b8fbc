#include "sim/checkers/settled_checker.h"

#include <format>

#include "router/projection.h"

namespace ployz::sim {
namespace {

struct Expected {
  CommittedInstance instance;
  RevisionId revision;
};

using ExpectedInstances = std::map<InstanceId, Expected>;

void check_instance(World& world, const SimMachine& machine, const FoundInstance& found,
                    const Expected& wanted) {
  const auto complain = [&](std::string_view what) {
    world.trace.violation(std::format("instance {} of {}/{} on {}: {}", found.id.str(),
                                      found.name_space.str(), found.service.str(),
                                      machine.self().name, what));
  };
  if (found.state != InstanceState::running) complain("does not run");
  if (found.address != wanted.instance.address) complain("has another address than committed");
  if (found.revision != wanted.revision) complain("has another revision than committed");
  if (machine.self().id != wanted.instance.machine) complain("is on another machine");
}

void check_containers(World& world, ExpectedInstances expected) {
  for (SimMachine* machine : world.living()) {
    for (const FoundInstance& found : machine->containers.all()) {
      const auto it = expected.find(found.id);
      if (it == expected.end()) {
        world.trace.violation(std::format("container {} of {}/{} (operation {}) on {} is in no "
                                          "newest commit",
                                          found.id.str(), found.name_space.str(),
                                          found.service.str(), found.operation.str(),
                                          machine->self().name));
        continue;
      }
      check_instance(world, *machine, found, it->second);
      expected.erase(it);
    }
  }
  for (const auto& [id, missing] : expected) {
    const SimMachine* machine = world.machine(missing.instance.machine);
    if (machine && machine->dead()) continue;
    world.trace.violation(std::format("instance {} of a newest commit does not exist on {}",
                                      id.str(), missing.instance.machine.str()));
  }
}

void check_serving(World& world, const SimMachine& machine, const Projection& projection,
                   const RouteTable& routes, const std::vector<Backend>& backends,
                   const DnsRecords& records) {
  const std::string& name = machine.self().name;
  if (!(routes == projection.routes)) {
    world.trace.violation(
        std::format("the gateway of {} does not serve the newest commits", name));
  }
  if (backends != projection.backends) {
    world.trace.violation(std::format("the gateway of {} has {} backends, the newest commits {}",
                                      name, backends.size(), projection.backends.size()));
  }
  if (records != projection.records) {
    world.trace.violation(std::format("DNS of {} does not serve the newest commits", name));
  }
}

}  // namespace

void check_settled(World& world) {
  const auto newest = world.newest();
  ExpectedInstances expected;
  for (const auto& [name_space, entry] : newest) {
    for (const CommittedService& service : entry.commit.services) {
      for (const CommittedInstance& instance : service.instances) {
        expected[instance.id] = {instance, service.revision};
      }
    }
  }
  check_containers(world, std::move(expected));
  const Projection projection = project(newest, world.cluster.config);
  for (SimMachine* machine : world.living()) {
    check_serving(world, *machine, projection, machine->gateway.serving(),
                  machine->gateway.taken(), machine->dns.serving());
  }
}

void check_caught_up(World& world) {
  const Projection projection = project(world.newest(), world.cluster.config);
  for (SimMachine* machine : world.living()) {
    const std::string& name = machine->self().name;
    if (!(machine->gateway.serving() == projection.routes)) {
      world.trace.violation(std::format("the gateway of {} did not catch up", name));
    }
    if (machine->dns.serving() != projection.records) {
      world.trace.violation(std::format("DNS of {} did not catch up", name));
    }
  }
}

}  // namespace ployz::sim

#include "bench/scale/agents.h"

#include <memory>

#include <unistd.h>

#include "agent/agent.h"
#include "base/check.h"
#include "drivers/nats/rpc.h"
#include "drivers/os/system_clock.h"
#include "sim/fakes/fake_containers.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/fake_images.h"
#include "sim/fakes/fake_step_journal.h"
#include "sim/fakes/no_hook.h"

namespace ployz::bench {
namespace {

class BenchMachine {
 public:
  BenchMachine(const Machine& self, const NatsProcess& nats)
      : images_(hook_),
        containers_(hook_, images_),
        host_(hook_),
        journal_(hook_, clock_),
        prober_(hook_, [this](std::string_view address) { return containers_.serves(address); }),
        agent_({self, "cluster.local"}, {containers_, images_, journal_, prober_, host_, clock_}),
        daemon_(nats.connect(self.id.str(), NatsRole::daemon)),
        router_(nats.connect(self.id.str(), NatsRole::router)),
        daemon_rpc_(*daemon_),
        router_rpc_(*router_) {
    for (const char* reference : {"shop/web:1", "shop/web:2"}) {
      images_.add(reference, image_id(reference), {.ready_after_ms = kReadyAfterMs});
    }
    id_ = self.id;
  }

  void run(const Commit& commit, const CommittedService& service,
           const CommittedInstance& instance) {
    const RunInstance run{instance.id,      commit.name_space, service.service.name,
                          service.revision, instance.address,  service.service.container};
    check(containers_.ensure_running({run, commit.operation, "", ""}).has_value(),
          "the fake engine runs everything");
  }

  void serve() {
    auto agent = daemon_rpc_.serve(id_, Target::agent,
                                   [this](const std::string& command, const Json& request) {
                                     return agent_.handle(command, request);
                                   });
    auto router = router_rpc_.serve(
        id_, Target::router, [](const std::string& command, const Json&) -> Result<Json> {
          return command == "ping" ? Json{{"version", "1"}, {"serving", true}} : Json::object();
        });
    check(agent.has_value() && router.has_value(), "the server lets every machine serve");
    serving_.push_back(std::move(*agent));
    serving_.push_back(std::move(*router));
  }

 private:
  sim::NoHook hook_;
  SystemClock clock_;
  sim::FakeImages images_;
  sim::FakeContainers containers_;
  sim::FakeHost host_;
  sim::FakeStepJournal journal_;
  sim::FakeProber prober_;
  Agent agent_;
  std::unique_ptr<NatsConnection> daemon_;
  std::unique_ptr<NatsConnection> router_;
  NatsRpc daemon_rpc_;
  NatsRpc router_rpc_;
  MachineId id_;
  std::vector<std::unique_ptr<Subscription>> serving_;
};

}  // namespace

int serve_agents(const BigCluster& cluster, const NatsProcess& nats, size_t bare, int ready,
                 int stop) {
  std::map<MachineId, std::unique_ptr<BenchMachine>> machines;
  for (const Machine& machine : cluster.machines) {
    machines[machine.id] = std::make_unique<BenchMachine>(machine, nats);
  }
  for (const Commit& commit : cluster.commits) {
    for (const CommittedService& service : commit.services) {
      for (const CommittedInstance& instance : service.instances) {
        machines.at(instance.machine)->run(commit, service, instance);
      }
    }
  }
  for (const auto& [id, machine] : machines) machine->serve();
  // The floor: a subscription that answers with a constant.
  std::vector<std::unique_ptr<NatsConnection>> connections;
  std::vector<std::unique_ptr<Subscription>> echoes;
  for (size_t i = 0; i < bare; ++i) {
    connections.push_back(nats.connect(bare_name(i), NatsRole::router));
    NatsConnection& connection = *connections.back();
    auto echo = connection.subscribe("ployz.rpc." + bare_name(i) + ".router.bare",
                                     [&connection](NatsMessage request) {
                                       (void)connection.publish({request.reply, "{}", {}});
                                     });
    check(echo.has_value(), "a router may answer its own subjects");
    echoes.push_back(std::move(*echo));
  }
  check(write(ready, "r", 1) == 1, "the benchmark waits");
  char byte = 0;
  (void)!read(stop, &byte, 1);
  _exit(0);  // nothing of this is worth taking down in order
}

}  // namespace ployz::bench

// The whole simulated cluster of one seed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "sim/world/machine.h"

namespace ployz::sim {

struct WorldOptions {
  uint64_t seed = 0;
  bool verbose = false;
  Mutation mutation = Mutation::none;
};

// What an operator who ran a command learnt.
struct Answer {
  bool lost = false;  // the daemon was away or died: nothing is known
  Result<Operation> result = Operation{};
  // As it was when the command began.
  uint64_t disturbances_before = 0;
  std::set<std::string> operations_before;
  bool prepared = false;  // the plan was made by an earlier command
  // Who answered the coordinator's last question for facts.
  std::map<MachineId, bool> facts;
};

class World {
 public:
  World(Scheduler& scheduler, const WorldOptions& options, Trace& trace);

  // Daemons and routers run and serve when it returns; no faults yet.
  void start();
  // Faults from now on.
  void disturb();
  // No more faults; everybody is up again when it returns.
  void calm();

  // Ends all daemons and routers in good order.
  void stop();

  using Command = std::function<Result<Operation>(Engine&, std::stop_token)>;
  // Runs a command in a machine's daemon as its API would; `cancel_after_ns`: Ctrl-C.
  [[nodiscard]] Answer execute(SimMachine& machine, std::string_view what, Command command,
                               std::optional<uint64_t> cancel_after_ns = std::nullopt);

  // Looks from outside, without calls.
  [[nodiscard]] std::map<NamespaceName, CommitEntry> newest();
  // Those of namespaces.
  [[nodiscard]] std::vector<Operation> operations();
  [[nodiscard]] SimMachine* machine(const MachineId& id);
  // Whether something answers at this address to a machine.
  [[nodiscard]] bool serves(MachineIndex from, std::string_view address);
  // Machines that have not died.
  [[nodiscard]] std::vector<SimMachine*> living();
  // It is there no more.
  void switch_off(SimMachine& victim);
  // Whether what the store is on, or is about to be on, does without this machine.
  [[nodiscard]] bool may_lose(const SimMachine& victim);
  // Every living machine follows the store in force, which takes writes.
  [[nodiscard]] bool store_is_settled();
  // A dead machine still belongs to the network.
  [[nodiscard]] bool has_ghosts();
  // Counts what may leave something behind in a gateway for a while.
  [[nodiscard]] uint64_t disturbances() const;

  Random random;
  Faults faults;
  Trace& trace;
  Scheduler& scheduler;
  size_t machine_count;
  Network network;
  SimHook hook;
  Stores store;
  PeerHook peer_hook;
  FakeRpc rpc;
  FakeRpc peers;
  Cluster cluster;
  std::vector<std::unique_ptr<SimMachine>> machines;

 private:
  struct Call {
    ProcessId process = kWorld;
    bool done = false;
    Answer answer;
    std::stop_source cancel;
  };
  void crash(ProcessId process);
  void befall(SimHook::Calamity calamity);
  void lose_calls(ProcessId process);
  void add_images(SimMachine& machine);
  void wait_until_up();

  std::vector<std::shared_ptr<Call>> calls_;  // in the order they began
  std::map<ThreadId, std::map<MachineId, bool>> facts_of_;  // by command
};

}  // namespace ployz::sim

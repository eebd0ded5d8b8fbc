// A machine's part when the store moves, as StoreHost does it on real machines (apps/ployzd/store_host.h):
// it runs servers, copies, freezes and decides where it holds the store, and follows what was decided.
// What it decides is decided by the same code (mesh/store_decision.h).
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "mesh/store_steps.h"
#include "ports/machine_rpc.h"
#include "sim/world/mutant_transfers.h"
#include "sim/world/stores.h"

namespace ployz::sim {

// What of it is on a machine's disk.
struct StoreDisk {
  StoreEpoch followed;
  // The servers of this machine: two at most, of which one is of an even epoch.
  struct Server {
    PlacedStore* store = nullptr;
    bool running = false;
  };
  std::map<uint64_t, Server> servers;  // by epoch % 2
};

// Of one life of a machine's daemon.
class StoreSite final : public StoreSteps {
 public:
  struct Parts {
    SimHook& hook;
    Trace& trace;
    Network& network;
    Stores& stores;
    MachineStore& store;
    StoreDisk& disk;
    MachineRpc& rpc;
    MachineRpc& peers;
    const std::vector<Machine>& members;  // all that ever were
    Mutation mutation;
  };
  StoreSite(Machine self, MachineIndex index, Clock& clock, Random random, Parts parts)
      : self_(std::move(self)), index_(index), clock_(clock), random_(random), parts_(parts) {}

  // From now on what is decided is followed.
  void follow();
  // Its copy became the store.
  [[nodiscard]] Status recovered(const StoreEpoch& next) { return go_over(next); }
  // kStorePlace, of the peer port.
  [[nodiscard]] Json place() const { return to_json(parts_.disk.followed); }

 private:
  uint64_t epoch() const override { return parts_.disk.followed.epoch; }
  Status prepare(const StoreCall& call) override;
  Status discard(const StoreCall& call) override;
  Status form(const StoreCall& call) override;
  Status freeze(const StoreCall& call) override;
  Result<CopiedStore> copy(const StoreCall& call) override;
  Result<Decision> decide(const StoreCall& call, TransferState wanted) override;
  [[nodiscard]] Status copy_stream(FakeStore& to, StreamName stream, CopiedStore& copied);
  [[nodiscard]] Status look();
  [[nodiscard]] Status ask_peers();
  [[nodiscard]] Status settle(const StoredTransfer& newest, bool abandoned);
  [[nodiscard]] Status enforce(const StoredTransfer& newest);
  [[nodiscard]] Status end_former();
  [[nodiscard]] Status go_over(const StoreEpoch& next);

  [[nodiscard]] StoreDisk::Server& server(uint64_t epoch) {
    return parts_.disk.servers[epoch % 2];
  }
  // Of the store that this machine follows.
  [[nodiscard]] MutantTransfers transfers() {
    return {parts_.store.at().store, parts_.mutation};
  }
  [[nodiscard]] bool is_prepared(const StoreCall& call);
  void stop_server(uint64_t epoch);
  [[nodiscard]] Status whole(const PlacedStore& store);
  [[nodiscard]] Status eventually(std::chrono::milliseconds limit,
                                  const std::function<Status()>& attempt);
  // Of the machine itself: moments in which it may die.
  [[nodiscard]] Status step(std::string_view what);

  const Machine self_;
  const MachineIndex index_;
  Clock& clock_;
  Random random_;
  const Parts parts_;
  std::optional<StoredTransfer> enforced_;  // guarded by changing_
  std::jthread follower_;
};

}  // namespace ployz::sim

// This machine's part when the control plane's store moves (mesh/store_transfer.h): it runs a server of
// the next epoch beside its own, copies, freezes and decides where it holds the store, and follows what
// was decided. Nothing here trusts whoever coordinates: what holds is in the store's EPOCH stream.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/result.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/epoch_log.h"
#include "drivers/nats/key_value.h"
#include "identity.h"
#include "mesh/roster_file.h"
#include "mesh/store_steps.h"
#include "model/removal_notice.h"
#include "mesh/store_recovery.h"
#include "ports/peer_calls.h"
#include "paths.h"
#include "ports/clock.h"
#include "ports/machine_rpc.h"
#include "ports/units.h"

namespace ployz {

class StoreHost final : public StoreSteps {
 public:
  struct Ports {
    NatsConnection& connection;  // of this machine's daemon, to the store in force
    MachineRpc& rpc;
    MachineRpc& peers;  // without the store (drivers/peer)
    Units& units;
    Clock& clock;
    Executor& executor;
    std::function<Identity()> identity;
    std::function<RosterFile::Members()> last_seen;
    // The network has removed this machine, which ends this very object: on another thread.
    std::function<Status(const RemovalNotice&)> removed;
  };
  // Goes over to another epoch of the store: identity, server, connection, router. Repeated until it
  // succeeds.
  using Switch = std::function<Status(const StoreEpoch&)>;

  StoreHost(Paths paths, Ports ports) : paths_(std::move(paths)), ports_(std::move(ports)) {}
  ~StoreHost() override;

  // From now on what is decided is followed, on a thread of its own.
  void follow(Switch go_over);
  // As long as one is held, peers are told that the store is being restored here. `conflict`: one is.
  struct EndRecovery {
    void operator()(std::atomic<bool>* recovering) const { *recovering = false; }
  };
  using Recovering = std::unique_ptr<std::atomic<bool>, EndRecovery>;
  [[nodiscard]] Result<Recovering> begin_recovery();
  [[nodiscard]] bool is_recovering() const { return recovering_; }
  // Restores the store from this machine's copy and goes over to it (mesh/store_recovery.h has decided
  // that). Repeated after a failure it begins anew.
  [[nodiscard]] Result<RestoredStore> recover(const StoreEpoch& next, const StoreReach& missing);
  // As the admin of this machine's copy of the store. `unavailable`: its server does not answer.
  [[nodiscard]] Result<std::unique_ptr<NatsConnection>> connect_to_copy() const;

 private:
  uint64_t epoch() const override { return ports_.identity().store.epoch; }
  Status prepare(const StoreCall& call) override;
  Status form(const StoreCall& call) override;
  Status discard(const StoreCall& call) override;
  Status freeze(const StoreCall& call) override;
  Result<CopiedStore> copy(const StoreCall& call) override;
  Result<Decision> decide(const StoreCall& call, TransferState wanted) override;
  [[nodiscard]] Status start_empty(const StoreCall& call);

  // The identity of this machine once `next` is in force.
  [[nodiscard]] Identity identity_in(const StoreEpoch& next) const;
  [[nodiscard]] Result<std::unique_ptr<NatsConnection>> connect(const Identity& identity,
                                                                bool as_admin) const;
  // To the server of the next epoch that was prepared here.
  [[nodiscard]] Result<std::unique_ptr<NatsConnection>> connect_next(const StoreCall& call) const;
  // What was frozen, verified there.
  [[nodiscard]] Result<CopiedStore> copy_stream(const std::string& stream, NatsConnection& to,
                                                int replicas) const;
  // Until it succeeds, or has not for so long.
  [[nodiscard]] Status eventually(std::chrono::milliseconds limit,
                                  const std::function<Status()>& attempt) const;
  // A server was started here for this very transfer, and is kept.
  [[nodiscard]] bool is_prepared(const StoreCall& call) const;
  [[nodiscard]] Result<RestoredStore> restore_copy(const StoreCall& call,
                                                   const StoreReach& missing);
  [[nodiscard]] Result<uint64_t> restore_commits(NatsConnection& copy, NatsConnection& admin,
                                                 NatsConnection& daemon, uint64_t missing);
  // Of the other unit's server: 0 when it has none.
  [[nodiscard]] uint64_t other_epoch() const;
  [[nodiscard]] Status set_aside(uint64_t epoch, const OperationId& why);

  void run(const std::stop_token& stop);
  [[nodiscard]] Status look(const std::stop_token& stop);
  // The store does not answer: whether it has gone where this machine was not told of.
  [[nodiscard]] Status ask_peers();
  // `abandoned`: is_abandoned of it.
  [[nodiscard]] Status settle(const std::optional<StoredTransfer>& newest, bool abandoned);
  // Once for each record: whoever made it may have died before the freeze was what it says.
  [[nodiscard]] Status enforce(const StoredTransfer& newest);
  [[nodiscard]] Status end_former();

  const Paths paths_;
  const Ports ports_;
  std::atomic<bool> recovering_ = false;
  uint64_t frozen_at_ms_ = 0;  // steady; guarded by changing_
  std::optional<StoredTransfer> enforced_;  // guarded by changing_
  Switch go_over_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool changed_ = true;  // guarded by mutex_
  uint64_t peers_asked_ms_ = 0;  // steady; of the follower's thread
  std::unique_ptr<Subscription> feed_;
  std::jthread follower_;
};

}  // namespace ployz

// Changes which machines hold the control plane's store: `machine storage promote`, and what `machine
// rm` does first for a machine that holds it. Any daemon can coordinate; docs/adr/0013.
//
//   prepare   each machine of the next epoch starts an empty server beside what runs
//   freeze    the store takes no more writes
//   copy      every stream, with its sequences, verified by hash
//   commit    one append in the former store: from then on the store is the next epoch's
//   switch    every machine sees that commit and goes over by itself
//
// What it promises:
// - Before the commit any failure leaves the former store as it was, taking writes again; when the
//   coordinator dies, as soon as its daemon is back and says so (mesh/moves_under_way.h), and after
//   kStoreDecision at the latest.
// - An acknowledged write is in the store that is in force, always.
// - Repeated: what earlier calls left, whoever made them, is ended first; nothing more is done when the
//   store is where it is wanted.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/journal.h"
#include "mesh/moves_under_way.h"
#include "mesh/roster.h"
#include "mesh/store_calls.h"
#include "mesh/store_report.h"
#include "model/operation.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

inline constexpr std::string_view kStorePromote = "storage_promote";

// What is asked of the machines' records: pure. `invalid`: a count that cannot be; `not_found`: no such
// machine; `precondition`: too few or too many machines are named, or one may not hold a store.
[[nodiscard]] Result<StoreEpoch> plan_store(const StoreRequest& request,
                                            const std::vector<Machine>& machines, uint64_t epoch);
// Where the records say that it is.
[[nodiscard]] StoreEpoch store_of(const std::vector<Machine>& machines, uint64_t epoch);

class StoreTransfer {
 public:
  struct Ports {
    KeyValue& records;  // of the store in force, whichever that is
    MachineRpc& rpc;
    Clock& clock;
    Entropy& entropy;
    MovesUnderWay& moves;  // of the daemon that this runs in
  };
  StoreTransfer(MachineId self, Ports ports) : self_(std::move(self)), ports_(ports) {}

  using Events = std::function<void(const Event&)>;
  // Errors: those of plan_store, `conflict` when another one is under way, and then nothing was changed;
  // later ones carry the operation and say whether the store is as before. `unavailable` naming the
  // machine that does not answer.
  [[nodiscard]] Result<StoreReport> run(const StoreRequest& request, const Events& events,
                                        std::stop_token cancel);
  // Of an operation of this kind whose coordinator died: ends it as the store says that it ended, and
  // gives it up if that is open. Ended: as it is.
  [[nodiscard]] Result<Operation> settle(const OperationId& id);

 private:
  struct Work;
  [[nodiscard]] Status end_earlier();
  [[nodiscard]] Operation operation_of(const StoreReport& report);
  [[nodiscard]] Result<StoreReport> move(Work& work, const std::stop_token& cancel);
  [[nodiscard]] Status end(Operation& operation, Journal& journal, bool committed);
  [[nodiscard]] Status before_commit(Work& work, const std::stop_token& cancel);
  [[nodiscard]] static const MachineId& first_of(const Work& work);
  [[nodiscard]] Status start_servers(Work& work);
  [[nodiscard]] Status prepare(Work& work, const std::stop_token& cancel);
  [[nodiscard]] Status copy(Work& work);
  [[nodiscard]] Status check_not_settled(const Work& work);
  // Whether this operation made that epoch; if it is not decided, it will not.
  [[nodiscard]] Result<bool> has_moved(const Operation& operation, uint64_t epoch);
  [[nodiscard]] Result<Decision> decide(Work& work, std::string_view command);
  void discard(Work& work);
  void await_machines(Work& work, uint64_t epoch, uint64_t limit_ms);
  [[nodiscard]] Status ask_all(const std::vector<StoreMember>& members, std::string_view command,
                               const Json& request);
  // Each may be asked twice: whoever does not answer is asked again until `limit`, or until another one
  // has refused.
  [[nodiscard]] std::vector<Result<Json>> ask(const std::vector<MachineRpc::Call>& calls,
                                              std::chrono::milliseconds limit);
  [[nodiscard]] Result<Json> ask(const MachineId& machine, std::string_view command,
                                 const Json& request, std::chrono::milliseconds limit);
  void note(const Work& work, Phase phase, std::string text);

  const MachineId self_;
  const Ports ports_;
};

}  // namespace ployz

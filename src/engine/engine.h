// Executes operations: the only thing in Ployz that mutates a cluster. Every operation runs the
// phases plan, lock, probe, apply, commit, flip, cleanup (product.md), journalled in the store so
// that any daemon can finish or undo what another began.
//
// What it promises:
// - Before the commit is appended every failure undoes the steps done, in reverse; the previous
//   commit serves on.
// - The append is attempted only after the journal says so. An append of unknown outcome is
//   repeated; with the store gone the operation stays `interrupted` and NOTHING is undone until
//   a later command settles it: the newest commit is ours (finish), or a fence commit was accepted
//   in its place (undo).
// - After the commit, failures leave `committed_cleanup_pending`.
// - A coordinator that was replaced (a higher attempt in the journal) changes nothing any more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/operation.h"
#include "plan/deploy.h"
#include "plan/snapshot.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

using Request = std::variant<DeployRequest, NamespaceRmRequest>;

// Called on the engine's threads, one call at a time.
using EventSink = std::function<void(const Event&)>;

struct EngineConfig {
  MachineId self;
  ClusterConfig cluster;
  std::chrono::milliseconds rpc_timeout{5000};  // facts, probe, short steps
  std::chrono::milliseconds step_slack{15000};  // over a step's own bound (start period, grace)
  std::chrono::milliseconds flip_timeout{5000};
  std::chrono::milliseconds lease_ttl{15000};
};

class LeaseSightings;
class RunningOperations;
class UnfinishedOperations;

class Engine {
 public:
  struct Ports {
    CommitLog& commits;
    KeyValue& records;
    MachineRpc& rpc;
    Clock& clock;
    Entropy& entropy;
    Executor& executor;
  };

  Engine(EngineConfig config, Ports ports);

  // The plan without running it; what previews print. Changes nothing.
  [[nodiscard]] Result<Plan> preview(const Request& request);

  // Runs to the end. An unfinished operation of the same namespace is settled first (committed:
  // finished; not: undone), even when there is nothing else to do; a live one is `conflict` naming
  // it. Requesting `cancel` aborts: before
  // the commit it undoes (outcome aborted), after it only the waiting ends. An Error return means
  // that no operation was recorded (bad request, refused at plan, store away).
  [[nodiscard]] Result<Operation> run(const Request& request, const EventSink& events,
                                      std::stop_token cancel);

  // Takes over an operation whose lease has expired or whose coordinator is this daemon's own
  // former life. resume: forward from its journal. abort: undo; once committed: finish, and then
  // `precondition` says so. `conflict` while it is live elsewhere. Ended operations: returned as
  // they are.
  [[nodiscard]] Result<Operation> resume(const OperationId& id, const EventSink& events,
                                         std::stop_token cancel);
  [[nodiscard]] Result<Operation> abort(const OperationId& id, const EventSink& events);

  // Marked `interrupted` when running without a live lease. Newest first.
  [[nodiscard]] Result<std::vector<Operation>> operations(size_t limit);
  [[nodiscard]] Result<Operation> operation(const OperationId& id);

  // Commits, machines and live facts, as planners get them; also what `status` and `ps` show.
  [[nodiscard]] Result<Snapshot> snapshot(const std::vector<std::string>& images);

 private:
  EngineConfig config_;
  Ports ports_;
  std::shared_ptr<RunningOperations> running_;  // of this process: tells a former life from now
  std::shared_ptr<LeaseSightings> sightings_;
  std::shared_ptr<UnfinishedOperations> unfinished_;
};

}  // namespace ployz

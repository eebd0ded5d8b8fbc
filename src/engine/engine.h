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

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/operation.h"
#include "plan/deploy.h"
#include "plan/requests.h"
#include "plan/snapshot.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

using Request =
    std::variant<DeployRequest, NamespaceRmRequest, BranchRequest, ForkVolumeRequest,
                 MigrateRequest, EvacuateRequest, AbandonRequest, PromoteRequest, RollbackRequest,
                 VolumeSnapshotRequest, VolumeRmRequest, VolumePruneRequest>;

// A plan that was saved to be applied later, exactly as it is.
struct PreparedPlan {
  OperationId id;  // of the operation that will run it
  uint64_t expires_at_ms = 0;
  Plan plan;
  // The newest commit's, of the namespaces that it was made from; 0: none.
  std::map<NamespaceName, uint64_t> sequences;
};

struct SnapshotQuery {
  std::vector<std::string> images = {};    // references to look up
  bool datasets = false;                   // whether the machines list theirs
  std::vector<NamespaceName> history = {}; // whose former commits
};

inline constexpr std::chrono::hours kMaxPreparedTtl{24 * 7};

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

  // The plan, to be run by apply_prepared within `ttl` (at most kMaxPreparedTtl: `invalid`). Nothing
  // but its record is made. `precondition`: there is nothing to do.
  [[nodiscard]] Result<PreparedPlan> prepare(const Request& request, std::chrono::milliseconds ttl);
  // Runs it as `run` does, under its own id and never another plan. Repeated after success: the
  // recorded operation; after an interruption: goes on. `not_found`; `precondition`, nothing was
  // changed: it has expired, one of its namespaces has moved since, or it was tried before and did
  // not succeed; `conflict`: it is live.
  [[nodiscard]] Result<Operation> apply_prepared(const OperationId& id, const EventSink& events,
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
  [[nodiscard]] Result<Snapshot> snapshot(const SnapshotQuery& query);
  // What the store says of that: nobody is asked.
  [[nodiscard]] Result<Snapshot> stored();

 private:
  EngineConfig config_;
  Ports ports_;
  std::shared_ptr<RunningOperations> running_;  // of this process: tells a former life from now
  std::shared_ptr<LeaseSightings> sightings_;
  std::shared_ptr<UnfinishedOperations> unfinished_;
};

}  // namespace ployz

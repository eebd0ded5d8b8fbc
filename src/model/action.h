// The typed effects a plan is made of. Each is executed by one machine's agent or router and is
// idempotent: repeated with the same content it succeeds and changes nothing more.
#pragma once

#include <chrono>
#include <map>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "model/dataset.h"
#include "model/names.h"
#include "model/service.h"

namespace ployz {

// The image is on the machine with this very id, pulled if needed. Undo: none, it is a cache.
struct EnsureImage {
  std::string reference;
  std::string image_id;
  bool operator==(const EnsureImage&) const = default;
};

// A container of this id runs. Labels and PLOYZ_* environment are derived from these fields.
struct RunInstance {
  InstanceId instance;
  NamespaceName name_space;
  ServiceName service;
  RevisionId revision;
  std::string address;  // empty unless network = overlay
  ContainerSpec spec;
  std::map<VolumeName, DatasetId> datasets;  // behind the spec's mounts
  bool operator==(const RunInstance&) const = default;
};

// Returns when the instance is ready; `precondition` when it exited, or was not ready within the
// start period — with the last probe's answer and the tail of its log in the message/context.
struct AwaitReady {
  InstanceId instance;
  std::string address;  // empty (network = host): 127.0.0.1
  Readiness readiness;
  uint16_t port = 0;  // the container port behind readiness.port
  bool operator==(const AwaitReady&) const = default;
};

// SIGTERM, grace, SIGKILL; the container stays and can be started again.
struct StopInstance {
  InstanceId instance;
  std::chrono::milliseconds grace{10000};
  bool operator==(const StopInstance&) const = default;
};

struct StartInstance {
  InstanceId instance;
  bool operator==(const StartInstance&) const = default;
};

struct RemoveInstance {
  InstanceId instance;
  std::chrono::milliseconds grace{10000};
  bool operator==(const RemoveInstance&) const = default;
};

// Router: take slots and health-check the servers of the operation's candidate commit, so that the
// flip is only a switch of maps and can no longer fail for lack of anything. The candidate travels
// in StepRequest::candidate.
struct PrepareRoutes {
  bool operator==(const PrepareRoutes&) const = default;
};

// Router: give back what PrepareRoutes took for this operation.
struct DiscardRoutes {
  bool operator==(const DiscardRoutes&) const = default;
};

// Router: returns when no connection uses a server that the newest commit of the namespace does
// not name, or after `limit` (then they are cut), and forgets those servers.
struct DrainRoutes {
  NamespaceName name_space;
  std::chrono::milliseconds limit{10000};
  bool operator==(const DrainRoutes&) const = default;
};

// Router: returns when the servers of the namespace's newest commit accept connections and requests
// go there again, at the latest after `limit`; those that do not are left to the gateway's health
// checks, which is no error. Before old instances are stopped it does nothing (limit 0); as the undo
// of that it makes "the previous commit serves" true when the operation returns.
struct AwaitRoutes {
  NamespaceName name_space;
  std::chrono::milliseconds limit{0};
  bool operator==(const AwaitRoutes&) const = default;
};

// A new, empty dataset. Undo: DestroyDataset.
struct EnsureDataset {
  DatasetSpec spec;
  bool operator==(const EnsureDataset&) const = default;
};

// Snapshots of one machine's datasets, all of them or none. `pause`: instances that stand still for
// the moment of it. Result: {"paused_us"}. Undo: DestroySnapshots.
struct SnapshotDatasets {
  std::vector<DatasetId> datasets;
  SnapshotName snapshot;
  std::vector<InstanceId> pause;
  bool operator==(const SnapshotDatasets&) const = default;
};

// A new writable dataset with the content of a snapshot on this machine. Undo: DestroyDataset.
struct CloneDataset {
  DatasetSpec spec;
  DatasetOrigin source;
  bool operator==(const CloneDataset&) const = default;
};

// A dataset of another machine arrives here, directly: as a new dataset, or, in a later round, only
// what changed since. What both machines have already is not sent. Returns when the snapshot is here
// and verified. Result: {"bytes", "base": guid or ""}. Undo: DestroyDataset.
struct ReceiveDataset {
  DatasetSpec spec;
  MachineId from;
  DatasetOrigin source;
  // A round while writers go on: skipped when the one before it has sent next to nothing.
  bool live = false;
  bool operator==(const ReceiveDataset&) const = default;
};

struct DestroyDataset {
  DatasetId dataset;
  bool operator==(const DestroyDataset&) const = default;
};

struct DestroySnapshots {
  std::vector<DatasetId> datasets;
  SnapshotName snapshot;
  bool operator==(const DestroySnapshots&) const = default;
};

struct SetQuota {
  DatasetId dataset;
  std::optional<uint64_t> quota_bytes;
  bool operator==(const SetQuota&) const = default;
};

// Instances stand still until ResumeInstances, at most for `limit`: then the machine resumes them by
// itself, and also when its daemon starts. Undo: ResumeInstances.
struct PauseInstances {
  std::vector<InstanceId> instances;
  std::chrono::milliseconds limit{2000};
  bool operator==(const PauseInstances&) const = default;
};

// Result: {"paused_us"}. `precondition` when the limit had passed before (what was meant to happen in
// between may not be of one instant), except as an undo.
struct ResumeInstances {
  std::vector<InstanceId> instances;
  bool operator==(const ResumeInstances&) const = default;
};

using Action = std::variant<EnsureImage, RunInstance, AwaitReady, StopInstance, StartInstance,
                            RemoveInstance, PrepareRoutes, DiscardRoutes, DrainRoutes, AwaitRoutes,
                            EnsureDataset, SnapshotDatasets, CloneDataset, ReceiveDataset,
                            DestroyDataset, DestroySnapshots, SetQuota, PauseInstances,
                            ResumeInstances>;

// "run_instance", … : the tag in JSON.
[[nodiscard]] std::string_view kind_of(const Action& action);
// One line for a person, without secrets: "start web-01arz3 (10.101.0.7)". Machines are named by
// `name_of`; without it by their ids.
using MachineNaming = std::function<std::string(const MachineId&)>;
[[nodiscard]] std::string describe(const Action& action, const MachineNaming& name_of = {});
[[nodiscard]] Json to_json(const Action& action);
[[nodiscard]] Result<Action> action_from_json(const Json& json);

}  // namespace ployz

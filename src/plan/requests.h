// What an operator can ask of a namespace: the first argument of every planner. Values, checked for
// form (names, ids) where they come in.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/manifest.h"
#include "model/names.h"

namespace ployz {

struct DeployRequest {
  Manifest manifest;
  // false (`deploy service`): services and volumes the manifest does not name stay as they are.
  bool whole_namespace = true;
  // Decides what becomes of the data when the manifest is simply an earlier one (product.md, Rollback).
  std::optional<RollbackData> state{};
};

struct NamespaceRmRequest {
  NamespaceName name_space;
  bool volumes = false;  // deletes their data too
};

// branch: start from the source's state (a volume: its data; a service: the very image that runs).
// fresh: start anew (a volume: empty; a service: the image its tag names now).
enum class BranchMode { branch, fresh };
// pause: writers stand still for the moment of the snapshots. crash: as after a power failure.
enum class Consistency { pause, crash };

struct BranchRequest {
  NamespaceName source;
  NamespaceName target;
  BranchMode service_mode = BranchMode::branch;
  BranchMode volume_mode = BranchMode::fresh;
  std::map<ServiceName, BranchMode> services;
  std::map<VolumeName, BranchMode> volumes;
  std::optional<Consistency> consistency;  // absent: pause when more than one volume is branched
};

struct ForkVolumeRequest {
  NamespaceName source;
  VolumeName volume;
  NamespaceName target;
  VolumeName new_name;
  std::optional<Consistency> consistency;  // absent: crash
};

struct MigrateRequest {
  NamespaceName name_space;
  ServiceName service;
  std::string to;  // a machine's name or id
};

// A step of a drain: services without volumes stand elsewhere before they stop on the machine, and
// volumes that nobody mounts move. Services with volumes are migrated.
struct EvacuateRequest {
  NamespaceName name_space;
  MachineId machine;
  std::vector<ServiceName> only;  // for questions: these services and no volume; empty: all of it
};

// What is to become of a namespace that lost a machine, for good, with all that it had there: volumes
// end, and services that mount one of them; of others what stood there stands elsewhere. For a
// machine that is in the network no more.
struct AbandonRequest {
  NamespaceName name_space;
  MachineId machine;
  std::vector<ServiceName> ended;    // that fit nowhere, and of which nothing is left
  std::vector<ServiceName> reduced;  // what is left of them goes on, and nothing comes anew
};

struct PromoteRequest {
  NamespaceName from;
  NamespaceName target;
  std::map<VolumeName, PromoteData> volumes;
  std::optional<Consistency> consistency;
};

struct RollbackRequest {
  NamespaceName name_space;
  std::string to;  // a commit id or unique prefix; empty: the previous one
  RollbackData state = RollbackData::last;
};

// A commit that changes nothing but can be rolled back to: every volume of the namespace as it is now.
struct VolumeSnapshotRequest {
  NamespaceName name_space;
  std::optional<Consistency> consistency;
};

// Takes the name away and deletes the data, that of former commits too.
struct VolumeRmRequest {
  NamespaceName name_space;
  VolumeName volume;
};

// Gives up the data that only former commits name, except that of the last `keep` of them.
struct VolumePruneRequest {
  NamespaceName name_space;
  size_t keep = 0;
};

}  // namespace ployz

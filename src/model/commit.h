// A commit: the immutable fact what a namespace consists of from now on. The newest one IS the
// namespace's state. Everything needed to serve and to restore it is inside (ADR 0002), so no other
// record can dangle.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/manifest.h"
#include "model/names.h"
#include "model/service.h"

namespace ployz {

inline constexpr int kCommitVersion = 1;
inline constexpr size_t kMaxCommitBytes = 7 << 20;  // below NATS max_payload 8 MB

struct CommittedInstance {
  InstanceId id;
  MachineId machine;
  std::string address;  // overlay IPv4; empty when the network mode is not overlay
  bool operator==(const CommittedInstance&) const = default;
};

struct CommittedService {
  Service service;  // container.image_id resolved
  RevisionId revision;
  std::vector<CommittedInstance> instances;
  bool operator==(const CommittedService&) const = default;
};

struct CommittedVolume {
  VolumeSpec spec;
  DatasetId dataset;
  MachineId machine;
  bool operator==(const CommittedVolume&) const = default;
};

// `fence` repeats its parent's content. It is appended only to settle an append whose outcome was
// unknown: of two appends with one expectation exactly one succeeds.
// `snapshot` and `prune` change nothing that is served: the first marks a moment one can roll back to,
// the second is the fact that data of former commits was given up. `fork` adds a volume, `volume_rm`
// takes one away.
enum class CommitKind {
  deploy, branch, migrate, promote, rollback, remove, fence, fork, snapshot, prune, volume_rm
};

// Whose state a commit took: the branched or promoted namespace's, or the former commit that a
// rollback restores.
struct CommitOrigin {
  NamespaceName name_space;
  CommitId commit;
  bool operator==(const CommitOrigin&) const = default;
};

struct Commit {
  CommitId id;
  NamespaceName name_space;
  OperationId operation;
  CommitKind kind = CommitKind::deploy;
  uint64_t parent_sequence = 0;  // 0: the namespace's first
  uint64_t created_at_ms = 0;
  std::string manifest_digest;
  std::vector<CommittedService> services;  // sorted by name
  std::vector<CommittedVolume> volumes;    // sorted by name
  // The namespace ends here; services are empty. Its volumes stay mapped unless they were to be
  // deleted too, and are there again when the namespace is.
  bool removed = false;
  std::optional<CommitOrigin> from;
  bool operator==(const Commit&) const = default;

  [[nodiscard]] const CommittedService* service(const ServiceName& name) const;
  [[nodiscard]] const CommittedVolume* volume(const VolumeName& name) const;
};

// A commit as the store holds it: `sequence` is its position in the stream, and what the next
// append to the namespace must expect.
struct CommitEntry {
  uint64_t sequence = 0;
  Commit commit;
};

[[nodiscard]] std::string_view to_string(CommitKind kind);
[[nodiscard]] Result<CommitKind> parse_commit_kind(std::string_view text);
[[nodiscard]] Json to_json(const Commit& commit);
// Code::corrupt for anything that is not a commit of a version this build knows.
[[nodiscard]] Result<Commit> commit_from_json(const Json& json);
[[nodiscard]] std::string encode(const Commit& commit);
[[nodiscard]] Result<Commit> decode_commit(std::string_view bytes);

}  // namespace ployz

// Field lists (codec.h) of the types of commit.h. For the .cc files of src/model/ only.
#pragma once

#include "model/commit.h"
#include "model/service_fields.h"

namespace ployz {

inline constexpr EnumNames<CommitKind, 11> kCommitKindNames{{{CommitKind::deploy, "deploy"},
                                                            {CommitKind::branch, "branch"},
                                                            {CommitKind::migrate, "migrate"},
                                                            {CommitKind::promote, "promote"},
                                                            {CommitKind::rollback, "rollback"},
                                                            {CommitKind::remove, "remove"},
                                                            {CommitKind::fence, "fence"},
                                                            {CommitKind::fork, "fork"},
                                                            {CommitKind::snapshot, "snapshot"},
                                                            {CommitKind::prune, "prune"},
                                                            {CommitKind::volume_rm, "volume_rm"}}};
constexpr const auto& enum_names(std::type_identity<CommitKind>) {
  return kCommitKindNames;
}

template <class Codec, Like<CommittedInstance> T>
void fields(Codec& codec, T& instance) {
  codec.field("id", instance.id);
  codec.field("machine", instance.machine);
  codec.field("address", instance.address);
}

template <class Codec, Like<CommittedService> T>
void fields(Codec& codec, T& service) {
  codec.field("service", service.service);
  codec.field("revision", service.revision);
  codec.field("instances", service.instances);
}

template <class Codec, Like<CommittedVolume> T>
void fields(Codec& codec, T& volume) {
  codec.field("spec", volume.spec);
  codec.field("dataset", volume.dataset);
  codec.field("machine", volume.machine);
}

template <class Codec, Like<CommitOrigin> T>
void fields(Codec& codec, T& origin) {
  codec.field("namespace", origin.name_space);
  codec.field("commit", origin.commit);
}

template <class Codec, Like<Commit> T>
void fields(Codec& codec, T& commit) {
  codec.version("version", kCommitVersion);
  codec.field("id", commit.id);
  codec.field("namespace", commit.name_space);
  codec.field("operation", commit.operation);
  codec.field("kind", commit.kind);
  codec.field("parent_sequence", commit.parent_sequence);
  codec.field("created_at_ms", commit.created_at_ms);
  codec.field("manifest_digest", commit.manifest_digest);
  codec.field("services", commit.services);
  codec.field("volumes", commit.volumes);
  codec.field("removed", commit.removed);
  codec.optional_field("from", commit.from);
}

}  // namespace ployz

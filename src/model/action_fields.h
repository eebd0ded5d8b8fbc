// Field lists (codec.h) of the actions. For the .cc files of src/model/ only.
#pragma once

#include "model/action.h"
#include "model/dataset_fields.h"
#include "model/service_fields.h"

namespace ployz {

template <class Codec, Like<EnsureImage> T>
void fields(Codec& codec, T& action) {
  codec.field("reference", action.reference);
  codec.field("image_id", action.image_id);
}

template <class Codec, Like<RunInstance> T>
void fields(Codec& codec, T& action) {
  codec.field("instance", action.instance);
  codec.field("namespace", action.name_space);
  codec.field("service", action.service);
  codec.field("revision", action.revision);
  codec.field("address", action.address);
  codec.field("spec", action.spec);
  codec.optional_field("datasets", action.datasets);
}

template <class Codec, Like<AwaitReady> T>
void fields(Codec& codec, T& action) {
  codec.field("instance", action.instance);
  codec.field("address", action.address);
  codec.field("readiness", action.readiness);
  codec.field("port", action.port);
}

template <class Codec, Like<StopInstance> T>
void fields(Codec& codec, T& action) {
  codec.field("instance", action.instance);
  codec.field("grace_ms", action.grace);
}

template <class Codec, Like<StartInstance> T>
void fields(Codec& codec, T& action) {
  codec.field("instance", action.instance);
}

template <class Codec, Like<RemoveInstance> T>
void fields(Codec& codec, T& action) {
  codec.field("instance", action.instance);
  codec.field("grace_ms", action.grace);
}

template <class Codec, Like<PrepareRoutes> T>
void fields(Codec&, T&) {}

template <class Codec, Like<DiscardRoutes> T>
void fields(Codec&, T&) {}

template <class Codec, Like<DrainRoutes> T>
void fields(Codec& codec, T& action) {
  codec.field("namespace", action.name_space);
  codec.field("limit_ms", action.limit);
}

template <class Codec, Like<AwaitRoutes> T>
void fields(Codec& codec, T& action) {
  codec.field("namespace", action.name_space);
  codec.field("limit_ms", action.limit);
}

template <class Codec, Like<EnsureDataset> T>
void fields(Codec& codec, T& action) {
  codec.field("spec", action.spec);
}

template <class Codec, Like<SnapshotDatasets> T>
void fields(Codec& codec, T& action) {
  codec.field("datasets", action.datasets);
  codec.field("snapshot", action.snapshot);
  codec.field("pause", action.pause);
}

template <class Codec, Like<CloneDataset> T>
void fields(Codec& codec, T& action) {
  codec.field("spec", action.spec);
  codec.field("source", action.source);
}

template <class Codec, Like<ReceiveDataset> T>
void fields(Codec& codec, T& action) {
  codec.field("spec", action.spec);
  codec.field("from", action.from);
  codec.field("source", action.source);
  codec.field("live", action.live);
}

template <class Codec, Like<DestroyDataset> T>
void fields(Codec& codec, T& action) {
  codec.field("dataset", action.dataset);
}

template <class Codec, Like<DestroySnapshots> T>
void fields(Codec& codec, T& action) {
  codec.field("datasets", action.datasets);
  codec.field("snapshot", action.snapshot);
}

template <class Codec, Like<SetQuota> T>
void fields(Codec& codec, T& action) {
  codec.field("dataset", action.dataset);
  codec.field("quota_bytes", action.quota_bytes);
}

template <class Codec, Like<PauseInstances> T>
void fields(Codec& codec, T& action) {
  codec.field("instances", action.instances);
  codec.field("limit_ms", action.limit);
}

template <class Codec, Like<ResumeInstances> T>
void fields(Codec& codec, T& action) {
  codec.field("instances", action.instances);
}

// {"kind": "run_instance", …the action's own fields}
template <>
struct JsonValue<Action> {
  static Json write(const Action& action) { return to_json(action); }
  static Status read(const Json& json, Action& action) {
    action = TRY(action_from_json(json));
    return {};
  }
};

}  // namespace ployz

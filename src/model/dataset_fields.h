// Field lists (codec.h) of the types of dataset.h. For the .cc files of src/model/ only.
#pragma once

#include "model/codec.h"
#include "model/dataset.h"

namespace ployz {

template <class Codec, Like<DatasetSnapshot> T>
void fields(Codec& codec, T& snapshot) {
  codec.field("name", snapshot.name);
  codec.field("guid", snapshot.guid);
  codec.field("created_at_ms", snapshot.created_at_ms);
}

template <class Codec, Like<DatasetOrigin> T>
void fields(Codec& codec, T& origin) {
  codec.field("dataset", origin.dataset);
  codec.field("snapshot", origin.snapshot);
}

template <class Codec, Like<DatasetSpec> T>
void fields(Codec& codec, T& spec) {
  codec.field("id", spec.id);
  codec.field("namespace", spec.name_space);
  codec.field("volume", spec.volume);
  codec.field("operation", spec.operation);
  codec.field("quota_bytes", spec.quota_bytes);
  codec.field("mode", spec.mode);
  codec.field("owner", spec.owner);
}

template <class Codec, Like<Dataset> T>
void fields(Codec& codec, T& dataset) {
  codec.field("spec", dataset.spec);
  codec.field("origin", dataset.origin);
  codec.field("created_at_ms", dataset.created_at_ms);
  codec.field("used_bytes", dataset.used_bytes);
  codec.field("snapshots", dataset.snapshots);
}

template <class Codec, Like<StoragePool> T>
void fields(Codec& codec, T& pool) {
  codec.field("driver", pool.driver);
  codec.field("atomic_multi_snapshot", pool.atomic_multi_snapshot);
  codec.field("size_bytes", pool.size_bytes);
  codec.field("free_bytes", pool.free_bytes);
  codec.field("overcommit_permille", pool.overcommit_permille);
}

}  // namespace ployz

// Field lists (codec.h) of the types of manifest.h. For the .cc files of src/model/ only.
#pragma once

#include "model/manifest.h"
#include "model/service_fields.h"

namespace ployz {

template <class Codec, Like<PromoteSection> T>
void fields(Codec& codec, T& promote) {
  codec.field("from", promote.from);
}

template <class Codec, Like<RollbackSection> T>
void fields(Codec& codec, T& rollback) {
  codec.field("to", rollback.to);
}

template <class Codec, Like<Manifest> T>
void fields(Codec& codec, T& manifest) {
  codec.field("namespace", manifest.name_space);
  codec.field("volumes", manifest.volumes);
  codec.field("services", manifest.services);
  codec.field("promote", manifest.promote);
  codec.field("rollback", manifest.rollback);
}

}  // namespace ployz

// Field lists (codec.h) of the actions. For the .cc files of src/model/ only.
#pragma once

#include "model/action.h"
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

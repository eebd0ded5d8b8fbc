// Field lists (codec.h) of the types of plan.h. For the .cc files of src/model/ only.
#pragma once

#include "model/action_fields.h"
#include "model/commit_fields.h"
#include "model/plan.h"

namespace ployz {

inline constexpr EnumNames<Target, 2> kTargetNames{
    {{Target::agent, "agent"}, {Target::router, "router"}}};
constexpr const auto& enum_names(std::type_identity<Target>) {
  return kTargetNames;
}

inline constexpr EnumNames<Change::Kind, 7> kChangeKindNames{{{Change::Kind::create, "create"},
                                                              {Change::Kind::replace, "replace"},
                                                              {Change::Kind::remove, "remove"},
                                                              {Change::Kind::keep, "keep"},
                                                              {Change::Kind::route, "route"},
                                                              {Change::Kind::scale, "scale"},
                                                              {Change::Kind::data, "data"}}};
constexpr const auto& enum_names(std::type_identity<Change::Kind>) {
  return kChangeKindNames;
}

template <class Codec, Like<Step> T>
void fields(Codec& codec, T& step) {
  codec.field("id", step.id);
  codec.field("machine", step.machine);
  codec.field("target", step.target);
  codec.field("action", step.action);
  codec.field("undo", step.undo);
  codec.field("after", step.after);
}

template <class Codec, Like<Claim> T>
void fields(Codec& codec, T& claim) {
  codec.field("machine", claim.machine);
  codec.field("addresses", claim.addresses);
  codec.field("host_ports", claim.host_ports);
  codec.field("image_ids", claim.image_ids);
  codec.field("pulls", claim.pulls);
  codec.optional_field("datasets", claim.datasets);
  codec.field("needs_router", claim.needs_router);
}

template <class Codec, Like<Change> T>
void fields(Codec& codec, T& change) {
  codec.field("kind", change.kind);
  codec.field("resource", change.resource);
  codec.field("detail", change.detail);
}

template <class Codec, Like<Plan> T>
void fields(Codec& codec, T& plan) {
  codec.version("version", kPlanVersion);
  codec.field("kind", plan.kind);
  codec.field("namespace", plan.name_space);
  codec.field("expected_sequence", plan.expected_sequence);
  codec.field("changes", plan.changes);
  codec.field("claims", plan.claims);
  codec.field("apply", plan.apply);
  codec.field("commit", plan.commit);
  codec.field("cleanup", plan.cleanup);
  codec.optional_field("machine_names", plan.machine_names);
}

}  // namespace ployz

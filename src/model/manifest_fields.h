// Field lists (codec.h) of the types of manifest.h. For the .cc files of src/model/ and src/plan/ only.
#pragma once

#include "model/manifest.h"
#include "model/service_fields.h"

namespace ployz {

inline constexpr EnumNames<PromoteData, 2> kPromoteDataNames{
    {{PromoteData::keep, "keep"}, {PromoteData::take, "take"}}};
constexpr const auto& enum_names(std::type_identity<PromoteData>) {
  return kPromoteDataNames;
}

inline constexpr EnumNames<RollbackData, 3> kRollbackDataNames{{{RollbackData::last, "last"},
                                                                {RollbackData::commit, "commit"},
                                                                {RollbackData::keep, "keep"}}};
constexpr const auto& enum_names(std::type_identity<RollbackData>) {
  return kRollbackDataNames;
}

template <class Codec, Like<PromoteSection> T>
void fields(Codec& codec, T& promote) {
  codec.field("from", promote.from);
  codec.optional_field("volumes", promote.volumes);
}

template <class Codec, Like<RollbackSection> T>
void fields(Codec& codec, T& rollback) {
  codec.field("to", rollback.to);
  codec.optional_field("state", rollback.state);
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

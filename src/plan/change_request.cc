#include "plan/change_request.h"

#include <array>

#include "model/manifest_fields.h"

namespace ployz {

inline constexpr EnumNames<BranchMode, 2> kBranchModeNames{
    {{BranchMode::branch, "branch"}, {BranchMode::fresh, "fresh"}}};
constexpr const auto& enum_names(std::type_identity<BranchMode>) {
  return kBranchModeNames;
}

inline constexpr EnumNames<Consistency, 2> kConsistencyNames{
    {{Consistency::pause, "pause"}, {Consistency::crash, "crash"}}};
constexpr const auto& enum_names(std::type_identity<Consistency>) {
  return kConsistencyNames;
}

template <class Codec, Like<BranchRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("source", request.source);
  codec.field("target", request.target);
  codec.optional_field("service_mode", request.service_mode);
  codec.optional_field("volume_mode", request.volume_mode);
  codec.optional_field("services", request.services);
  codec.optional_field("volumes", request.volumes);
  codec.optional_field("consistency", request.consistency);
}

template <class Codec, Like<ForkVolumeRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("source", request.source);
  codec.field("volume", request.volume);
  codec.field("target", request.target);
  codec.field("new_name", request.new_name);
  codec.optional_field("consistency", request.consistency);
}

template <class Codec, Like<MigrateRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("namespace", request.name_space);
  codec.field("service", request.service);
  codec.field("to", request.to);
}

template <class Codec, Like<PromoteRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("from", request.from);
  codec.field("target", request.target);
  codec.optional_field("volumes", request.volumes);
  codec.optional_field("consistency", request.consistency);
}

template <class Codec, Like<RollbackRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("namespace", request.name_space);
  codec.optional_field("to", request.to);
  codec.optional_field("state", request.state);
}

template <class Codec, Like<VolumeSnapshotRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("namespace", request.name_space);
  codec.optional_field("consistency", request.consistency);
}

template <class Codec, Like<VolumeRmRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("namespace", request.name_space);
  codec.field("volume", request.volume);
}

template <class Codec, Like<VolumePruneRequest> T>
void fields(Codec& codec, T& request) {
  codec.field("namespace", request.name_space);
  uint64_t keep = request.keep;
  codec.optional_field("keep", keep);
  if constexpr (std::same_as<Codec, JsonReader>) request.keep = keep;
}

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<ChangeRequest>> kKinds{
    "branch",   "fork_volume",     "migrate",   "promote",
    "rollback", "volume_snapshot", "volume_rm", "volume_prune"};

Status name_space(const NamespaceName& name) {
  return check_dns_label(name.str(), "namespace name");
}
Status volume(const VolumeName& name) {
  return check_volume_name(name.str(), "volume name");
}

Status check_names(const ChangeRequest& request) {
  return std::visit(
      Overloaded{
          [](const BranchRequest& r) -> Status {
            TRY(name_space(r.source));
            return name_space(r.target);
          },
          [](const ForkVolumeRequest& r) -> Status {
            TRY(name_space(r.source));
            TRY(name_space(r.target));
            TRY(volume(r.volume));
            return volume(r.new_name);
          },
          [](const MigrateRequest& r) -> Status {
            TRY(name_space(r.name_space));
            return check_dns_label(r.service.str(), "service name");
          },
          [](const PromoteRequest& r) -> Status {
            TRY(name_space(r.from));
            return name_space(r.target);
          },
          [](const VolumeRmRequest& r) -> Status {
            TRY(name_space(r.name_space));
            return volume(r.volume);
          },
          [](const auto& r) -> Status { return name_space(r.name_space); },
      },
      request);
}

template <size_t I>
Result<ChangeRequest> read_as(const Json& json) {
  return ChangeRequest(TRY(read_fields<std::variant_alternative_t<I, ChangeRequest>>(json)));
}

template <size_t... I>
Result<ChangeRequest> read_nth(size_t index, const Json& json, std::index_sequence<I...>) {
  using Reader = Result<ChangeRequest> (*)(const Json&);
  constexpr std::array<Reader, sizeof...(I)> readers{&read_as<I>...};
  return readers[index](json);
}

}  // namespace

std::string_view kind_of(const ChangeRequest& request) {
  return kKinds[request.index()];
}

Json to_json(const ChangeRequest& request) {
  Json json = std::visit([](const auto& one) { return write_fields(one); }, request);
  json["kind"] = kind_of(request);
  return json;
}

Result<ChangeRequest> change_request_from_json(const Json& json) {
  const std::string kind = TRY(get_string(json, "kind"));
  const auto found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) {
    return fail(Code::invalid, "kind: is not a request this build knows",
                "client and daemon may be of different versions");
  }
  Json rest = json;
  rest.erase("kind");
  ChangeRequest request = TRY(read_nth(static_cast<size_t>(found - kKinds.begin()), rest,
                                       std::make_index_sequence<kKinds.size()>()));
  TRY(check_names(request));
  return request;
}

Result<BranchMode> parse_branch_mode(std::string_view text) {
  return enum_from_string<BranchMode>(text);
}
Result<Consistency> parse_consistency(std::string_view text) {
  return enum_from_string<Consistency>(text);
}

}  // namespace ployz

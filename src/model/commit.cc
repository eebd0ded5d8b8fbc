#include "model/commit.h"

#include <algorithm>

#include "model/commit_fields.h"

namespace ployz {
namespace {

// Garbage in the store must not become a namespace without a name.
Status check_identity(const Commit& commit) {
  TRY(check_dns_label(commit.name_space.value, "namespace"));
  if (commit.id.empty()) return fail(Code::invalid, "id: is empty");
  const auto ascending = [](const auto& items, auto name) {
    return std::ranges::adjacent_find(items, std::ranges::greater_equal{}, name) == items.end();
  };
  if (!ascending(commit.services, [](const auto& s) { return s.service.name; })) {
    return fail(Code::invalid, "services: are not sorted by name, or repeat one");
  }
  if (!ascending(commit.volumes, [](const auto& v) { return v.spec.name; })) {
    return fail(Code::invalid, "volumes: are not sorted by name, or repeat one");
  }
  if (commit.removed && !commit.services.empty()) {
    return fail(Code::invalid, "removed: is true, but the commit has services");
  }
  return {};
}

Result<Commit> read_commit(const Json& json) {
  Commit commit = TRY(read_fields<Commit>(json));
  TRY(check_identity(commit));
  return commit;
}

std::unexpected<Error> corrupt(Error error) {
  error.code = Code::corrupt;
  return fail(std::move(error).at("not a commit"));
}

}  // namespace

const CommittedVolume* Commit::volume(const VolumeName& name) const {
  const auto found = std::ranges::find(volumes, name,
                                       [](const CommittedVolume& volume) { return volume.spec.name; });
  return found == volumes.end() ? nullptr : &*found;
}

const CommittedService* Commit::service(const ServiceName& name) const {
  const auto found = std::ranges::find(
      services, name, [](const CommittedService& s) -> const auto& { return s.service.name; });
  return found == services.end() ? nullptr : &*found;
}

std::string_view to_string(CommitKind kind) {
  return enum_to_string(kind);
}

Result<CommitKind> parse_commit_kind(std::string_view text) {
  auto kind = enum_from_string<CommitKind>(text);
  if (!kind) return fail(std::move(kind).error().at("commit kind"));
  return kind;
}

Json to_json(const Commit& commit) {
  return write_fields(commit);
}

Result<Commit> commit_from_json(const Json& json) {
  auto commit = read_commit(json);
  if (!commit) return corrupt(std::move(commit).error());
  return commit;
}

std::string encode(const Commit& commit) {
  return to_text(to_json(commit));
}

Result<Commit> decode_commit(std::string_view bytes) {
  if (bytes.size() > kMaxCommitBytes) {
    return corrupt({Code::corrupt,
                    Effect::none,
                    std::format("{} bytes, at most {} are allowed", bytes.size(), kMaxCommitBytes),
                    {},
                    {}});
  }
  auto json = parse_json(bytes);
  if (!json) return corrupt(std::move(json).error());
  return commit_from_json(*json);
}

}  // namespace ployz

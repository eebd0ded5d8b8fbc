#include "model/manifest.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "model/manifest_checks.h"
#include "model/manifest_fields.h"
#include "model/manifest_schema.h"

namespace ployz {
namespace {

// Puts "file:line:column" in front of an error that knows its position by its context.
std::unexpected<Error> locate(Error error, std::string_view file) {
  std::string where(file);
  for (const Context& entry : error.context) where += ":" + entry.value;
  error.context.insert(error.context.begin(), {"file", std::string(file)});
  return fail(std::move(error).at(where));
}

Result<Manifest> parse(std::string_view text, ManifestFormat format) {
  if (text.size() > kMaxManifestBytes) {
    return fail_at({}, std::format("the manifest has {} bytes, at most {} are allowed", text.size(),
                                   kMaxManifestBytes));
  }
  const Node tree =
      TRY(format == ManifestFormat::toml ? parse_toml_tree(text) : parse_json_tree(text));
  Positions positions;
  Manifest manifest = TRY(read_manifest(tree, positions));
  if (Checked checked = check_manifest(manifest); !checked) {
    Problem& problem = checked.error();
    return fail_at(positions.find(problem.path), std::move(problem.message),
                   std::move(problem.hint));
  }
  normalise(manifest);
  return manifest;
}

ManifestFormat format_of(std::string_view text) {
  constexpr std::string_view kBom = "\xef\xbb\xbf";
  if (text.starts_with(kBom)) text.remove_prefix(kBom.size());
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{' ? ManifestFormat::json
                                                               : ManifestFormat::toml;
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view text, std::string_view file) {
  return parse_manifest(text, file, format_of(text));
}

Result<Manifest> parse_manifest(std::string_view text, std::string_view file,
                                ManifestFormat format) {
  auto manifest = parse(text, format);
  if (!manifest) return locate(std::move(manifest).error(), file);
  return manifest;
}

Status validate(const Manifest& manifest) {
  if (Checked checked = check_manifest(manifest); !checked) {
    Problem& problem = checked.error();
    return fail(Code::invalid, std::move(problem.message), std::move(problem.hint));
  }
  return {};
}

Rollout default_rollout(const Manifest& manifest, const Service& service) {
  if (service.container.network == NetworkMode::host) return Rollout::recreate;
  const auto single_writer = [&](const Mount& mount) {
    const auto volume = std::ranges::find(manifest.volumes, mount.volume, &VolumeSpec::name);
    return volume != manifest.volumes.end() && volume->scope == VolumeScope::single;
  };
  return std::ranges::any_of(service.container.mounts, single_writer) ? Rollout::recreate
                                                                      : Rollout::blue_green;
}

void normalise(Manifest& manifest) {
  std::ranges::sort(manifest.volumes, {}, &VolumeSpec::name);
  std::ranges::sort(manifest.services, {}, &Service::name);
  for (Service& service : manifest.services) {
    std::ranges::sort(service.container.ports);
    std::ranges::sort(service.container.mounts, {}, &Mount::target);
    std::ranges::sort(service.placement.machines);
    std::ranges::sort(service.publish);
    for (Route& route : service.routes) std::ranges::sort(route.hostnames);
    std::ranges::sort(service.routes);
  }
}

Json to_json(const Manifest& manifest) {
  return write_fields(manifest);
}

Result<Manifest> manifest_from_json(const Json& json) {
  return read_fields<Manifest>(json);
}

std::string manifest_digest(const Manifest& manifest) {
  Manifest normal = manifest;
  normalise(normal);
  return sha256_digest(to_text(to_json(normal)));
}

std::string_view to_string(PromoteData data) {
  return enum_to_string(data);
}
Result<PromoteData> parse_promote_data(std::string_view text) {
  return enum_from_string<PromoteData>(text);
}
std::string_view to_string(RollbackData data) {
  return enum_to_string(data);
}
Result<RollbackData> parse_rollback_data(std::string_view text) {
  return enum_from_string<RollbackData>(text);
}

}  // namespace ployz

// The manifest: what an operator writes. Parsed from TOML or JSON (both spellings of product.md),
// validated as a whole, never partly accepted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/service.h"

namespace ployz {

inline constexpr size_t kMaxManifestBytes = 1 << 20;  // 10,000 services of 100 bytes; bounds memory

enum class VolumeScope { single, shared };

struct VolumeSpec {
  VolumeName name;
  VolumeScope scope = VolumeScope::single;
  std::optional<uint64_t> quota_bytes;
  std::string mode = "0755";  // octal
  std::string owner = "0:0";  // uid:gid
  bool operator==(const VolumeSpec&) const = default;
};

// What a promote does with a volume: the target keeps its own data, or takes a clone of the branch's.
enum class PromoteData { keep, take };

struct PromoteSection {
  NamespaceName from;
  std::map<VolumeName, PromoteData> volumes;  // not named: keep
  bool operator==(const PromoteSection&) const = default;
};

// What a rollback does with the volumes. last: as at the last moment before the commit that is undone
// took over. commit: as when the restored commit was made. keep: nothing, only specs go back.
enum class RollbackData { last, commit, keep };

struct RollbackSection {
  std::string to;  // a commit id or a unique prefix; empty: the previous commit
  RollbackData state = RollbackData::last;
  bool operator==(const RollbackSection&) const = default;
};

struct Manifest {
  NamespaceName name_space;  // `namespace` is a keyword
  std::vector<VolumeSpec> volumes;
  std::vector<Service> services;
  std::optional<PromoteSection> promote;
  std::optional<RollbackSection> rollback;
  bool operator==(const Manifest&) const = default;
};

enum class ManifestFormat { toml, json };

// `file` names the source in messages ("shop.toml", "<stdin>"). Errors are Code::invalid, read
// "shop.toml:12:3: unknown key 'imge' (did you mean 'image'?)" and carry context file, line,
// column. Only the first error is reported. Format: JSON when the first non-blank byte is '{'.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text, std::string_view file);
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text, std::string_view file,
                                              ManifestFormat format);

// The checks that need no cluster (product.md, Manifest). parse_manifest has already run them;
// public for manifests that code builds (deploy service) or receives. Rules that are not obvious:
// - network host: no routes and no published ports, because traffic goes to overlay addresses only;
//   http and tcp readiness are probed on the machine itself. network none: no readiness by port
//   either.
// - A published container port need not be declared, but must not be declared as udp only.
// - Environment names beginning with PLOYZ_ are Ployz's own.
// - [promote] and [rollback] exclude each other; services and volumes may stand beside either.
[[nodiscard]] Status validate(const Manifest& manifest);

// What a service does that says nothing of its rollout: `recreate` where two instances at once
// would fight over a single-writer volume or, with network host, over ports; else `blue_green`.
[[nodiscard]] Rollout default_rollout(const Manifest& manifest, const Service& service);

// Sorts everything whose order means nothing (services, volumes, ports, routes, mounts…), as
// parse_manifest has already done, so that equal manifests are equal byte for byte.
void normalise(Manifest& manifest);

// Canonical JSON and its digest, which a commit records: equal manifests in any spelling or
// format, comments and order of keys aside, have equal digests (the digest normalises a copy).
// manifest_from_json checks the structure only: call validate on what a peer sent.
[[nodiscard]] Json to_json(const Manifest& manifest);
[[nodiscard]] Result<Manifest> manifest_from_json(const Json& json);
[[nodiscard]] std::string manifest_digest(const Manifest& manifest);

[[nodiscard]] std::string_view to_string(PromoteData data);
[[nodiscard]] Result<PromoteData> parse_promote_data(std::string_view text);
[[nodiscard]] std::string_view to_string(RollbackData data);
[[nodiscard]] Result<RollbackData> parse_rollback_data(std::string_view text);

}  // namespace ployz

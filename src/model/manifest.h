// The manifest: what an operator writes. Parsed from TOML or JSON (both spellings of product.md),
// validated as a whole, never partly accepted.
#pragma once

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

struct PromoteSection {
  NamespaceName from;
  bool operator==(const PromoteSection&) const = default;
};

struct RollbackSection {
  std::string to;  // a commit id or a unique prefix
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
// public for manifests that code builds (deploy service).
[[nodiscard]] Status validate(const Manifest& manifest);

// Canonical JSON and its digest, which a commit records: equal manifests in any spelling or
// format, comments and order of keys aside, have equal digests.
[[nodiscard]] Json to_json(const Manifest& manifest);
[[nodiscard]] Result<Manifest> manifest_from_json(const Json& json);
[[nodiscard]] std::string manifest_digest(const Manifest& manifest);

}  // namespace ployz

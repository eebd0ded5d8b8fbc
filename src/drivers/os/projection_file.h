// The router's cache as one JSON file, replaced atomically.
#pragma once

#include <filesystem>

#include "ports/projection_cache.h"

namespace ployz {

class ProjectionFile final : public ProjectionCache {
 public:
  explicit ProjectionFile(std::filesystem::path path) : path_(std::move(path)) {}

  Result<std::map<NamespaceName, CommitEntry>> load() override;
  Status save(const std::map<NamespaceName, CommitEntry>& newest) override;

 private:
  std::filesystem::path path_;
};

}  // namespace ployz

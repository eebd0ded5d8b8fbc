// The packages of Ployz that this machine keeps: <version>.deb, each once. What is written is complete
// and was verified, or is not there.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/update_calls.h"

namespace ployz {

// A package of ours is some 20 MB; more is no package of ours.
inline constexpr uint64_t kMaxPackageBytes = 512 << 20;
// The newest stay, and in any case the one that is installed.
inline constexpr size_t kKeptPackages = 5;

// Thread-safe.
class PackageFolder {
 public:
  explicit PackageFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Fills the buffer, returns the bytes; 0 at the end.
  using Source = std::function<Result<size_t>(std::span<char>)>;
  // What arrives, which must have this digest. With `keep` false it is only looked at. `corrupt`:
  // another digest; `invalid`: no package of Ployz; `exists`: another package of the version that is
  // installed here is kept, and would be the way back; the source's error.
  [[nodiscard]] Result<Package> take(const Source& source, const std::string& sha256, bool keep);

  // Sorted by name of file. One that cannot be read is left out.
  [[nodiscard]] Result<std::vector<Package>> list();
  [[nodiscard]] Result<std::optional<Package>> find(const std::string& version);
  [[nodiscard]] std::filesystem::path path_of(const std::string& version) const {
    return folder_ / (version + ".deb");
  }

 private:
  void prune(const std::string& installed, const std::string& fresh);

  const std::filesystem::path folder_;
  std::mutex mutex_;  // one change at a time
};

// Of the package as dpkg has it; empty: it is not, or only half, installed.
[[nodiscard]] Result<std::string> installed_version();
// Of this machine's packages: "amd64".
[[nodiscard]] Result<std::string> package_architecture();

}  // namespace ployz

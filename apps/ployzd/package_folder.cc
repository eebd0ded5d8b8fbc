#include "package_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <format>
#include <map>
#include <ranges>

#include "base/digest.h"
#include "base/fd.h"
#include "base/subprocess.h"
#include "model/release.h"

namespace ployz {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = 256 << 10;
constexpr std::string_view kName = "ployz";

std::unexpected<Error> cannot(const std::string& what, const fs::path& path) {
  return fail(Code::denied, std::format("cannot {} {}: {}", what, path.string(),
                                        std::strerror(errno)));
}

Status write_all(const Fd& file, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot("write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<std::pair<std::string, uint64_t>> digest_of(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return cannot("read", path);
  Sha256 hash;
  uint64_t size = 0;
  std::vector<char> buffer(kPiece);
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot("read", path);
    if (got == 0) return std::pair(hash.digest(), size);
    hash.update({buffer.data(), static_cast<size_t>(got)});
    size += static_cast<uint64_t>(got);
  }
}

// Of the package's control file. `invalid`: it is none of ours.
Result<Package> examine(const fs::path& path) {
  const auto shown = run({.argv = {"dpkg-deb", "--field", path.string(), "Package", "Version",
                                   "Architecture"},
                          .env = {{"LC_ALL", "C"}}});
  if (!shown) return fail(shown.error());
  if (!shown->ok()) return fail(Code::invalid, "that is no Debian package");
  std::map<std::string, std::string, std::less<>> fields;
  for (const auto part : std::views::split(std::string_view(shown->out), '\n')) {
    const std::string_view line(part);
    const size_t colon = line.find(": ");
    if (colon != std::string_view::npos) {
      fields.emplace(line.substr(0, colon), line.substr(colon + 2));
    }
  }
  if (fields["Package"] != kName) {
    return fail(Code::invalid, std::format("that is the package '{}', not ployz", fields["Package"]));
  }
  Package package;
  package.version = fields["Version"];
  package.architecture = fields["Architecture"];
  (void)TRY(parse_release(package.version));
  return package;
}

Result<Package> kept_at(const fs::path& path) {
  Package package = TRY(examine(path));
  std::tie(package.sha256, package.size_bytes) = TRY(digest_of(path));
  return package;
}

Result<std::string> first_line_of(std::vector<std::string> argv) {
  const auto done = TRY(run({.argv = std::move(argv), .env = {{"LC_ALL", "C"}}}));
  return done.ok() ? done.out.substr(0, done.out.find('\n')) : std::string();
}

// Gone when it was not renamed.
struct Incoming {
  fs::path path;
  Fd file;
  ~Incoming() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

Status receive(const PackageFolder::Source& source, const std::string& sha256, Incoming& into,
               uint64_t& size) {
  Sha256 hash;
  std::vector<char> buffer(kPiece);
  while (true) {
    const size_t got = TRY(source(buffer));
    if (got == 0) break;
    size += got;
    if (size > kMaxPackageBytes) return fail(Code::invalid, "that is too large for a package of Ployz");
    hash.update({buffer.data(), got});
    TRY(write_all(into.file, {buffer.data(), got}, into.path));
  }
  if (hash.digest() != sha256) {
    return fail(Code::corrupt, "the package does not match its digest", "send it again");
  }
  if (::fsync(into.file.get()) != 0) return cannot("write", into.path);
  return {};
}

}  // namespace

Result<std::string> installed_version() {
  const std::string line = TRY(first_line_of(
      {"dpkg-query", "--showformat", "${db:Status-Abbrev}|${Version}\\n", "--show",
       std::string(kName)}));
  constexpr std::string_view kFine = "ii |";
  return line.starts_with(kFine) ? line.substr(kFine.size()) : std::string();
}

Result<std::string> package_architecture() {
  return first_line_of({"dpkg", "--print-architecture"});
}

Result<Package> PackageFolder::take(const Source& source, const std::string& sha256, bool keep) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return fail(Code::denied, std::format("cannot make {}: {}", folder_.string(), error.message()));
  std::string pattern = (folder_ / "incoming-XXXXXX").string();
  Incoming incoming{{}, Fd(::mkostemp(pattern.data(), O_CLOEXEC))};
  if (!incoming.file) return cannot("make a file in", folder_);
  incoming.path = pattern;
  uint64_t size = 0;
  TRY(receive(source, sha256, incoming, size));
  Package package = TRY(examine(incoming.path));
  package.sha256 = sha256;
  package.size_bytes = size;
  if (!keep) return package;

  const std::string installed = TRY(installed_version());
  const std::scoped_lock lock(mutex_);
  const fs::path target = path_of(package.version);
  if (fs::exists(target, error)) {
    const auto kept = digest_of(target);
    if (kept && kept->first == sha256) return package;
    if (package.version == installed) {
      return fail(Code::exists,
                  std::format("another package of version {}, which is installed here, is kept",
                              installed),
                  "give a package that is different a version of its own");
    }
  }
  // dpkg may read it as another user.
  ::fchmod(incoming.file.get(), 0644);
  if (::rename(incoming.path.c_str(), target.c_str()) != 0) return cannot("make", target);
  incoming.path.clear();
  const Fd folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return cannot("write", folder_);
  prune(installed, package.version);
  return package;
}

void PackageFolder::prune(const std::string& installed, const std::string& fresh) {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != ".deb") continue;
    files.emplace_back(entry.last_write_time(error), entry.path());
  }
  std::ranges::sort(files, std::greater());
  for (size_t i = kKeptPackages; i < files.size(); ++i) {
    const std::string version = files[i].second.stem().string();
    if (version != installed && version != fresh) fs::remove(files[i].second, error);
  }
}

Result<std::vector<Package>> PackageFolder::list() {
  std::error_code error;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() == ".deb") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<Package> packages;
  for (const fs::path& path : paths) {
    if (auto package = kept_at(path)) packages.push_back(*std::move(package));
  }
  return packages;
}

Result<std::optional<Package>> PackageFolder::find(const std::string& version) {
  (void)TRY(parse_release(version));
  std::error_code error;
  const fs::path path = path_of(version);
  if (!fs::exists(path, error)) return std::optional<Package>();
  return std::optional(TRY(kept_at(path)));
}

}  // namespace ployz

#include "drivers/btrfs/mounts.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <string>

#include "drivers/btrfs/os_error.h"

namespace ployz::btrfs {
namespace {

// proc(5): "36 35 98:0 /datasets/x/live /data rw,noatime master:1 - btrfs …"; the fourth is the
// place in the filesystem.
bool names(std::string_view line, std::string_view suffix) {
  for (int field = 0; field < 3; ++field) {
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return false;
    line.remove_prefix(space + 1);
  }
  const std::string place = std::string(line.substr(0, line.find(' '))) + "/";
  return place.contains("/" + std::string(suffix) + "/");
}

bool mounts_of(const std::filesystem::path& process, std::string_view suffix) {
  std::ifstream in(process / "mountinfo");  // of one that just ended: nothing to read
  std::string line;
  while (std::getline(in, line)) {
    if (names(line, suffix)) return true;
  }
  return false;
}

}  // namespace

Result<bool> is_mounted(std::string_view suffix, const std::filesystem::path& proc) {
  std::error_code error;
  std::set<std::string> seen;  // mount namespaces
  std::filesystem::directory_iterator processes(proc, error);
  if (error) return os_error("reading", proc, error.value());
  for (; processes != std::filesystem::directory_iterator(); processes.increment(error)) {
    if (error) return os_error("reading", proc, error.value());
    const std::filesystem::path& process = processes->path();
    if (!std::ranges::all_of(process.filename().string(),
                             [](unsigned char c) { return std::isdigit(c) != 0; })) {
      continue;
    }
    std::error_code ended;
    const auto name_space = std::filesystem::read_symlink(process / "ns/mnt", ended);
    if (ended || !seen.insert(name_space.string()).second) continue;
    if (mounts_of(process, suffix)) return true;
  }
  return false;
}

}  // namespace ployz::btrfs

#include "drivers/zfs/mount_table.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <format>
#include <fstream>
#include <set>

namespace ployz {

bool is_mount_of(std::string_view line, std::string_view dataset) {
  const size_t separator = line.find(" - zfs ");
  if (separator == std::string_view::npos) return false;
  line.remove_prefix(separator + 7);
  return line.substr(0, line.find(' ')) == dataset;
}

std::string find_mounter(const std::string& dataset) {
  std::set<std::string> seen;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename();
    if (!std::ranges::all_of(pid, [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    // One process for each namespace; those that end meanwhile have left theirs.
    const auto name_space = std::filesystem::read_symlink(entry.path() / "ns/mnt", error);
    if (error || !seen.insert(name_space).second) continue;
    std::ifstream table(entry.path() / "mountinfo");
    for (std::string line; std::getline(table, line);) {
      if (!is_mount_of(line, dataset)) continue;
      std::string name;
      std::ifstream(entry.path() / "comm") >> name;
      return std::format("{} ({})", name, pid);
    }
  }
  return {};
}

}  // namespace ployz

#include "drivers/zfs/zfs_command.h"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace ployz {
namespace {

// Destroying a large dataset goes on in the background; what waits is a pool in trouble.
constexpr std::chrono::minutes kToolTimeout{2};

struct Known {
  std::string_view text;
  Code code;
  std::string_view hint;
};

// Of zfs(8) 2.1 to 2.3 (lib/libzfs/libzfs_util.c and libzfs_sendrecv.c); the first that occurs.
constexpr std::array kKnown{
    Known{"out of space", Code::precondition, "ployzctl volume prune, or a larger pool"},
    Known{"No space left", Code::precondition, "ployzctl volume prune, or a larger pool"},
    Known{"quota exceeded", Code::precondition,
          "ployzctl volume prune, or a larger quota of the pool"},
    Known{"is less than current used", Code::precondition, ""},
    Known{"pool I/O is currently suspended", Code::unavailable, "zpool status"},
    Known{"modules cannot be auto-loaded", Code::unavailable, "modprobe zfs"},
    Known{"modules are not loaded", Code::unavailable, "modprobe zfs"},
    Known{"invalid stream", Code::corrupt, ""},
    Known{"invalid backup stream", Code::corrupt, ""},
    Known{"incomplete stream", Code::corrupt, ""},
    Known{"checksum mismatch", Code::corrupt, ""},
    Known{"failed to read from stream", Code::corrupt, ""},
    Known{"does not match incremental source", Code::corrupt, ""},
    Known{"not an earlier snapshot from the same fs", Code::not_found, ""},
    Known{"does not exist", Code::not_found, ""},
    Known{"no such pool", Code::not_found, ""},
    Known{"could not find any snapshots to destroy", Code::not_found, ""},
    Known{"already exists", Code::exists, ""},
    Known{"is busy", Code::conflict, ""},
    Known{"has dependent clones", Code::conflict, ""},
    Known{"read only", Code::unavailable, "zpool status"},
};

}  // namespace

Command zfs_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "zfs");
  return {.argv = std::move(arguments), .env = {{"LC_ALL", "C"}}};
}

Error zfs_error(std::string_view printed) {
  while (printed.ends_with('\n')) printed.remove_suffix(1);
  // The first line says what failed; later ones advise, or repeat it for the next dataset.
  Error error{
      Code::internal, Effect::none, std::string(printed.substr(0, printed.find('\n'))), {}, {}};
  if (error.message.empty()) error.message = "zfs failed without a reason";
  const auto known =
      std::ranges::find_if(kKnown, [&](const Known& each) { return printed.contains(each.text); });
  if (known != kKnown.end()) {
    error.code = known->code;
    error.hint = known->hint;
  }
  return error;
}

Result<std::string> zfs(std::vector<std::string> arguments) {
  auto done = run(zfs_command(std::move(arguments)), {.timeout = kToolTimeout});
  if (!done) {
    Error error = std::move(done).error();
    if (error.code != Code::not_found) return fail(std::move(error));
    return fail(Code::unavailable, "ZFS is not installed on this machine",
                "apt-get install zfsutils-linux zfs-dkms");
  }
  if (done->ok()) return std::move(done->out);
  return fail(zfs_error(done->err.empty() ? done->out : done->err));
}

std::vector<std::vector<std::string>> zfs_rows(std::string_view printed) {
  std::vector<std::vector<std::string>> rows;
  while (!printed.empty()) {
    std::string_view line = printed.substr(0, printed.find('\n'));
    printed.remove_prefix(std::min(line.size() + 1, printed.size()));
    auto& row = rows.emplace_back();
    while (true) {
      const std::string_view field = line.substr(0, line.find('\t'));
      row.emplace_back(field == "-" ? "" : field);
      if (field.size() == line.size()) break;
      line.remove_prefix(field.size() + 1);
    }
  }
  return rows;
}

}  // namespace ployz

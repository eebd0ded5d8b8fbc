#include "drivers/btrfs/os_error.h"

#include <cerrno>
#include <format>
#include <system_error>

namespace ployz::btrfs {

std::unexpected<Error> os_error(std::string_view what, const std::filesystem::path& path,
                                int error) {
  std::string message =
      std::format("{} {}: {}", what, path.string(), std::generic_category().message(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fail(Code::precondition, std::move(message),
                  "make room: ployzctl volume prune, or a larger pool");
    case ENOENT:
      return fail(Code::not_found, std::move(message));
    case EEXIST:
      return fail(Code::exists, std::move(message));
    case EBUSY:
    case EPERM:
      return fail(Code::conflict, std::move(message));
    case EACCES:
      return fail(Code::denied, std::move(message));
    default:
      return fail(Code::unavailable, std::move(message));
  }
}

}  // namespace ployz::btrfs

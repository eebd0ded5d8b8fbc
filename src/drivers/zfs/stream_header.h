// The first record of a `zfs send` stream (DRR_BEGIN; OpenZFS, include/sys/zfs_ioctl.h): which
// snapshot it carries and which it builds on. Read before anything of it reaches the pool. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ployz {

inline constexpr size_t kStreamHeaderBytes = 312;  // sizeof (dmu_replay_record_t)

struct StreamHeader {
  uint64_t to_guid = 0;
  uint64_t from_guid = 0;  // 0: of the whole
};

// `corrupt`: it is no stream of one filesystem snapshot. A package of several (`zfs send -R`) is
// none either: it could carry properties, a mountpoint for one. `unsupported`: of a machine with
// the other byte order.
[[nodiscard]] Result<StreamHeader> parse_stream_header(std::string_view bytes);

}  // namespace ployz

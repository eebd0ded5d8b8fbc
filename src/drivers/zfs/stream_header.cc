#include "drivers/zfs/stream_header.h"

#include <bit>
#include <cstring>

namespace ployz {
namespace {

constexpr uint64_t kMagic = 0x2F5bacbacULL;
constexpr uint64_t kHeaderTypeMask = 3;  // of drr_versioninfo
constexpr uint64_t kSubstream = 1;
constexpr uint32_t kFilesystem = 2;  // DMU_OST_ZFS

template <class T>
T at(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

Result<StreamHeader> parse_stream_header(std::string_view bytes) {
  const auto bad = [](const char* why) {
    return fail(Code::corrupt, std::string("this is no ZFS stream of one snapshot: ") + why);
  };
  if (bytes.size() < kStreamHeaderBytes) return bad("it ends in its header");
  const auto magic = at<uint64_t>(bytes, 8);
  if (magic == std::byteswap(kMagic)) {
    return fail(Code::unsupported, "the stream is of a machine with another byte order");
  }
  if (at<uint32_t>(bytes, 0) != 0 || magic != kMagic) return bad("it does not begin like one");
  if (at<uint32_t>(bytes, 4) != 0 || (at<uint64_t>(bytes, 16) & kHeaderTypeMask) != kSubstream) {
    return bad("it is a package with properties");
  }
  if (at<uint32_t>(bytes, 32) != kFilesystem) return bad("it is of another kind of dataset");
  return StreamHeader{at<uint64_t>(bytes, 40), at<uint64_t>(bytes, 48)};
}

}  // namespace ployz

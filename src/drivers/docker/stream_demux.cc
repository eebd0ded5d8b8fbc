#include "drivers/docker/stream_demux.h"

#include <algorithm>

namespace ployz {

Result<bool> StreamDemux::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::string_view piece = bytes.substr(0, left_);
      bytes.remove_prefix(piece.size());
      left_ -= static_cast<uint32_t>(piece.size());
      if (!sink_(piece)) return false;
      continue;
    }
    header_[header_size_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (header_size_ < header_.size()) continue;
    header_size_ = 0;
    // 0 stdin, 1 stdout, 2 stderr, 3 an error of the engine's own.
    if (header_[0] > 3 || header_[1] != 0 || header_[2] != 0 || header_[3] != 0) {
      return fail(Code::corrupt, "the container engine's output stream has an invalid frame");
    }
    left_ = static_cast<uint32_t>(header_[4]) << 24 | static_cast<uint32_t>(header_[5]) << 16 |
            static_cast<uint32_t>(header_[6]) << 8 | header_[7];
  }
  return true;
}

}  // namespace ployz

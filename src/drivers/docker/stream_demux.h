// The engine's multiplexed stream of a container without a terminal (API reference,
// "Attach to a container"): frames of an 8-byte header {stream, 0, 0, 0, big-endian length} and
// their bytes, cut anywhere by the transport.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace ployz {

class StreamDemux {
 public:
  // Called with pieces of a frame's bytes, stdout and stderr alike; false ends the stream.
  using Sink = std::function<bool(std::string_view)>;
  explicit StreamDemux(Sink sink) : sink_(std::move(sink)) {}

  // False: the sink ended it. `corrupt`: not such a stream.
  [[nodiscard]] Result<bool> feed(std::string_view bytes);

 private:
  Sink sink_;
  std::array<unsigned char, 8> header_{};
  size_t header_size_ = 0;
  uint32_t left_ = 0;  // bytes of the current frame still to come
};

}  // namespace ployz

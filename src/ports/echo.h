// Whether a machine answers, and how long that takes: ICMP echo. Real: a socket (src/drivers/os).
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace ployz {

class Echo {
 public:
  virtual ~Echo() = default;
  // One echo to an IPv4 address: the microseconds until its answer. `unavailable`: none in time, or
  // the way there is closed, said in the message. `denied`: this process may not send any.
  // `invalid`: not an address. Thread-safe.
  [[nodiscard]] virtual Result<uint64_t> echo(std::string_view address,
                                              std::chrono::milliseconds timeout) = 0;
};

}  // namespace ployz

// What people read of a dataset on its way: "pgdata: 120 MB of 1.2 GB, 85 MB/s, 12 s left".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ployz {

// One transfer; not thread-safe.
class ReceiveText {
 public:
  ReceiveText(std::string volume, uint64_t now_ms)
      : volume_(std::move(volume)), began_ms_(now_ms), told_ms_(now_ms) {}

  // Nullopt: less than a second has passed since the last line, or nothing has come yet. The total
  // is 0 when nobody knows it.
  [[nodiscard]] std::optional<std::string> next(uint64_t bytes, uint64_t total_bytes,
                                                uint64_t now_ms);

 private:
  const std::string volume_;
  uint64_t began_ms_;
  uint64_t told_ms_;
};

}  // namespace ployz

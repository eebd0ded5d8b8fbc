// The tar format, as far as image archives need it: reading the index of a file (ustar, pax and GNU
// long names and sizes) and writing ustar headers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ployz {

inline constexpr size_t kTarBlock = 512;
// An image archive has about three entries a layer; this bounds the index of a hostile one.
inline constexpr size_t kMaxTarEntries = 100'000;

struct TarEntry {
  enum class Kind { file, directory, link, other };
  std::string name;
  Kind kind = Kind::file;
  uint64_t offset = 0;  // of its bytes in the archive
  uint64_t size = 0;
  std::string target;  // of a symbolic or hard link
  bool operator==(const TarEntry&) const = default;
};

// Bytes at an offset of something seekable; fewer than asked only at its end.
class RandomReader {
 public:
  virtual ~RandomReader() = default;
  [[nodiscard]] virtual Result<size_t> read_at(uint64_t offset, std::span<char> into) = 0;
};

// Every entry in order. `corrupt`: not a tar archive, cut short, or beyond the bounds.
[[nodiscard]] Result<std::vector<TarEntry>> read_tar_index(RandomReader& archive);

// The header of a regular file (mode 0644, time 0). Names up to 100 bytes; sizes to 8 GiB in octal,
// above in the GNU base-256 form, which every tar of the last 20 years reads.
[[nodiscard]] std::string tar_header(std::string_view name, uint64_t size);
// Zeros after a file of this size.
[[nodiscard]] size_t tar_padding(uint64_t size);
// Two blocks of zeros end an archive.
[[nodiscard]] inline std::string tar_end() {
  return std::string(2 * kTarBlock, '\0');
}

}  // namespace ployz

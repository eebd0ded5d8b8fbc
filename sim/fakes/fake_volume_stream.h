// The stream format of FakeVolumes: real bytes with a length and a checksum, so that a stream that
// was cut, changed or never was one is noticed, as with the real drivers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz::sim {

struct FakeStream {
  std::string guid;
  std::string base_guid;                                      // empty: of everything
  std::map<std::string, std::optional<std::string>> changes;  // nullopt: the file is gone
};

[[nodiscard]] std::string write_stream(const FakeStream& stream);
// `corrupt` unless the bytes are exactly one stream.
[[nodiscard]] Result<FakeStream> read_stream(std::string_view bytes);

}  // namespace ployz::sim

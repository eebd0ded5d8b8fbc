// What a manifest must fulfil beyond types and units. Pure functions over the parsed values; each
// names the path of the value to blame, which parse_manifest turns into a line and a column.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include "model/manifest.h"

namespace ployz {

struct Problem {
  std::string path;  // see Positions
  std::string message;
  std::string hint;
};

using Checked = std::expected<void, Problem>;

[[nodiscard]] inline std::unexpected<Problem> blame(std::string path, std::string message,
                                                    std::string hint = {}) {
  return std::unexpected(Problem{std::move(path), std::move(message), std::move(hint)});
}

// The first problem of the whole manifest.
[[nodiscard]] Checked check_manifest(const Manifest& manifest);
// Of one service by itself: names, ports, probes, image, environment. `path`: "service[0]".
[[nodiscard]] Checked check_service(const Service& service, const std::string& path);

}  // namespace ployz

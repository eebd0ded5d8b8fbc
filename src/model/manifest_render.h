// A manifest as a person would write it: TOML that parse_manifest reads back to the same manifest.
#pragma once

#include <string>

#include "model/manifest.h"

namespace ployz {

// Fields that have their default are left out.
[[nodiscard]] std::string to_toml(const Manifest& manifest);

}  // namespace ployz

// How people read what becomes of a machine's work, of a drain or a removal.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/render.h"

namespace ployz::cli {

// The document's "steps": one line each, then what changes.
[[nodiscard]] std::string steps_text(const Json& document, const Style& style);
// A list of datasets under a title; nothing when there are none.
[[nodiscard]] std::string datasets_text(std::string_view title, const Json& datasets);

}  // namespace ployz::cli

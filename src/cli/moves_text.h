// How people read what becomes of a machine's work, of a drain or a removal.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/command.h"
#include "cli/render.h"

namespace ployz::cli {

// The document's "steps": one line each, then what changes.
[[nodiscard]] std::string steps_text(const Json& document, const Style& style);
// A list of datasets under a title; nothing when there are none.
[[nodiscard]] std::string datasets_text(std::string_view title, const Json& datasets);

// How it ended: the exit code, the document's own "error" told beside the text. `done`: the outcome
// of one that was seen through.
[[nodiscard]] Answer ended_answer(Session& session, Json document, std::string text,
                                  std::string_view done);

}  // namespace ployz::cli

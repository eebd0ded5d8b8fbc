// Help, manual pages and completion, all from the command tree.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/command.h"

namespace ployz::cli {

// `path`: from the root to the command in question.
[[nodiscard]] std::string help_text(const std::vector<const CommandSpec*>& path);

// docs/cli: file name → Markdown. One file a top-level command, and README.md.
[[nodiscard]] std::map<std::string, std::string> manual_pages(const CommandSpec& root);

// The script for `shell`: bash, zsh or fish. It asks `ployzctl __complete`.
[[nodiscard]] std::string completion_script(const std::string& shell);

// What may stand where the last of `words` is being typed. Names that only the cluster knows are
// asked through `names`.
[[nodiscard]] std::vector<std::string> complete_words(
    const CommandSpec& root, const std::vector<std::string>& words,
    const std::function<std::vector<std::string>(Names)>& names);

}  // namespace ployz::cli

// From words to a command and its arguments.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace ployz::cli {

struct Invocation {
  std::vector<const CommandSpec*> path;  // from the root; the last one is meant
  Args args;
  bool help = false;

  [[nodiscard]] const CommandSpec& command() const { return *path.back(); }
  [[nodiscard]] std::string full_name() const;  // "ployzctl op show"
  // --version, where that is no option of the command's own.
  [[nodiscard]] bool wants_version() const {
    return args.has("version") && command().option("version") == nullptr;
  }
};

// `invalid` for unknown commands and flags (with the nearest one in the hint), missing or surplus
// arguments, values outside an option's choices. Options and positionals may be mixed; after "--"
// everything is positional.
[[nodiscard]] Result<Invocation> parse(const CommandSpec& root,
                                       const std::vector<std::string>& words);

// The word of `known` nearest to `word`, when it is near enough to be meant; else empty.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace ployz::cli

#include "drivers/btrfs/confinement.h"

#include "base/subprocess.h"

namespace ployz::btrfs {

// Asked each time: it takes a millisecond or two, and a stream takes longer.
std::vector<std::string> confined_to(const std::filesystem::path& folder) {
  std::vector<std::string> prefix{"setpriv",        "--no-new-privs",
                                  "--landlock-access", "fs:write",
                                  "--landlock-rule",   "path-beneath:write:" + folder.string()};
  std::vector<std::string> question = prefix;
  question.emplace_back("true");
  const auto answer = run({.argv = std::move(question)});
  if (!answer || !answer->ok()) return {};
  return prefix;
}

}  // namespace ployz::btrfs

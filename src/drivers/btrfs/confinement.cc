#include "drivers/btrfs/confinement.h"

#include "base/subprocess.h"

namespace ployz::btrfs {
namespace {

// setpriv(1) knows no rule of everything: these are all it lists. `refer` is renaming and linking
// from one folder to another.
constexpr auto kLook = "path-beneath:execute,read-file,read-dir:/";
constexpr auto kChange =
    "path-beneath:execute,read-file,read-dir,write-file,remove-dir,remove-file,make-char,make-dir,"
    "make-reg,make-sock,make-fifo,make-block,make-sym,refer,truncate:";

}  // namespace

// Asked each time: it takes a millisecond or two, and a stream takes longer.
std::vector<std::string> confined_to(const std::filesystem::path& folder) {
  std::vector<std::string> prefix{
      "setpriv", "--no-new-privs",  "--landlock-access",      "fs", "--landlock-rule",
      kLook,     "--landlock-rule", kChange + folder.string()};
  std::vector<std::string> question = prefix;
  question.emplace_back("true");
  const auto answer = run({.argv = std::move(question)});
  if (!answer || !answer->ok()) return {};
  return prefix;
}

}  // namespace ployz::btrfs

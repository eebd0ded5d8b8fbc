// Follows a btrfs send stream (docs: btrfs "Send stream format") as it passes by, and says whether
// all of it came: btrfs receive takes a stream that ends between two commands for a whole one
// (btrfs-progs 6.14) and would make a snapshot of what there was. The checksum of each command is
// btrfs receive's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz::btrfs {

class SendStream {
 public:
  // `corrupt`: this is no stream, or goes on after its end.
  [[nodiscard]] Status feed(std::string_view bytes);
  // `corrupt`: it is cut.
  [[nodiscard]] Status finish() const;

 private:
  enum class State { magic, header, body, ended };
  [[nodiscard]] Status take_magic();
  [[nodiscard]] Status take_header();

  State state_ = State::magic;
  std::string pending_;  // of the magic or a command's header
  uint64_t left_ = 0;    // of a command's body
  uint64_t commands_ = 0;
  bool ends_ = false;  // the current command is the end
};

}  // namespace ployz::btrfs

// `btrfs send` and `btrfs receive` as child processes, their bytes handed through in large pieces.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "ports/volumes.h"

namespace ployz::btrfs {

// Both: `canceled` when stopped; the child never outlives the call. What the child says on stderr
// becomes the message of its failure.

// Runs the command and gives its stdout to the sink. An error of the sink is the result;
// `unavailable` when the command fails.
[[nodiscard]] Status send_from(const std::vector<std::string>& argv, const StreamSink& sink,
                               const std::stop_token& stop);
// Runs the command with what the source gives as its stdin, which must be exactly one btrfs stream.
// An error of the source is the result. `corrupt`: no whole stream, or the command refused it;
// `precondition`: no room for it. Whatever the result, the command may have begun something.
[[nodiscard]] Status receive_into(const std::vector<std::string>& argv, const StreamSource& source,
                                  const std::stop_token& stop);

}  // namespace ployz::btrfs

// Reaches a daemon's control socket inside a machine container where its folder cannot be bind
// mounted (an engine in a VM) or its owner is not ours: a socket of our own, each connection of
// which is carried by a `docker exec -i CONTAINER ployzctl __relay`.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace ployz::cli {

class Relay {
 public:
  // Listens when it returns; whether the container answers shows with the first connection.
  [[nodiscard]] static Result<std::unique_ptr<Relay>> start(const std::string& container);
  virtual ~Relay() = default;
  [[nodiscard]] virtual const std::string& socket_path() const = 0;
};

// The other end: carries stdin to the socket and the socket to stdout until both have ended.
[[nodiscard]] Status carry_stdio(const std::string& socket_path);

}  // namespace ployz::cli

// HAProxy's run-time API on its admin socket (HAProxy management guide, 9.3), and the parsing of its
// answers. One connection per command. Thread-safe.
//
// Errors: `unavailable`, effect none: nobody listens. `unavailable` or `timeout`, effect unknown:
// the answer did not come. What HAProxy says of the command itself is text, not an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ployz {

// The answer to one command is seldom slower than a millisecond; HAProxy may be starved of CPU.
inline constexpr std::chrono::milliseconds kRuntimeTimeout{5000};

struct RuntimeServer {
  std::string address;     // "10.101.0.7:8080"
  bool in_service = true;  // not put into maintenance by an administrator
  bool operator==(const RuntimeServer&) const = default;
};
// By backend, then by server name. Backends without servers are left out.
using RuntimeServers = std::map<std::string, std::map<std::string, RuntimeServer>>;

class RuntimeApi {
 public:
  explicit RuntimeApi(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // `lines`: one command without a line end, several joined by ';', or one with its payload.
  [[nodiscard]] Result<std::string> ask(std::string_view lines) const;
  // Until the server, which must be in maintenance, has no connection left: true; or `limit`: false.
  [[nodiscard]] Result<bool> wait_removable(std::string_view slot, std::string_view server,
                                            std::chrono::milliseconds limit) const;
  // Requests and connections inside these backends, all together: those that look for a server,
  // connect, try again or talk to one. A kept-alive connection between two requests is none.
  [[nodiscard]] Result<uint64_t> sessions(const std::vector<std::string>& slots) const;
  // A process that has started anew has another one.
  [[nodiscard]] Result<uint64_t> worker_pid() const;
  [[nodiscard]] Result<RuntimeServers> servers() const;
  // Replaces the whole map by one atomic switch. A version that was prepared and abandoned, by this
  // or an earlier writer, stays invisible for ever.
  [[nodiscard]] Status replace_map(std::string_view map, const std::vector<std::string>& chunks) const;

 private:
  enum class Ending { half_closed, open };
  [[nodiscard]] Result<std::string> exchange(std::string_view lines, Ending ending,
                                             std::chrono::milliseconds timeout) const;
  std::string socket_path_;
};

// The answers, as text; `corrupt` for what is none.
[[nodiscard]] Result<RuntimeServers> parse_servers_state(std::string_view answer);
// The sum of the column "scur".
[[nodiscard]] Result<uint64_t> parse_sessions(std::string_view answer);
[[nodiscard]] Result<uint64_t> parse_info_pid(std::string_view answer);
[[nodiscard]] Result<uint64_t> parse_map_version(std::string_view answer);
// Without blank lines and spaces at the ends: what is left of a silent success is empty.
[[nodiscard]] std::string trim_answer(std::string_view answer);

}  // namespace ployz

// What one run of ployzctl has at hand: the global flags, where output goes, and the daemon it
// talks to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "api/client.h"
#include "base/result.h"
#include "cli/command.h"
#include "cli/contexts.h"
#include "cli/host.h"
#include "cli/relay.h"
#include "cli/table.h"

namespace ployz::cli {

struct GlobalFlags {
  std::string config = "/etc/ployz/config.toml";
  std::string data_dir;  // empty: $XDG_DATA_HOME/ployz
  std::string socket;
  std::string context;
  std::string machine;
  bool json = false;
  bool plain = false;
  bool quiet = false;
  std::string color = "auto";
};

// From the command line, else from PLOYZ_CONFIG, PLOYZ_DATA_DIR, PLOYZ_SOCKET, PLOYZ_CONTEXT,
// PLOYZ_MACHINE, PLOYZ_JSON, PLOYZ_PLAIN, PLOYZ_QUIET, PLOYZ_COLOR. `invalid` for contradictions.
[[nodiscard]] Result<GlobalFlags> global_flags(CliHost& host, const Args& args);

// The way to one daemon. A door whose socket cannot be used is taken through its container.
struct Connection {
  std::unique_ptr<Relay> relay;
  std::unique_ptr<ApiClient> client;
};
[[nodiscard]] Result<Connection> connect_to(const MachineDoor& door);

class Session {
 public:
  Session(CliHost& host, GlobalFlags flags);

  [[nodiscard]] CliHost& host() { return host_; }
  [[nodiscard]] const GlobalFlags& flags() const { return flags_; }
  [[nodiscard]] const Style& style() const { return style_; }

  // Connects to nothing yet. A context whose socket cannot be used is reached through its machine
  // container.
  [[nodiscard]] Result<const ApiClient*> client();
  [[nodiscard]] Result<const ApiClient*> client_of(const MachineDoor& door);

  [[nodiscard]] Result<Contexts> contexts() const;
  [[nodiscard]] Status save(const Contexts& contexts) const;
  [[nodiscard]] std::filesystem::path contexts_file() const;
  [[nodiscard]] std::filesystem::path data_dir() const;  // of this program, not of a daemon

  // One line on stderr, unless --quiet. From any thread.
  void progress(std::string_view line);
  // One line on stderr, always: what the operator must see while waiting.
  void notice(std::string_view line);
  // Progress lines of an operation's events, with times.
  [[nodiscard]] EventSink progress_of_events();

  // Runs a call that changes something, and its Ctrl-C: the first one aborts the operation and
  // waits for the outcome.
  using Change = std::function<Result<Json>(const ApiClient&, const EventSink&)>;
  [[nodiscard]] Result<Json> change(const Change& call, bool can_abort = true);

 private:
  CliHost& host_;
  GlobalFlags flags_;
  Style style_;
  Connection connection_;
};

}  // namespace ployz::cli

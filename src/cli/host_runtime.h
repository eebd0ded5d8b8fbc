// This Debian machine itself as a machine of Ployz (`--runtime host`): what has to be true before
// the package is installed, and what a purge of the package leaves behind. Every function may be
// repeated.
#pragma once

#include <string>

#include "cli/contexts.h"
#include "cli/session.h"

namespace ployz::cli {

// A child process whose failure is refused with its own last line, and `hint`.
[[nodiscard]] Status must(Session& session, Command command, std::string hint);

// Root, Debian 13, systemd. `precondition` or `unsupported`, with what to do instead.
[[nodiscard]] Status check_host(Session& session);

// HAProxy, Knot or NATS of the operator's own: two cannot have one port, so `precondition` if one
// runs. (What our dependencies bring does not start: remote_install.h.)
[[nodiscard]] Status check_ports_of_debian_units(Session& session);

// systemd calls the daemon started before it listens: asks until it answers, for ten seconds.
[[nodiscard]] Status await_daemon(Session& session, const ContextEntry& context);

// After the purge: containers and network of Ployz, its firewall tables and rules, data, the masks
// made by the installation (what the packages enabled stays off), and the context. Volumes of containers
// go with them. Afterwards nothing of Ployz runs here; its dependencies stay installed.
[[nodiscard]] Status remove_from_host(Session& session, const std::string& context);

}  // namespace ployz::cli

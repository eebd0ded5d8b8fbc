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

// Debian starts what it installs, and HAProxy, Knot, NATS and nftables of its own would sit on our
// ports: their units are masked while the host does not know them. One that the host has is its
// operator's and stays as it is; if it runs, `precondition`: two cannot have one port.
[[nodiscard]] Status quiet_debian_units(Session& session);

// systemd calls the daemon started before it listens: asks until it answers, for ten seconds.
[[nodiscard]] Status await_daemon(Session& session, const ContextEntry& context);

// After the purge: containers and network of Ployz, the redirection of published ports, data, the
// masks made above (what the packages enabled stays off), and the context. Volumes of containers
// go with them. Afterwards nothing of Ployz runs here; its dependencies stay installed.
[[nodiscard]] Status remove_from_host(Session& session, const std::string& context);

}  // namespace ployz::cli

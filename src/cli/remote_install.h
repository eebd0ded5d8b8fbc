// Our package and what it depends on, put on a host and taken off it again. Scripts over there keep
// notes in /var/lib/ployz-add of what the host had before, so that an undo, also by a later run of
// the command, knows what was not there.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/preflight.h"
#include "cli/remote_host.h"
#include "cli/session.h"

namespace ployz::cli {

// Where a copy of the package stands on every machine that got it: what the next is given.
inline constexpr std::string_view kKeptPackage = "/usr/share/ployz/ployz.deb";

// The file of --package, else $PLOYZ_PACKAGE, else kKeptPackage. Empty: there is none.
// `invalid` when the named one cannot be read.
[[nodiscard]] Result<std::string> find_package(Session& session, const std::string& option);

// apt-get with everything Ployz needs. Units that Debian's packages of HAProxy, Knot, NATS and
// nftables would start are masked before, unless the host has them already. `internal` with apt's
// own words; then uninstall() brings the host back.
[[nodiscard]] Status install_package(RemoteHost& host, const HostFacts& facts,
                                     const std::string& package, std::stop_token stop);

// Nothing is undone any more by uninstall(): the machine is a member.
[[nodiscard]] Status keep_installed(RemoteHost& host, const HostFacts& facts);

// What install_package() put there is gone, by this or an earlier run. Returns what stays, a line
// each; without notes of an installation that is nothing at all.
[[nodiscard]] Result<std::vector<std::string>> uninstall(RemoteHost& host, const HostFacts& facts);

// Exposed for `daemon install`, which does the same to its own host, and for tests.
[[nodiscard]] std::string_view install_script();
[[nodiscard]] std::string_view uninstall_script();

}  // namespace ployz::cli

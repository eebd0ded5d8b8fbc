// What carries traffic on this machine: overlay, container bridge, gateway, DNS and router. The same
// for the founder of a network and for who joins it; each step may be repeated.
#pragma once

#include "founder.h"
#include "identity.h"
#include "member.h"
#include "model/config.h"
#include "paths.h"

namespace ployz {

// The tunnel's interface and the bridge. `precondition`: this machine cannot have a tunnel, and then
// nothing was made.
[[nodiscard]] Status start_networks(const Identity& identity, const Config& config,
                                    const Paths& paths, const LocalDrivers& drivers);

// Files, then units of gateway, DNS and router. From then on the router is the only writer of what
// they serve. Unchanged files are left alone.
[[nodiscard]] Status start_services(const Identity& identity, const Config& config,
                                    const Paths& paths, const LocalDrivers& drivers);

// Returns when the router answers; its error after a bounded wait.
// The router reads commits where the store is now; restarted when that is elsewhere than before. It goes on
// serving what it knows meanwhile.
[[nodiscard]] Status point_router(const Identity& identity, const Config& config,
                                  const Paths& paths, const LocalDrivers& drivers);
[[nodiscard]] Status await_router(Member& member, Clock& clock);

// Stops what serves here, and the tunnel, until they are started again; over restarts too.
[[nodiscard]] Status stop_services(const LocalDrivers& drivers, const Progress& progress);
// Redirects of published ports, which are the gateway's. Absent is fine, and nothing depends on the
// answer.
void remove_redirects();

}  // namespace ployz

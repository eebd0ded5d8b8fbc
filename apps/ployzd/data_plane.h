// The configuration files of gateway, DNS and router, written by the daemon before it starts their
// units. From then on the router is the only writer of what they serve.
#pragma once

#include "identity.h"
#include "member.h"
#include "model/config.h"
#include "paths.h"

namespace ployz {

// May be repeated; unchanged files are left alone.
[[nodiscard]] Status write_data_plane(const Identity& identity, const Config& config,
                                      const Paths& paths);

}  // namespace ployz

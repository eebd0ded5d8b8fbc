// The one walk over a manifest's tree: keys, types, units and defaults, for TOML and JSON alike.
#pragma once

#include "model/manifest.h"
#include "model/manifest_section.h"

namespace ployz {

// What the tree says, not yet validated. `positions` learns where everything stood.
[[nodiscard]] Result<Manifest> read_manifest(const Node& root, Positions& positions);

}  // namespace ployz

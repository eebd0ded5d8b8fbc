// `mesh join`: makes this machine one of a network that has admitted it. As with the founder, each
// step may be repeated and the identity is written first, so the same call continues a run that was
// cut off.
#pragma once

#include <memory>

#include "founder.h"
#include "identity.h"
#include "member.h"
#include "model/admission.h"

namespace ployz {

class Joiner {
 public:
  // `config` has the network's settings (network_config).
  Joiner(const Config& config, const Paths& paths, const LocalDrivers& drivers)
      : config_(config), paths_(paths), drivers_(drivers) {}

  // `invalid`: the bundle is not for this machine, or nothing that can be joined with.
  [[nodiscard]] static Status check(const JoinBundle& bundle, const Identity& identity);
  // What the bundle gives this machine.
  static void take_on(Identity& identity, const JoinBundle& bundle);

  // Overlay, peers, bridge, leaf node, gateway, DNS, router; then the identity is complete.
  // `unavailable`: the store was not reached; `precondition`: it is of another epoch.
  [[nodiscard]] Result<std::unique_ptr<Member>> join(Identity& identity, const JoinBundle& bundle,
                                                     const Progress& progress);

 private:
  [[nodiscard]] Status start_leaf(const Identity& identity);
  [[nodiscard]] Status await_store(Member& member);

  const Config& config_;
  const Paths& paths_;
  const LocalDrivers& drivers_;
};

}  // namespace ployz

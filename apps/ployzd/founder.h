// `mesh init`: makes this machine the first of a network. Each step may be repeated, and the
// identity is written first, so a run that was cut off is continued by the same command: nothing is
// undone and nothing is made twice.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "identity.h"
#include "member.h"
#include "model/config.h"
#include "paths.h"

namespace ployz {

using Progress = std::function<void(std::string)>;

class Founder {
 public:
  Founder(const Config& config, const Paths& paths, const LocalDrivers& drivers)
      : config_(config), paths_(paths), drivers_(drivers) {}

  // Name, settings and first subnet of the network in the identity, on disk.
  [[nodiscard]] Status name_network(Identity& identity, const std::string& network);

  // Overlay, bridge, store, records, gateway, DNS, router; then the identity is complete. Returns
  // the member once the router answers.
  [[nodiscard]] Result<std::unique_ptr<Member>> found(Identity& identity,
                                                      const Progress& progress);

 private:
  [[nodiscard]] Status start_store(const Identity& identity);
  [[nodiscard]] Status write_records(const Identity& identity);

  const Config& config_;
  const Paths& paths_;
  const LocalDrivers& drivers_;
};

}  // namespace ployz

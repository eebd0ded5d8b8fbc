// Who this machine is: the only facts that live on the machine and nowhere else. Written before
// anything is started, so that a crash while a network is founded or joined is continued, not
// repeated.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "mesh/mesh_calls.h"
#include "model/admission.h"
#include "model/config.h"
#include "model/machine.h"
#include "model/removal_notice.h"
#include "model/store.h"

namespace ployz {

struct Identity {
  std::string network;         // empty: none yet
  Machine machine;
  StoreEpoch store;            // where the control plane's store is; a lower epoch is refused
  bool complete = false;       // the network was founded or joined to the end
  std::optional<NetworkSettings> settings = {};  // absent: founded before networks had any
  bool mirrors = false;            // keeps copies of the store's streams
  bool stopped = false;            // by `mesh stop`: nothing of the network runs until `mesh start`
  // It was told to leave and has not finished; nothing but that is done with it any more.
  std::optional<LeaveRequest> leaving = {};
  // The network has removed it while it was away: it serves nothing any more, and keeps its data.
  std::optional<RemovalNotice> removed = {};
  bool operator==(const Identity&) const = default;

  [[nodiscard]] bool has_store() const { return store.includes(machine.id); }
};

[[nodiscard]] Json to_json(const Identity& identity);
[[nodiscard]] Result<Identity> identity_from_json(const Json& json);

// Nullopt: this machine belongs to no network. `corrupt`: the file does not parse; nothing is
// guessed.
[[nodiscard]] Result<std::optional<Identity>> load_identity(const std::filesystem::path& path);
[[nodiscard]] Status save_identity(const std::filesystem::path& path, const Identity& identity);

// This machine's configuration, except for what all machines of its network have in common.
[[nodiscard]] Config network_config(Config config, const Identity& identity);
// What it would give a network that it founds.
[[nodiscard]] NetworkSettings network_settings(const Config& config, const std::string& name);

}  // namespace ployz

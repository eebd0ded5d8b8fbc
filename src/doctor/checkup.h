// What a machine says of itself to `doctor`: plain facts, each part asked for by itself, so that one
// that fails is a fact too and hides no other. Nothing is changed by asking. Agent command "checkup",
// without arguments.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/machine.h"
#include "ports/clock.h"
#include "ports/containers.h"
#include "ports/host.h"
#include "ports/overlay.h"
#include "ports/units.h"
#include "ports/volumes.h"

namespace ployz {

inline constexpr std::string_view kCheckup = "checkup";
// Bounds the answer: 2,000 datasets with their snapshots are below a megabyte, of the 8 MB a message
// may have. What is beyond is left out, and an error of its part says so.
inline constexpr size_t kMaxChecked = 2000;

struct UnitFacts {
  std::string name;  // "ployz-haproxy.service"
  std::string active_state;
  std::string sub_state;
  uint64_t restarts = 0;
  uint64_t since_ms = 0;
  bool operator==(const UnitFacts&) const = default;
};

struct PeerFacts {
  std::string public_key;
  std::string endpoint;
  std::optional<uint64_t> handshake_age_ms;
  bool operator==(const PeerFacts&) const = default;
};

// Of this machine's copy of the store (docs/adr/0014).
struct CopyFacts {
  bool whole = false;      // it once had everything, record by record
  uint64_t behind_ms = 0;  // since it was last seen to have everything; not whole: since it is made
  uint64_t commits = 0;    // the sequence that the copy of the commits had reached then
  uint64_t stored_commits = 0;  // that of the store, when it was last heard of
  bool operator==(const CopyFacts&) const = default;
};

struct Checkup {
  // As planners get them; without images. Version and clock are the machine's own.
  MachineFacts facts;
  uint64_t epoch = 0;  // of the store, as this machine knows it
  bool keeps_volumes = false;
  std::vector<UnitFacts> units;
  std::vector<PeerFacts> peers;
  std::vector<NetworkRoute> routes;
  std::optional<CopyFacts> copy;  // it keeps none, or is of an older Ployz
  // What could not be asked, by part ("containers", "datasets", "disk", "memory", "peers", "pool",
  // "routes", or a unit's name): why.
  std::map<std::string, std::string> errors;
  bool operator==(const Checkup&) const = default;
};

[[nodiscard]] Json to_json(const Checkup& checkup);
// Fields of a newer machine are ignored.
[[nodiscard]] Result<Checkup> checkup_from_json(const Json& json);

struct CheckupConfig {
  MachineId self;
  uint64_t epoch = 0;
  std::vector<std::string> units;  // those that this machine must run
  std::optional<CopyFacts> copy = {};
};

struct CheckupPorts {
  Containers& containers;
  Volumes* volumes = nullptr;  // it keeps none
  Units& units;
  Overlay& overlay;
  HostFacts& host;
  Clock& clock;
};

// Thread-safe; takes as long as its ports do.
[[nodiscard]] Checkup examine(const CheckupConfig& config, const CheckupPorts& ports);

}  // namespace ployz

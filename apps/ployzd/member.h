// What exists only while this machine belongs to a network: the store seen through NATS, the agent
// that answers for this machine, the engine, and what keeps the mesh. Built once per life of the daemon.
#pragma once

#include <functional>
#include <memory>

#include "agent/agent.h"
#include "doctor/checkup.h"
#include "doctor/fix.h"
#include "engine/engine.h"
#include "identity.h"
#include "mesh/admissions.h"
#include "mesh/invites.h"
#include "mesh/roster_file.h"
#include "mesh/mesh_calls.h"
#include "model/config.h"
#include "paths.h"
#include "ports/clock.h"
#include "ports/containers.h"
#include "ports/echo.h"
#include "ports/host.h"
#include "ports/overlay.h"
#include "ports/transfer.h"
#include "ports/units.h"
#include "storage.h"
#include "store_host.h"
#include "update_host.h"

namespace ployz {

// The drivers of this machine that need no network. Owned by main().
struct LocalDrivers {
  Containers& containers;
  Images& images;
  ContainerNetwork& network;
  Units& units;
  Prober& prober;
  Echo& echo;
  Overlay& overlay;
  HostFacts& host;
  Clock& clock;
  Entropy& entropy;
  Executor& executor;
  Storage& storage;
  // The command "leave" (mesh/mesh_calls.h), which outlives a Member. Called on its threads.
  std::function<Status(const LeaveRequest&)> leave = {};
  // The network has removed this machine; the same.
  std::function<Status(const RemovalNotice&)> removed = {};
};

class Member {
 public:
  // Connects in the background: with the store away the daemon still starts and says so when asked.
  // It then answers its peers too. `corrupt` or `denied`: keys or journal cannot be read;
  // `unavailable`: a port on its overlay address is taken.
  [[nodiscard]] static Result<std::unique_ptr<Member>> join(const Identity& identity,
                                                            const Config& config,
                                                            const Paths& paths,
                                                            const LocalDrivers& drivers);
  virtual ~Member() = default;

  // Thread-safe: the store may move while this is asked.
  [[nodiscard]] virtual Identity identity() const = 0;
  // The store has moved: connection and mirrors go over to where `identity` says that it is.
  [[nodiscard]] virtual Status move_store(const Identity& identity) = 0;
  [[nodiscard]] virtual StoreHost& store() = 0;
  // How much of the store this machine has a copy of, as it tells its peers.
  [[nodiscard]] virtual MirrorReach mirror() = 0;
  // What was seen of that copy; nothing: it keeps none.
  [[nodiscard]] virtual std::optional<CopyFacts> copy_facts() = 0;
  // From now on moves of the store are followed by this (store_host.h).
  virtual void follow_store(std::function<Status(const StoreEpoch&)> go_over) = 0;
  [[nodiscard]] virtual Engine& engine() = 0;
  [[nodiscard]] virtual CommitLog& commits() = 0;
  [[nodiscard]] virtual KeyValue& records() = 0;
  [[nodiscard]] virtual MachineRpc& rpc() = 0;
  // From machine to machine, with neither NATS nor the store: the commands of ports/peer_calls.h.
  [[nodiscard]] virtual MachineRpc& peers() = 0;
  // As last seen, for when the store does not answer. Never null; empty: none was ever seen.
  [[nodiscard]] virtual RosterFile::Members last_seen() = 0;
  [[nodiscard]] virtual Transfers& transfers() = 0;
  [[nodiscard]] virtual Admissions& admissions() = 0;
  [[nodiscard]] virtual Invites& invites() = 0;
  // What this machine says of itself, as its agent answers it to others.
  [[nodiscard]] virtual Checkup checkup() = 0;
  // Mends this machine, as its agent does for others (doctor/fix.h).
  [[nodiscard]] virtual Status mend(const Fix& fix) = 0;
  [[nodiscard]] virtual UpdateHost& updates() = 0;
};

[[nodiscard]] ClusterConfig cluster_config(const Config& config);

}  // namespace ployz

#include "member.h"

#include <cmath>
#include <mutex>

#include <spdlog/spdlog.h>

#include "agent/stream_commands.h"
#include "base/files.h"
#include "base/version.h"
#include "components.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/rpc.h"
#include "drivers/nats/server_config.h"
#include "drivers/peer/peer_rpc.h"
#include "drivers/sqlite/step_journal.h"
#include "drivers/transfer/tcp_transfers.h"
#include "mesh/mesh_agent.h"
#include "mesh/mesh_keeper.h"
#include "nats_files.h"
#include "store_copy.h"
#include "store_host.h"

namespace ployz {
namespace {

// A store that does not answer is reported within five seconds, and who is missing takes another one
// (Backend::explain).
constexpr auto kStoreAnswer = std::chrono::milliseconds(4000);

class NatsMember final : public Member {
 public:
  NatsMember(Identity identity, const Config& config, const Paths& paths, Nkey key,
             std::unique_ptr<NatsConnection> connection, std::unique_ptr<StepJournal> journal,
             std::unique_ptr<Transfers> transfers, const LocalDrivers& drivers)
      : paths_(paths),
        identity_(std::move(identity)),
        drivers_(drivers),
        units_(units_of(config)),
        connection_(std::move(connection)),
        commits_(*connection_),
        records_(*connection_),
        rpc_(*connection_),
        last_seen_(paths.roster(), identity_.network, warn),
        peers_({.network = identity_.network,
                .self = identity_.machine.id,
                .address = identity_.machine.overlay_address,
                .key = std::move(key),
                .members = [this] { return last_seen_.members(); },
                .guests = {.key = [this](const MachineId& guest) { return key_of_guest(guest); },
                           .join = [this](const MachineId& guest, const Json& request)
                               -> Result<Json> { return let_in(guest, request); }},
                .removed = {.key = [this](const MachineId& one) { return key_of_removed(one); },
                            .answer = [this](const MachineId& asking) { return removal(asking); }},
                .log = [](const std::string& line) { spdlog::debug("{}", line); }}),
        journal_(std::move(journal)),
        transfers_(std::move(transfers)),
        agent_({identity_.machine, config.cluster_domain,
                overcommit_permille(config.storage.overcommit_ratio)},
               {drivers.containers, drivers.images, *journal_, drivers.prober, drivers.host,
                drivers.clock, drivers.storage.volumes(), transfers_.get()}),
        streams_({drivers.containers, drivers.images, *transfers_, drivers.clock},
                 paths.image_spool()),
        engine_(engine_config(config, identity_.machine.id),
                {commits_, records_, rpc_, drivers.clock, drivers.entropy, drivers.executor}),
        admissions_({identity_.machine.id, std::string(version()), proof_ports(config)},
                    {records_, rpc_, drivers.clock, drivers.entropy}),
        invites_(identity_.machine.id,
                 {records_, rpc_, drivers.clock, drivers.entropy, admissions_}),
        users_([this] { return this->identity(); }, paths, drivers.units),
        keeper_({identity_.machine.id},
                {records_, drivers.overlay, &users_, drivers.clock, warn, &last_seen_}),
        mesh_(identity_.machine.id, {keeper_, drivers.echo, drivers.prober, drivers.executor}),
        store_(paths, {*connection_, rpc_, peers_, drivers.units, drivers.clock, drivers.executor,
                       [this] { return this->identity(); },
                       [this] { return last_seen_.members(); }, drivers.removed}),
        copy_(identity_.machine.id, paths, *connection_, drivers.clock),
        updates_(paths, config.socket,
                 {drivers.units, *transfers_, [this] { return problems(); }}) {}

  Status serve() {
    if (identity().mirrors) copy_.keep(identity().store.epoch);
    service_ = TRY(rpc_.serve(identity_.machine.id, Target::agent,
                              [this](const std::string& command,
                                     const Json& request) -> Result<Json> {
                                if (auto done = streams_.handle(command, request)) return *done;
                                if (command == kCheckup) return to_json(checkup());
                                if (command == kMend) return mended(request);
                                if (StoreHost::knows(command)) return store_.handle(command, request);
                                if (UpdateHost::knows(command)) {
                                  return updates_.handle(command, request);
                                }
                                if (command == kLeave) return leave(request);
                                return MeshAgent::knows(command) ? mesh_.handle(command, request)
                                                                 : agent_.handle(command, request);
                              }));
    peer_service_ = TRY(peers_.serve(
        identity_.machine.id, Target::agent,
        [this](const std::string& command, const Json&) { return answer_peer(command); }));
    return {};
  }

  Identity identity() const override {
    const std::lock_guard lock(identity_mutex_);
    return identity_;
  }
  Status move_store(const Identity& identity) override {
    copy_.end();
    {
      const std::lock_guard lock(identity_mutex_);
      identity_ = identity;
    }
    TRY(connection_->move({nats_url(identity.store.epoch)}));
    if (identity.mirrors) copy_.keep(identity.store.epoch);
    return {};
  }
  MirrorReach mirror() override {
    MirrorReach reach = copy_.reach(identity().store.epoch);
    reach.recovering = store_.is_recovering();
    return reach;
  }
  std::optional<CopyFacts> copy_facts() override { return copy_.facts(); }
  StoreHost& store() override { return store_; }
  void follow_store(std::function<Status(const StoreEpoch&)> go_over) override {
    store_.follow(std::move(go_over));
  }
  Engine& engine() override { return engine_; }
  CommitLog& commits() override { return commits_; }
  KeyValue& records() override { return records_; }
  MachineRpc& rpc() override { return rpc_; }
  MachineRpc& peers() override { return peers_; }
  RosterFile::Members last_seen() override { return last_seen_.members(); }
  Transfers& transfers() override { return *transfers_; }
  Admissions& admissions() override { return admissions_; }
  Invites& invites() override { return invites_; }
  UpdateHost& updates() override { return updates_; }
  Checkup checkup() override {
    Volumes* const volumes = drivers_.storage.volumes();
    const Identity now = identity();
    const CheckupConfig config{now.machine.id, now.store.epoch, needed_units(), copy_.facts()};
    return examine(config, {drivers_.containers, volumes, drivers_.units, drivers_.overlay,
                            drivers_.host, drivers_.clock});
  }

  Status mend(const Fix& fix) override {
    spdlog::info("doctor --fix: {}", describe(fix));
    return ployz::mend(fix, {needed_units(), unit::kRouter}, {drivers_.containers, drivers_.units});
  }

 private:
  std::vector<std::string> needed_units() {
    std::vector<std::string> units = units_;
    units.emplace_back(unit::nats(identity().store.epoch));
    // The pool in a file is made when it can be; a machine without one lacks nothing.
    if (drivers_.storage.volumes() == nullptr) std::erase(units, unit::kPool);
    return units;
  }

  Result<Json> mended(const Json& request) {
    TRY(mend(TRY(fix_from_json(request))));
    return Json::object();
  }

  std::vector<std::string> problems() {
    std::vector<ComponentReport> parts = components_of(*this, drivers_);
    parts.push_back(containers_component(drivers_));
    std::vector<std::string> lines;
    for (const ComponentReport& part : parts) {
      if (!part.healthy) lines.push_back(std::format("{}: {}", part.name, part.detail));
    }
    return lines;
  }

  Result<Json> leave(const Json& request) {
    TRY(drivers_.leave(TRY(leave_request_from_json(request))));
    return Json::object();
  }

  // The commands of the peer port, and no others (ports/peer_calls.h). From what is at hand: no
  // question to the store.
  Result<Json> answer_peer(const std::string& command) {
    if (command == kPeerHello) {
      return to_json(PeerHello{identity_.machine.id, identity_.network, identity().store.epoch,
                               std::string(version()), connection_->connected(), kRpcVersion});
    }
    if (command == kStoreMirror) return to_json(mirror());
    if (command == kUpdateState) return to_json(TRY(updates_.state()));
    if (command == kStorePlace) return to_json(identity().store);
    return fail(Code::unsupported,
                std::format("machine {} does not answer '{}' on its peer port",
                            identity_.machine.name, command));
  }

  // The one command of the peer port that is not a member's, by whoever holds an invite.
  std::optional<std::string> key_of_guest(const MachineId& guest) {
    const auto invite = keeper_.invite(InviteId(guest.str()));
    return invite ? std::optional(invite->nats_public_key) : std::nullopt;
  }
  Result<Json> let_in(const MachineId& guest, const Json& request) {
    const SelfRecord record = TRY(self_record_from_json(request));
    auto bundle = invites_.redeem(InviteId(guest.str()), record, {});
    if (!bundle) {
      spdlog::info("invite {} does not let in machine {}: {}", guest.str(), record.id.str(),
                   bundle.error().message);
      return fail(std::move(bundle).error());
    }
    spdlog::info("invite {} lets in machine {}", guest.str(), record.id.str());
    return to_json(*bundle);
  }

  // And the one that is a former member's too, for when it comes back.
  std::optional<std::string> key_of_removed(const MachineId& asking) {
    const auto removal = keeper_.removal_of(asking);
    if (!removal || !*removal) return std::nullopt;
    return (*removal)->machine.nats_public_key;
  }
  Result<Json> removal(const MachineId& asking) {
    RemovalAnswer answer{identity().store.epoch, std::nullopt};
    if (const auto removal = TRY(keeper_.removal_of(asking))) answer.removed = removal->notice;
    return to_json(answer);
  }

  static void warn(const std::string& line) { spdlog::warn("{}", line); }

  // What must accept connections on a machine's overlay address before it becomes a member.
  static std::vector<uint16_t> proof_ports(const Config& config) {
    return {config.zfs_transfer_port, kPeerPort};
  }

  // What a member runs, beside this very daemon.
  static std::vector<std::string> units_of(const Config& config) {
    std::vector<std::string> units{unit::kDaemon,  unit::kDocker,    unit::kHaproxy,
                                   unit::kKnot,    unit::kWireguard, unit::kRouter};
    const StorageConfig& storage = config.storage;
    if (storage.zfs_root.empty() && storage.btrfs_root.empty()) units.emplace_back(unit::kPool);
    return units;
  }

  static uint32_t overcommit_permille(double ratio) {
    return static_cast<uint32_t>(std::lround(ratio * 1000));
  }

  static EngineConfig engine_config(const Config& config, const MachineId& self) {
    EngineConfig engine;
    engine.self = self;
    engine.cluster = cluster_config(config);
    return engine;
  }

  const Paths paths_;
  mutable std::mutex identity_mutex_;
  Identity identity_;  // guarded by it
  const LocalDrivers drivers_;
  const std::vector<std::string> units_;
  std::unique_ptr<NatsConnection> connection_;
  NatsCommitLog commits_;
  NatsKeyValue records_;
  NatsRpc rpc_;
  RosterFile last_seen_;
  PeerRpc peers_;
  std::unique_ptr<StepJournal> journal_;
  std::unique_ptr<Transfers> transfers_;
  Agent agent_;
  StreamCommands streams_;  // its fetches end before transfers_
  Engine engine_;
  Admissions admissions_;
  Invites invites_;
  ReloadedUsers users_;
  MeshKeeper keeper_;
  MeshAgent mesh_;
  StoreHost store_;
  StoreCopy copy_;
  UpdateHost updates_;
  std::unique_ptr<Subscription> service_;  // last: their handlers end before what they use
  std::unique_ptr<Subscription> peer_service_;
};

}  // namespace

ClusterConfig cluster_config(const Config& config) {
  return {config.cluster_domain, config.gateway_domain, config.gateway_listen_addr.port};
}

namespace {

// A key that others know this machine by: gone, it is not made anew.
Result<std::string> seed_at(const std::filesystem::path& path) {
  if (auto seed = TRY(read_file(path))) return *std::move(seed);
  return fail(Code::corrupt, path.string() + " is missing",
              "restore it from a backup: it is this machine's key to its network");
}

}  // namespace

Result<std::unique_ptr<Member>> Member::join(const Identity& identity, const Config& config,
                                             const Paths& paths, const LocalDrivers& drivers) {
  const std::string seed = TRY(seed_at(paths.daemon_seed()));
  std::error_code error;
  std::filesystem::create_directories(paths.step_journal().parent_path(), error);
  if (error) {
    return fail(Code::denied, std::format("cannot create {}: {}",
                                          paths.step_journal().parent_path().string(),
                                          error.message()));
  }
  NatsConfig nats;
  nats.urls = {nats_url(identity.store.epoch)};
  nats.seed = seed;
  nats.name = "ployzd@" + identity.machine.name;
  nats.inbox_prefix = inbox_prefix(identity.machine.id, NatsRole::daemon);
  nats.request_timeout = kStoreAnswer;
  auto member = std::make_unique<NatsMember>(
      identity, config, paths, TRY(seed_at(paths.leaf_seed()).and_then(Nkey::from_seed)), TRY(NatsConnection::open(std::move(nats))),
      TRY(open_step_journal(paths.step_journal(), drivers.clock)),
      TRY(TcpTransfers::listen({.address = identity.machine.overlay_address,
                                .port = config.zfs_transfer_port})),
      drivers);
  TRY(member->serve());
  return member;
}

}  // namespace ployz

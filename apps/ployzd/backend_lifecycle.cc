// What an operator does with a machine that is a member: standby, activate, drain, rm, update, and whether it
// holds the store.
#include "backend.h"
#include "images/distribution.h"
#include "mesh/machine_drain.h"
#include "mesh/machine_state.h"
#include "mesh/store_absence.h"
#include "mesh/store_transfer.h"
#include "ports/peer_calls.h"

namespace ployz {
namespace {

// For a machine that is well to say so over the peer port.
constexpr std::chrono::milliseconds kHello{900};

CopyImage image_copier(Member& member, const LocalDrivers& drivers) {
  return [&member, &drivers](const ImageCopy& copy, const MachineId& from, const EventSink& events,
                             std::stop_token cancel) -> Status {
    const Snapshot stored = TRY(member.engine().stored());
    const auto sent = TRY(distribute_image(
        {copy.image, from, {copy.to}}, stored.machines,
        {member.rpc(), drivers.clock, drivers.entropy, drivers.executor}, events, std::move(cancel)));
    for (const DistributeReport& report : sent) {
      if (report.error) return fail(Error(*report.error).at("image " + copy.image));
    }
    return {};
  };
}

MachineDrain drain_of(Member& member, const LocalDrivers& drivers) {
  return MachineDrain({member.engine(), member.records(), drivers.clock, drivers.entropy,
                       image_copier(member, drivers)});
}

}  // namespace

Result<StateReport> Backend::machine_standby(const StandbyRequest& request) {
  const auto member = TRY(node_.member());
  return put_on_standby(request, TRY(member->engine().stored()), member->records(),
                        node_.drivers().clock);
}

Result<StateReport> Backend::machine_in_service(const std::string& machine, bool preview) {
  const auto member = TRY(node_.member());
  return put_in_service(machine, preview, TRY(member->engine().stored()), member->records(),
                        node_.drivers().clock);
}

StoreTransfer Backend::store_transfer_of(Member& member) {
  const LocalDrivers& drivers = node_.drivers();
  return {member.identity().machine.id,
          {member.records(), member.rpc(), drivers.clock, drivers.entropy, member.store().moves()}};
}

Error Backend::explain(Error error) {
  const auto member = is_of_store(error) ? node_.member() : Result<std::shared_ptr<Member>>(nullptr);
  if (!member || !*member) return error;
  const Identity identity = (*member)->identity();
  std::vector<MachineRpc::Call> calls;
  std::set<MachineId> answering;
  for (const StoreMember& holder : identity.store.members) {
    if (holder.machine == identity.machine.id) {
      answering.insert(holder.machine);
    } else {
      calls.push_back({{holder.machine, Target::agent, std::string(kPeerHello)}, Json::object()});
    }
  }
  for (const auto& answer : (*member)->peers().call_all(calls, kHello)) {
    const auto hello = answer ? peer_hello_from_json(*answer) : Result<PeerHello>(PeerHello());
    if (hello && hello->connected) answering.insert(hello->machine);
  }
  return explain_absence(std::move(error), identity.store, *(*member)->last_seen(), answering);
}

Result<StoreReport> Backend::storage_promote(const StoreRequest& request, const EventSink& events,
                                             std::stop_token cancel) {
  const auto member = TRY(node_.member());
  return store_transfer_of(*member).run(request, events, std::move(cancel));
}

MachineUpdate Backend::update_of(Member& member) {
  const LocalDrivers& drivers = node_.drivers();
  return MachineUpdate({member.identity().machine.id},
                       {member.records(), member.rpc(), member.peers(), drivers.clock,
                        drivers.entropy});
}

Result<Package> Backend::package_take(const ByteSource& bytes, const std::string& sha256,
                                      bool keep) {
  return TRY(node_.member())->updates().packages().take(bytes, sha256, keep);
}

Result<UpdateReport> Backend::machine_update(const UpdateRequest& request, const EventSink& events,
                                             std::stop_token cancel) {
  const auto member = TRY(node_.member());
  return update_of(*member).run(request, events, std::move(cancel));
}

Result<DrainReport> Backend::machine_drain_preview(const std::string& machine) {
  const auto member = TRY(node_.member());
  return drain_of(*member, node_.drivers()).preview(machine);
}

Result<DrainReport> Backend::machine_drain(const std::string& machine, const EventSink& events,
                                           std::stop_token cancel) {
  const auto member = TRY(node_.member());
  return drain_of(*member, node_.drivers()).run(machine, events, std::move(cancel));
}

Result<RemovalReport> Backend::machine_removal_preview(const RemovalRequest& request) {
  const auto member = TRY(node_.member());
  return removal_of(*member).preview(request);
}

Result<RemovalReport> Backend::machine_remove(const RemovalRequest& request,
                                              const EventSink& events, std::stop_token cancel) {
  const auto member = TRY(node_.member());
  return removal_of(*member).run(request, events, std::move(cancel));
}

MachineRemoval Backend::removal_of(Member& member) {
  return MachineRemoval({member.identity().machine.id},
                        {member.engine(), member.records(), member.rpc(), node_.drivers().clock,
                         node_.drivers().entropy, image_copier(member, node_.drivers()),
                         member.store().moves()});
}

}  // namespace ployz

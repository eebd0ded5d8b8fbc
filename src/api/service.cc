#include "api/service.h"

namespace ployz {
namespace {

std::unexpected<Error> not_here(std::string_view what) {
  return fail(Code::unsupported, std::string(what) + " is not possible with this daemon");
}

}  // namespace

Result<SelfRecord> ApiService::self_record() { return not_here("self-record"); }
Result<JoinBundle> ApiService::machine_admit(const AdmitRequest&, const EventSink&,
                                             std::stop_token) {
  return not_here("machine add");
}
Result<MachineReport> ApiService::machine_activate(const MachineId&, const EventSink&,
                                                   std::stop_token) {
  return not_here("machine add");
}
Status ApiService::machine_withdraw(const MachineId&) { return not_here("machine add"); }
Result<MeshReport> ApiService::mesh_join(const JoinBundle&, const EventSink&) {
  return not_here("mesh join");
}
Result<InviteReport> ApiService::invite_create(const InviteRequest&) { return not_here("an invite"); }
Result<std::vector<InviteReport>> ApiService::invites() { return not_here("an invite"); }
Result<InviteReport> ApiService::invite_revoke(const InviteId&) { return not_here("an invite"); }
Result<InviteReport> ApiService::invite_import(const JoinToken&) { return not_here("an invite"); }
Result<MeshReport> ApiService::mesh_join_by_token(const JoinToken&, const EventSink&) {
  return not_here("mesh join");
}
Result<bool> ApiService::mesh_stop(bool, const EventSink&) { return not_here("mesh stop"); }
Result<bool> ApiService::mesh_start(const EventSink&) { return not_here("mesh start"); }
Status ApiService::mesh_destroy(bool, bool, const EventSink&) { return not_here("mesh destroy"); }
Result<StoreReport> ApiService::storage_promote(const StoreRequest&, const EventSink&,
                                                std::stop_token) {
  return not_here("machine storage promote");
}
Result<RecoveryReport> ApiService::storage_recover(const RecoverRequest&, const EventSink&) {
  return not_here("machine storage recover");
}
Result<Package> ApiService::package_take(const ByteSource&, const std::string&, bool) {
  return not_here("machine update");
}
Result<FixReport> ApiService::doctor_fix(const FixRequest&, const EventSink&, std::stop_token) {
  return not_here("doctor --fix");
}
Result<UpdateReport> ApiService::machine_update(const UpdateRequest&, const EventSink&,
                                                std::stop_token) {
  return not_here("machine update");
}
Result<StateReport> ApiService::machine_standby(const StandbyRequest&) {
  return not_here("machine standby");
}
Result<StateReport> ApiService::machine_in_service(const std::string&, bool) {
  return not_here("machine activate");
}
Result<DrainReport> ApiService::machine_drain_preview(const std::string&) {
  return not_here("machine drain");
}
Result<DrainReport> ApiService::machine_drain(const std::string&, const EventSink&,
                                              std::stop_token) {
  return not_here("machine drain");
}
Result<RemovalReport> ApiService::machine_removal_preview(const RemovalRequest&) {
  return not_here("machine rm");
}
Result<RemovalReport> ApiService::machine_remove(const RemovalRequest&, const EventSink&,
                                                 std::stop_token) {
  return not_here("machine rm");
}
Result<std::vector<RttReport>> ApiService::machine_rtt() { return not_here("machine rtt"); }
Result<DoctorReport> ApiService::doctor(const std::vector<std::string>&) {
  return not_here("doctor");
}
Result<std::vector<DistributeReport>> ApiService::image_distribute(const DistributeRequest&,
                                                                   const EventSink&,
                                                                   std::stop_token) {
  return not_here("image distribute");
}
Result<std::vector<ImageStatus>> ApiService::image_status(std::string_view) {
  return not_here("image status");
}

Result<Plan> ApiService::change_preview(const ChangeRequest& request) {
  return not_here(kind_of(request));
}
Result<Operation> ApiService::change(const ChangeRequest& request, const EventSink&,
                                     std::stop_token) {
  return not_here(kind_of(request));
}
Result<PreparedReport> ApiService::prepare(const ChangeRequest& request, uint64_t) {
  return not_here(kind_of(request));
}
Result<Operation> ApiService::apply_prepared(const OperationId&, const EventSink&,
                                             std::stop_token) {
  return not_here("apply-prepared");
}
Result<VolumesReport> ApiService::volumes(const NamespaceName&) { return not_here("volume ls"); }
Result<Manifest> ApiService::manifest_of(const NamespaceName&) {
  return not_here("render-manifest");
}

}  // namespace ployz

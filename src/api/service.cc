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
Result<bool> ApiService::mesh_stop(bool, const EventSink&) { return not_here("mesh stop"); }
Result<bool> ApiService::mesh_start(const EventSink&) { return not_here("mesh start"); }
Status ApiService::mesh_destroy(bool, const EventSink&) { return not_here("mesh destroy"); }
Result<std::vector<RttReport>> ApiService::machine_rtt() { return not_here("machine rtt"); }
Result<std::vector<DistributeReport>> ApiService::image_distribute(const DistributeRequest&,
                                                                   const EventSink&,
                                                                   std::stop_token) {
  return not_here("image distribute");
}
Result<std::vector<ImageStatus>> ApiService::image_status(std::string_view) {
  return not_here("image status");
}

}  // namespace ployz

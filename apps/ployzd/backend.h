// The API's service: answers from engine, store and drivers of this machine.
#pragma once

#include "api/service.h"
#include "base/patience.h"
#include "doctor/diagnose.h"
#include "mesh/machine_removal.h"
#include "mesh/machine_update.h"
#include "mesh/store_transfer.h"
#include "node.h"
#include "read_source.h"

namespace ployz {

class Backend : public ApiService {
 public:
  explicit Backend(Node& node) : node_(node) {}

  Copy copy() override;
  Result<StatusReport> status() override;
  Error explain(Error error) override;
  Result<MeshReport> mesh_init(const MeshInitRequest& request, const EventSink& events) override;
  Result<MeshReport> mesh() override;
  Result<std::vector<MachineReport>> machines() override;
  Result<SelfRecord> self_record() override;
  Result<JoinBundle> machine_admit(const AdmitRequest& request, const EventSink& events,
                                   std::stop_token cancel) override;
  Result<MachineReport> machine_activate(const MachineId& machine, const EventSink& events,
                                         std::stop_token cancel) override;
  Status machine_withdraw(const MachineId& machine) override;
  Result<StateReport> machine_standby(const StandbyRequest& request) override;
  Result<StateReport> machine_in_service(const std::string& machine, bool preview) override;
  Result<RecoveryReport> storage_recover(const RecoverRequest& request,
                                         const EventSink& events) override;
  Result<StoreReport> storage_promote(const StoreRequest& request, const EventSink& events,
                                      std::stop_token cancel) override;
  Result<Package> package_take(const ByteSource& bytes, const std::string& sha256,
                               bool keep) override;
  Result<UpdateReport> machine_update(const UpdateRequest& request, const EventSink& events,
                                      std::stop_token cancel) override;
  Result<DrainReport> machine_drain_preview(const std::string& machine) override;
  Result<DrainReport> machine_drain(const std::string& machine, const EventSink& events,
                                    std::stop_token cancel) override;
  Result<RemovalReport> machine_removal_preview(const RemovalRequest& request) override;
  Result<RemovalReport> machine_remove(const RemovalRequest& request, const EventSink& events,
                                       std::stop_token cancel) override;
  Result<MeshReport> mesh_join(const JoinBundle& bundle, const EventSink& events) override;
  Result<InviteReport> invite_create(const InviteRequest& request) override;
  Result<std::vector<InviteReport>> invites() override;
  Result<InviteReport> invite_revoke(const InviteId& id) override;
  Result<InviteReport> invite_import(const JoinToken& token) override;
  Result<MeshReport> mesh_join_by_token(const JoinToken& token, const EventSink& events) override;
  Result<bool> mesh_stop(bool force, const EventSink& events) override;
  Result<bool> mesh_start(const EventSink& events) override;
  Status mesh_destroy(bool force, bool keep_data, const EventSink& events) override;
  Result<std::vector<RttReport>> machine_rtt() override;
  Result<DoctorReport> doctor(const std::vector<std::string>& machines) override;
  Result<FixReport> doctor_fix(const FixRequest& request, const EventSink& events,
                               std::stop_token cancel) override;
  Result<Plan> deploy_preview(const DeployRequest& request) override;
  Result<Operation> deploy(const DeployRequest& request, const EventSink& events,
                           std::stop_token cancel) override;
  Result<Plan> namespace_rm_preview(const NamespaceRmRequest& request) override;
  Result<Operation> namespace_rm(const NamespaceRmRequest& request, const EventSink& events,
                                 std::stop_token cancel) override;
  Result<Plan> change_preview(const ChangeRequest& request) override;
  Result<Operation> change(const ChangeRequest& request, const EventSink& events,
                           std::stop_token cancel) override;
  Result<PreparedReport> prepare(const ChangeRequest& request, uint64_t ttl_ms) override;
  Result<Operation> apply_prepared(const OperationId& id, const EventSink& events,
                                   std::stop_token cancel) override;
  Result<VolumesReport> volumes(const NamespaceName& name) override;
  Result<Manifest> manifest_of(const NamespaceName& name) override;
  Result<std::vector<NamespaceReport>> namespaces() override;
  Result<NamespaceReport> namespace_inspect(const NamespaceName& name) override;
  Result<std::vector<CommitEntry>> log(const NamespaceName& name, size_t limit) override;
  Result<CommitEntry> show(std::string_view id_or_prefix) override;
  Result<std::vector<InstanceReport>> instances(const NamespaceName& name) override;
  Result<std::vector<Operation>> operations(size_t limit) override;
  Result<Operation> operation(const OperationId& id) override;
  Result<Operation> resume(const OperationId& id, const EventSink& events,
                           std::stop_token cancel) override;
  Result<Operation> abort(const OperationId& id, const EventSink& events) override;
  Result<std::vector<ImageInfo>> images() override;
  Result<ImageInfo> image(std::string_view reference) override;
  Result<ImageInfo> image_load(const ByteSource& archive, std::string_view expected_id,
                               std::string_view reference) override;
  Result<std::vector<DistributeReport>> image_distribute(const DistributeRequest& request,
                                                         const EventSink& events,
                                                         std::stop_token cancel) override;
  Result<std::vector<ImageStatus>> image_status(std::string_view reference) override;
  Status logs(const LogsRequest& request, const LogSink& sink, std::stop_token stop) override;
  Result<ExecResult> exec(const ExecRequest& request) override;

 private:
  // Whose reads are of this copy.
  Backend(Node& node, std::shared_ptr<CopyReading> copied)
      : node_(node), copied_(std::move(copied)) {}
  struct Reading {
    std::shared_ptr<Member> member;  // as long as what follows is used
    ReadSource store;
  };
  [[nodiscard]] Result<Reading> reading();

  // Which machines run the instances that are meant, asked live.
  struct Located {
    Machine machine;
    std::vector<InstanceId> instances;
  };
  [[nodiscard]] Result<std::vector<Located>> locate(const LogsRequest& request);

  [[nodiscard]] MachineRemoval removal_of(Member& member);
  [[nodiscard]] MachineUpdate update_of(Member& member);
  [[nodiscard]] StoreTransfer store_transfer_of(Member& member);
  [[nodiscard]] Progress progress_to(const EventSink& events);

  // All that doctor looks at.
  [[nodiscard]] Result<ClusterView> look_at(const std::vector<std::string>& machines);
  [[nodiscard]] Status mend_on(const ClusterView& view, const WantedFix& wanted,
                               const EventSink& events, std::stop_token cancel);
  // What is left when what was mended is seen to be, or has had its time.
  [[nodiscard]] Result<DoctorReport> look_after(const FixRequest& request,
                                                const std::vector<FixDone>& fixes,
                                                const std::stop_token& cancel);
  // What of the view is the store's; `store_silent` when it does not answer in time.
  void read_store(const std::shared_ptr<Member>& member,
                  std::chrono::steady_clock::time_point began, ClusterView& view);

  Node& node_;
  const std::shared_ptr<CopyReading> copied_;  // null: the store answers
  Patience patience_;
};

}  // namespace ployz

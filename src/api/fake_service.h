// An ApiService in memory for tests of routes, client and commands: answers what a test put into
// its fields, and records what it was asked.
#pragma once

#include <condition_variable>
#include <mutex>

#include "api/service.h"

namespace ployz {

class FakeService : public ApiService {
 public:
  StatusReport status_report;
  MeshReport mesh_report;
  std::vector<MachineReport> machine_list;
  std::vector<NamespaceReport> namespace_list;
  std::vector<CommitEntry> commits;
  std::vector<InstanceReport> instance_list;
  std::vector<Operation> operation_list;
  std::vector<ImageInfo> image_list;
  Plan plan;
  SelfRecord self;
  JoinBundle bundle;        // of machine_admit, with the record's id and name
  MachineReport activated;  // of machine_activate
  std::vector<RttReport> rtt_list;
  std::vector<LogChunk> log_chunks;
  std::vector<DistributeReport> distribute_reports;
  std::vector<ImageStatus> image_statuses;
  ExecResult exec_result;
  Operation result;                  // of deploy, namespace_rm, resume and abort
  std::vector<Event> events;         // told before that
  std::optional<Error> error;        // returned by everything, when set
  std::optional<Error> admit_error;  // of machine_admit alone
  std::optional<Error> activate_error;
  bool wait_for_cancel = false;  // deploy ends, `aborted`, only when it is canceled
  bool follow_forever = false;   // logs end only when stopped

  // What was asked.
  std::optional<DeployRequest> deployed;
  std::optional<NamespaceRmRequest> removed;
  std::optional<LogsRequest> logged;
  std::optional<ExecRequest> executed;
  std::optional<DistributeRequest> distributed;
  std::optional<AdmitRequest> admitted;
  std::optional<MachineId> activation, withdrawn;
  std::optional<JoinBundle> joined;
  std::optional<bool> stopped;    // the value of `force`
  std::optional<bool> destroyed;  // the value of `force`
  bool data_kept = false;
  std::string loaded;
  std::atomic<int> deploys_done = 0;
  std::atomic<bool> logs_stopped = false;

  // Of this machine's copy of the store: what answers then, if anything.
  std::unique_ptr<FakeService> copied;
  AsOf copied_as_of;
  Copy copy() override { return {std::move(copied), copied_as_of}; }

  Result<StatusReport> status() override { return answer(status_report); }
  Result<MeshReport> mesh_init(const MeshInitRequest& request, const EventSink& sink) override {
    mesh_report.name = request.name;
    tell(sink);
    return answer(mesh_report);
  }
  Result<MeshReport> mesh() override { return answer(mesh_report); }
  Result<std::vector<MachineReport>> machines() override { return answer(machine_list); }
  Result<SelfRecord> self_record() override { return answer(self); }
  Result<JoinBundle> machine_admit(const AdmitRequest& request, const EventSink& sink,
                                   std::stop_token) override {
    const std::lock_guard lock(mutex_);
    admitted = request;
    tell(sink);
    if (admit_error) return fail(*admit_error);
    auto out = bundle;
    out.admission.machine.id = request.record.id;
    out.admission.machine.name = request.name.empty() ? request.record.name : request.name;
    return answer(out);
  }
  Result<MachineReport> machine_activate(const MachineId& machine, const EventSink& sink,
                                         std::stop_token) override {
    const std::lock_guard lock(mutex_);
    activation = machine;
    tell(sink);
    if (activate_error) return fail(*activate_error);
    return answer(activated);
  }
  Status machine_withdraw(const MachineId& machine) override {
    const std::lock_guard lock(mutex_);
    withdrawn = machine;
    if (error) return fail(*error);
    return {};
  }
  Result<MeshReport> mesh_join(const JoinBundle& what, const EventSink& sink) override {
    joined = what;
    tell(sink);
    return answer(mesh_report);
  }
  std::optional<InviteRequest> invited;
  std::optional<InviteId> revoked;
  std::optional<JoinToken> imported, joined_by;
  InviteReport invite_report;
  Result<InviteReport> invite_create(const InviteRequest& request) override {
    invited = request;
    return answer(invite_report);
  }
  Result<std::vector<InviteReport>> invites() override {
    return answer(std::vector<InviteReport>{invite_report});
  }
  Result<InviteReport> invite_revoke(const InviteId& id) override {
    revoked = id;
    return answer(invite_report);
  }
  Result<InviteReport> invite_import(const JoinToken& token) override {
    imported = token;
    return answer(invite_report);
  }
  Result<MeshReport> mesh_join_by_token(const JoinToken& token, const EventSink& sink) override {
    joined_by = token;
    tell(sink);
    return answer(mesh_report);
  }
  Result<bool> mesh_stop(bool force, const EventSink& sink) override {
    stopped = force;
    tell(sink);
    return answer(true);
  }
  Result<bool> mesh_start(const EventSink& sink) override {
    tell(sink);
    return answer(std::exchange(stopped, std::nullopt).has_value());
  }
  Status mesh_destroy(bool force, bool keep_data, const EventSink& sink) override {
    destroyed = force;
    data_kept = keep_data;
    tell(sink);
    if (error) return fail(*error);
    return {};
  }
  std::optional<StandbyRequest> standby;
  std::optional<std::string> in_service;
  StateReport state_report;
  Result<StateReport> machine_standby(const StandbyRequest& request) override {
    standby = request;
    return answer(state_report);
  }
  Result<StateReport> machine_in_service(const std::string& machine, bool preview) override {
    in_service = machine;
    state_report.preview = preview;
    return answer(state_report);
  }
  std::optional<StoreRequest> promoted;
  StoreReport store_report;
  Result<StoreReport> storage_promote(const StoreRequest& request, const EventSink& sink,
                                      std::stop_token) override {
    promoted = request;
    tell(sink);
    return answer(store_report);
  }
  std::string package;  // the bytes that arrived
  bool package_kept = false;
  Result<Package> package_take(const ByteSource& bytes, const std::string& sha256,
                               bool keep) override {
    char piece[4096];
    while (const size_t got = TRY(bytes(piece))) package.append(piece, got);
    package_kept = keep;
    return Package{"0.2.0", "amd64", sha256, package.size()};
  }
  std::vector<UpdateRequest> updates;
  UpdateReport update_report;
  std::vector<Error> update_errors;  // of the first calls
  Result<UpdateReport> machine_update(const UpdateRequest& request, const EventSink& sink,
                                      std::stop_token) override {
    updates.push_back(request);
    tell(sink);
    if (!update_errors.empty()) {
      Error error = update_errors.front();
      update_errors.erase(update_errors.begin());
      return fail(std::move(error));
    }
    return answer(update_report);
  }
  std::optional<std::string> drained;
  DrainReport drain_report;
  Result<DrainReport> machine_drain_preview(const std::string&) override {
    return answer(drain_report);
  }
  Result<DrainReport> machine_drain(const std::string& machine, const EventSink& sink,
                                    std::stop_token) override {
    drained = machine;
    tell(sink);
    return answer(drain_report);
  }
  std::optional<RemovalRequest> removal;
  RemovalReport removal_report;
  Result<RemovalReport> machine_removal_preview(const RemovalRequest&) override {
    return answer(removal_report);
  }
  Result<RemovalReport> machine_remove(const RemovalRequest& request, const EventSink& sink,
                                       std::stop_token) override {
    removal = request;
    tell(sink);
    return answer(removal_report);
  }
  Result<std::vector<RttReport>> machine_rtt() override { return answer(rtt_list); }
  DoctorReport doctor_report;
  std::vector<std::string> examined;  // as doctor was asked
  Result<DoctorReport> doctor(const std::vector<std::string>& machines) override {
    examined = machines;
    return answer(doctor_report);
  }
  std::optional<FixRequest> mended;
  FixReport fix_report;
  Result<FixReport> doctor_fix(const FixRequest& request, const EventSink& sink,
                               std::stop_token) override {
    mended = request;
    tell(sink);
    return answer(fix_report);
  }
  std::optional<ChangeRequest> changed;
  std::optional<OperationId> applied;  // of a prepared plan
  VolumesReport volumes_report;
  Manifest manifest;

  Result<Plan> change_preview(const ChangeRequest& request) override {
    changed = request;
    return answer(plan);
  }
  Result<Operation> change(const ChangeRequest& request, const EventSink& sink,
                           std::stop_token) override {
    changed = request;
    tell(sink);
    return answer(result);
  }
  Result<PreparedReport> prepare(const ChangeRequest& request, uint64_t ttl_ms) override {
    changed = request;
    return answer(PreparedReport{result.id, 1'700'000'000'000 + ttl_ms, plan});
  }
  Result<Operation> apply_prepared(const OperationId& id, const EventSink& sink,
                                   std::stop_token) override {
    applied = id;
    tell(sink);
    return answer(result);
  }
  Result<VolumesReport> volumes(const NamespaceName&) override { return answer(volumes_report); }
  Result<Manifest> manifest_of(const NamespaceName&) override { return answer(manifest); }
  Result<Plan> deploy_preview(const DeployRequest& request) override {
    deployed = request;
    return answer(plan);
  }
  Result<Operation> deploy(const DeployRequest& request, const EventSink& sink,
                           std::stop_token cancel) override {
    deployed = request;
    tell(sink);
    auto out = result;
    if (wait_for_cancel && wait(cancel)) out.outcome = Outcome::aborted;
    ++deploys_done;
    return answer(out);
  }
  Result<Plan> namespace_rm_preview(const NamespaceRmRequest& request) override {
    removed = request;
    return answer(plan);
  }
  Result<Operation> namespace_rm(const NamespaceRmRequest& request, const EventSink& sink,
                                 std::stop_token) override {
    removed = request;
    tell(sink);
    return answer(result);
  }
  Result<std::vector<NamespaceReport>> namespaces() override { return answer(namespace_list); }
  Result<NamespaceReport> namespace_inspect(const NamespaceName& name) override {
    for (auto& report : namespace_list)
      if (report.newest.commit.name_space == name) return answer(report);
    return fail(Code::not_found, "no namespace '" + name.str() + "'", "ployzctl namespace ls");
  }
  Result<std::vector<CommitEntry>> log(const NamespaceName&, size_t limit) override {
    auto out = commits;
    out.resize(std::min(limit, out.size()));
    return answer(out);
  }
  Result<CommitEntry> show(std::string_view id) override {
    for (auto& entry : commits)
      if (entry.commit.id.str().starts_with(id)) return answer(entry);
    return fail(Code::not_found, std::format("no commit '{}'", id));
  }
  Result<std::vector<InstanceReport>> instances(const NamespaceName&) override {
    return answer(instance_list);
  }
  Result<std::vector<Operation>> operations(size_t) override { return answer(operation_list); }
  Result<Operation> operation(const OperationId& id) override {
    for (auto& operation : operation_list)
      if (operation.id == id) return answer(operation);
    return fail(Code::not_found, "no operation '" + id.str() + "'");
  }
  Result<Operation> resume(const OperationId&, const EventSink& sink, std::stop_token) override {
    tell(sink);
    return answer(result);
  }
  Result<Operation> abort(const OperationId&, const EventSink& sink) override {
    tell(sink);
    return answer(result);
  }
  Result<std::vector<ImageInfo>> images() override { return answer(image_list); }
  Result<ImageInfo> image(std::string_view reference) override {
    for (auto& image : image_list)
      if (image.id == reference || std::ranges::contains(image.references, reference))
        return answer(image);
    return fail(Code::not_found, std::format("no image '{}'", reference));
  }
  Result<ImageInfo> image_load(const ByteSource& archive, std::string_view expected_id,
                               std::string_view reference) override {
    loaded.clear();
    std::string piece(1000, '\0');
    while (true) {
      auto got = archive(piece);
      if (!got) return fail(got.error());
      if (*got == 0) break;
      loaded.append(piece, 0, *got);
    }
    image_list.push_back({std::string(expected_id), {std::string(reference)}, {}, loaded.size()});
    return answer(image_list.back());
  }
  Result<std::vector<DistributeReport>> image_distribute(const DistributeRequest& request,
                                                         const EventSink& sink,
                                                         std::stop_token) override {
    distributed = request;
    tell(sink);
    return answer(distribute_reports);
  }
  Result<std::vector<ImageStatus>> image_status(std::string_view) override {
    return answer(image_statuses);
  }
  Status logs(const LogsRequest& request, const LogSink& sink, std::stop_token stop) override {
    logged = request;
    if (error) return fail(*error);
    for (const LogChunk& chunk : log_chunks)
      if (!sink(chunk)) return {};
    if (follow_forever) logs_stopped = wait(stop);
    return {};
  }
  Result<ExecResult> exec(const ExecRequest& request) override {
    executed = request;
    return answer(exec_result);
  }

 private:
  std::mutex mutex_;  // several machines are added at once
  template <class T>
  Result<T> answer(T value) const {
    if (error) return fail(*error);
    return value;
  }
  void tell(const EventSink& sink) const {
    for (const Event& event : events) sink(event);
  }
  static bool wait(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [] { return false; });
    return stop.stop_requested();
  }
};

}  // namespace ployz

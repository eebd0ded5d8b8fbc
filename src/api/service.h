// What the HTTP API on the control socket is a door to: one method per route. The daemon
// implements it over engine, agent and drivers; tests implement it in memory. The API server
// (src/api/server.h) owns HTTP, JSON, streaming, and the book of operations that run in this
// daemon (src/api/live_operations.h), so implementations know nothing of these.
//
// Threading: methods are called from many threads at once and may block.
// Errors: `precondition` from every method that needs a network before `mesh init` (hint: run it);
// `unavailable` when the store does not answer.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/types.h"
#include "base/result.h"
#include "doctor/finding.h"
#include "model/join_token.h"
#include "model/operation.h"
#include "plan/change_request.h"
#include "plan/deploy.h"

namespace ployz {

// The engine's own type, repeated so that clients do not depend on the engine.
using EventSink = std::function<void(const Event&)>;
// False: nobody listens any more, stop.
using LogSink = std::function<bool(const LogChunk&)>;
// Fills the buffer, returns the bytes; 0 at the end. An error when the sender vanished.
using ByteSource = std::function<Result<size_t>(std::span<char>)>;

class ApiService {
 public:
  virtual ~ApiService() = default;

  // What answers the same reads from this machine's own copy of the store, for when that does not
  // answer. No service: it keeps none that is whole.
  struct Copy {
    std::unique_ptr<ApiService> service;
    AsOf as_of;
  };
  [[nodiscard]] virtual Copy copy() { return {}; }

  // Works before `mesh init` and with the store away; then says so instead of failing.
  [[nodiscard]] virtual Result<StatusReport> status() = 0;

  // What can be added to an error before anybody reads it: who is missing where the store does not
  // answer. Takes a second at most.
  [[nodiscard]] virtual Error explain(Error error) { return error; }

  // Founds a network with this machine as its first. Repeated with the same name: nothing, with
  // `created` false; after a crash in the middle: finishes. `exists`: it belongs to another one.
  // Returns when the network is ready to deploy to. Events are notes.
  [[nodiscard]] virtual Result<MeshReport> mesh_init(const MeshInitRequest& request,
                                                     const EventSink& events) = 0;
  // Of the network this machine belongs to; `precondition` when it belongs to none.
  [[nodiscard]] virtual Result<MeshReport> mesh() = 0;
  // Every machine, asked live, sorted by name.
  [[nodiscard]] virtual Result<std::vector<MachineReport>> machines() = 0;

  // mesh/machine_state.h: put_on_standby, and put_in_service of a machine by name or id. `preview`
  // changes nothing.
  [[nodiscard]] virtual Result<StateReport> machine_standby(const StandbyRequest& request);
  [[nodiscard]] virtual Result<StateReport> machine_in_service(const std::string& machine,
                                                               bool preview);

  // mesh/machine_drain.h.
  [[nodiscard]] virtual Result<DrainReport> machine_drain_preview(const std::string& machine);
  [[nodiscard]] virtual Result<DrainReport> machine_drain(const std::string& machine,
                                                          const EventSink& events,
                                                          std::stop_token cancel);

  // mesh/store_transfer.h.
  [[nodiscard]] virtual Result<StoreReport> storage_promote(const StoreRequest& request,
                                                            const EventSink& events,
                                                            std::stop_token cancel);
  // Keeps a package of Ployz that arrives with this digest on this machine, for machine_update; with
  // `keep` false only says what it is. `corrupt`: another digest; `invalid`: no package of Ployz;
  // `exists`: another one of the version that is installed here.
  [[nodiscard]] virtual Result<Package> package_take(const ByteSource& bytes,
                                                     const std::string& sha256, bool keep);
  // mesh/machine_update.h.
  [[nodiscard]] virtual Result<UpdateReport> machine_update(const UpdateRequest& request,
                                                            const EventSink& events,
                                                            std::stop_token cancel);
  // mesh/machine_removal.h.
  [[nodiscard]] virtual Result<RemovalReport> machine_removal_preview(
      const RemovalRequest& request);
  [[nodiscard]] virtual Result<RemovalReport> machine_remove(const RemovalRequest& request,
                                                             const EventSink& events,
                                                             std::stop_token cancel);

  // mesh/store_recovery.h. `precondition` too when the store answers, or `yes` was not said.
  [[nodiscard]] virtual Result<RecoveryReport> storage_recover(const RecoverRequest& request,
                                                               const EventSink& events);

  // What this machine says of itself to the network it is to join; its keys are made when there are
  // none. Works before it belongs to a network.
  [[nodiscard]] virtual Result<SelfRecord> self_record();
  // Claims a subnet for a machine and tells every member to let it in; nothing more is known of it
  // until it is activated, and it expires by itself (kAdmissionMs). Repeated for the same machine:
  // renewed, with the same subnet. `exists`: it is a member already, or the name is taken.
  // `precondition`: clock skew, a version that does not fit, a member that does not answer.
  [[nodiscard]] virtual Result<JoinBundle> machine_admit(const AdmitRequest& request,
                                                         const EventSink& events,
                                                         std::stop_token cancel);
  // Proves overlay, agent, router and transfer port of an admitted machine and makes it a member,
  // `active`. `precondition` naming what does not answer, and then it is as before. Repeated for a
  // member: nothing.
  [[nodiscard]] virtual Result<MachineReport> machine_activate(const MachineId& machine,
                                                               const EventSink& events,
                                                               std::stop_token cancel);
  // Takes an admission back: peers and credentials are gone from every member that answers (the
  // others notice when they do). Absent: nothing. `exists`: it is a member.
  [[nodiscard]] virtual Status machine_withdraw(const MachineId& machine);
  // On the joining machine: overlay, leaf node, bridge, gateway, DNS, router. Returns when all serve;
  // a run that was cut off is continued by the same call. `exists`: it belongs to another network.
  [[nodiscard]] virtual Result<MeshReport> mesh_join(const JoinBundle& bundle,
                                                     const EventSink& events);
  // mesh/invites.h. The answer of `invite_create` has the token: there is no other way to it.
  [[nodiscard]] virtual Result<InviteReport> invite_create(const InviteRequest& request);
  [[nodiscard]] virtual Result<std::vector<InviteReport>> invites();
  [[nodiscard]] virtual Result<InviteReport> invite_revoke(const InviteId& id);
  // `denied`: the token is of another network.
  [[nodiscard]] virtual Result<InviteReport> invite_import(const JoinToken& token);
  // On the joining machine: from asking to be let in up to being a member. Continued, when it was cut
  // off, by the same call here, and refused by every other machine.
  [[nodiscard]] virtual Result<MeshReport> mesh_join_by_token(const JoinToken& token,
                                                              const EventSink& events);
  // This machine's part of its network stops, over restarts too, until mesh_start; true: by this
  // call. `precondition` while it runs instances, unless forced.
  [[nodiscard]] virtual Result<bool> mesh_stop(bool force, const EventSink& events);
  // Returns when gateway, DNS and router serve; what runs already is repaired.
  [[nodiscard]] virtual Result<bool> mesh_start(const EventSink& events);
  // This machine is as before it belonged to a network: units stopped, interface, bridge and state
  // gone. `precondition` while it runs instances or its network has other members, unless forced.
  [[nodiscard]] virtual Status mesh_destroy(bool force, bool keep_data, const EventSink& events);
  // Every ordered pair of machines that answer, measured now over the overlay.
  [[nodiscard]] virtual Result<std::vector<RttReport>> machine_rtt();
  // What is wrong with these machines (by name or id), or with all of them and the cluster. Changes
  // nothing; a machine or a store that is silent is a finding, within two seconds. `not_found`: there
  // is no such machine.
  [[nodiscard]] virtual Result<DoctorReport> doctor(const std::vector<std::string>& machines);
  // Looks again, does those of the wanted fixes that doctor still finds to be wanting, one after the
  // other, and looks again. One that fails hinders no other. Events are notes.
  [[nodiscard]] virtual Result<FixReport> doctor_fix(const FixRequest& request,
                                                     const EventSink& events,
                                                     std::stop_token cancel);

  // Engine::preview and Engine::run of the request. `cancel` is requested by the abort route, never
  // by a client that went away. The first event is sent as soon as the operation has an id.
  [[nodiscard]] virtual Result<Plan> deploy_preview(const DeployRequest& request) = 0;
  [[nodiscard]] virtual Result<Operation> deploy(const DeployRequest& request,
                                                 const EventSink& events,
                                                 std::stop_token cancel) = 0;
  [[nodiscard]] virtual Result<Plan> namespace_rm_preview(const NamespaceRmRequest& request) = 0;
  [[nodiscard]] virtual Result<Operation> namespace_rm(const NamespaceRmRequest& request,
                                                       const EventSink& events,
                                                       std::stop_token cancel) = 0;

  // The same for everything else one can ask of a namespace.
  [[nodiscard]] virtual Result<Plan> change_preview(const ChangeRequest& request);
  [[nodiscard]] virtual Result<Operation> change(const ChangeRequest& request,
                                                 const EventSink& events, std::stop_token cancel);
  // Engine::prepare and apply_prepared.
  [[nodiscard]] virtual Result<PreparedReport> prepare(const ChangeRequest& request,
                                                       uint64_t ttl_ms);
  [[nodiscard]] virtual Result<Operation> apply_prepared(const OperationId& id,
                                                         const EventSink& events,
                                                         std::stop_token cancel);
  // Of one namespace, or of all when the name is empty, asked live; sorted by namespace, volume and
  // age. Machines that do not answer are named in `silent`.
  [[nodiscard]] virtual Result<VolumesReport> volumes(const NamespaceName& name);
  // The manifest that a namespace's newest commit says. `not_found`.
  [[nodiscard]] virtual Result<Manifest> manifest_of(const NamespaceName& name);

  // Live namespaces sorted by name; removed ones are left out.
  [[nodiscard]] virtual Result<std::vector<NamespaceReport>> namespaces() = 0;
  // `not_found`: never existed or was removed.
  [[nodiscard]] virtual Result<NamespaceReport> namespace_inspect(const NamespaceName& name) = 0;
  // Commits, newest first, at most `limit`; fences left out. `not_found`: never existed.
  [[nodiscard]] virtual Result<std::vector<CommitEntry>> log(const NamespaceName& name,
                                                             size_t limit) = 0;
  // By id or unique prefix. `not_found`; `conflict` when several begin so (named in the hint).
  [[nodiscard]] virtual Result<CommitEntry> show(std::string_view id_or_prefix) = 0;
  // Of one namespace, or of all when the name is empty; sorted by namespace, service, id. An
  // unknown namespace is an empty list.
  [[nodiscard]] virtual Result<std::vector<InstanceReport>> instances(
      const NamespaceName& name) = 0;

  // Engine::operations, operation, resume, abort. Running operations of this daemon are aborted
  // through the `cancel` of their call, so `abort` sees only others.
  [[nodiscard]] virtual Result<std::vector<Operation>> operations(size_t limit) = 0;
  [[nodiscard]] virtual Result<Operation> operation(const OperationId& id) = 0;
  [[nodiscard]] virtual Result<Operation> resume(const OperationId& id, const EventSink& events,
                                                 std::stop_token cancel) = 0;
  [[nodiscard]] virtual Result<Operation> abort(const OperationId& id, const EventSink& events) = 0;

  // Images of this machine.
  [[nodiscard]] virtual Result<std::vector<ImageInfo>> images() = 0;
  // By reference or id; `not_found`.
  [[nodiscard]] virtual Result<ImageInfo> image(std::string_view reference) = 0;
  // Loads a `docker save` archive, possibly without layers that are already here, and tags it.
  // `corrupt` when the image with `expected_id` is not there afterwards.
  [[nodiscard]] virtual Result<ImageInfo> image_load(const ByteSource& archive,
                                                     std::string_view expected_id,
                                                     std::string_view reference) = 0;

  // Sends an image from one machine to others, directly over the overlay and only the layers they
  // lack; in parallel, one report for each. Running it again goes on where it ended. See
  // images/distribution.h.
  [[nodiscard]] virtual Result<std::vector<DistributeReport>> image_distribute(
      const DistributeRequest& request, const EventSink& events, std::stop_token cancel);
  // Which machines have the image, asked live, sorted by name.
  [[nodiscard]] virtual Result<std::vector<ImageStatus>> image_status(std::string_view reference);

  // Until the end of the log, or with `follow` until the instances end, `stop` is requested or the
  // sink returns false. The sink is called by one thread at a time. `not_found`: no such instance,
  // or a service without any.
  [[nodiscard]] virtual Status logs(const LogsRequest& request, const LogSink& sink,
                                    std::stop_token stop) = 0;
  // As Containers::exec.
  [[nodiscard]] virtual Result<ExecResult> exec(const ExecRequest& request) = 0;
};

}  // namespace ployz

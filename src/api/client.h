// The API of a daemon, from the other side of its control socket. One method per route; documents
// come back as the JSON the daemon sent (goldens: src/api/testdata), because that is what a command
// prints, and a newer daemon's additional fields survive.
//
// Errors: those of the daemon; `unavailable` with a hint when nobody listens; `denied` when the
// socket may not be used; `unavailable` with effect unknown when the daemon went away in the middle
// of a call that changes something — the operation may have ended either way, `op ls` tells.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/service.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/result.h"

namespace ployz {

// A manifest on its way to the daemon: as somebody wrote it, or canonical JSON a program made.
struct ManifestBody {
  std::string text;
  std::string file = "<stdin>";  // names it in messages
  bool canonical = false;
  bool whole_namespace = true;  // DeployRequest::whole_namespace
  std::string state;            // DeployRequest::state, as it is written; empty: none
};

class ApiClient {
 public:
  explicit ApiClient(std::string socket_path) : http_(std::move(socket_path)) {}

  [[nodiscard]] Result<Json> status() const { return get("/v1/status"); }
  [[nodiscard]] Result<Json> mesh() const { return get("/v1/mesh"); }
  [[nodiscard]] Result<Json> machines() const { return get("/v1/machines"); }
  [[nodiscard]] Result<Json> self_record() const { return get("/v1/machines/self"); }
  [[nodiscard]] Result<Json> machine_rtt() const { return get("/v1/rtt"); }
  // Names or ids; none: all, and the cluster.
  [[nodiscard]] Result<Json> doctor(const std::vector<std::string>& machines) const;
  [[nodiscard]] Result<Json> doctor_fix(const FixRequest& request, const EventSink& events) const;
  [[nodiscard]] Result<Json> namespaces() const { return get("/v1/namespaces"); }
  [[nodiscard]] Result<Json> namespace_inspect(std::string_view name) const;
  [[nodiscard]] Result<Json> log(std::string_view name, uint64_t limit) const;
  [[nodiscard]] Result<Json> show(std::string_view commit) const;
  [[nodiscard]] Result<Json> instances(std::string_view name_space) const;  // empty: of all
  [[nodiscard]] Result<Json> operations(uint64_t limit) const;
  [[nodiscard]] Result<Json> operation(std::string_view id) const;
  [[nodiscard]] Result<Json> images() const { return get("/v1/images"); }
  [[nodiscard]] Result<Json> image(std::string_view reference) const;
  [[nodiscard]] Result<Json> image_load(const ByteSource& archive, std::string_view expected_id,
                                        std::string_view reference, std::stop_token stop) const;
  [[nodiscard]] Result<Json> image_distribute(const DistributeRequest& request,
                                              const EventSink& events) const;
  [[nodiscard]] Result<Json> image_status(std::string_view reference) const;
  [[nodiscard]] Result<Json> exec(const ExecRequest& request) const;
  // False from the sink ends it.
  [[nodiscard]] Status logs(const LogsRequest& request, const LogSink& sink,
                            std::stop_token stop) const;

  [[nodiscard]] Result<Json> volumes(std::string_view name_space) const;  // empty: of all
  [[nodiscard]] Result<Json> manifest_of(std::string_view name) const;
  [[nodiscard]] Result<Json> change_preview(const ChangeRequest& request) const;
  [[nodiscard]] Result<Json> prepare(const ChangeRequest& request, uint64_t ttl_ms) const;
  [[nodiscard]] Result<Json> deploy_preview(const ManifestBody& manifest) const;
  [[nodiscard]] Result<Json> namespace_rm_preview(std::string_view name, bool volumes) const;

  // Calls that change something: events as they come, then the result. They go on in the daemon
  // when this side goes away.
  [[nodiscard]] Result<Json> mesh_init(const MeshInitRequest& request,
                                       const EventSink& events) const;
  // `record` as self_record() of the joining machine answered; `name`: instead of its own.
  [[nodiscard]] Result<Json> machine_admit(const Json& record, std::string_view name,
                                           const EventSink& events) const;
  [[nodiscard]] Result<Json> machine_activate(std::string_view id, const EventSink& events) const;
  [[nodiscard]] Result<Json> machine_withdraw(std::string_view id) const;
  // `machine`: name or id.
  [[nodiscard]] Result<Json> machine_standby(const StandbyRequest& request) const;
  [[nodiscard]] Result<Json> machine_in_service(std::string_view machine, bool preview) const;
  [[nodiscard]] Result<Json> storage_recover(bool preview, bool yes, const EventSink& events) const;
  [[nodiscard]] Result<Json> storage_promote(const Json& request, const EventSink& events) const;
  // With `keep` false the machine only says what it is.
  [[nodiscard]] Result<Json> package_take(const ByteSource& bytes, std::string_view sha256,
                                          bool keep, std::stop_token stop) const;
  [[nodiscard]] Result<Json> machine_update(const UpdateRequest& request,
                                            const EventSink& events) const;
  [[nodiscard]] Result<Json> machine_drain_preview(std::string_view machine) const;
  [[nodiscard]] Result<Json> machine_drain(std::string_view machine, const EventSink& events) const;
  [[nodiscard]] Result<Json> machine_removal_preview(const RemovalRequest& request) const;
  [[nodiscard]] Result<Json> machine_remove(const RemovalRequest& request,
                                            const EventSink& events) const;
  // `bundle` as machine_admit() answered.
  [[nodiscard]] Result<Json> mesh_join(const Json& bundle, const EventSink& events) const;
  // What is told of `token` elsewhere: model/join_token.h.
  [[nodiscard]] Result<Json> mesh_join_by_token(const std::string& token,
                                                const EventSink& events) const;
  [[nodiscard]] Result<Json> invite_create(const InviteRequest& request) const;
  [[nodiscard]] Result<Json> invites() const;
  [[nodiscard]] Result<Json> invite_revoke(std::string_view id) const;
  [[nodiscard]] Result<Json> invite_import(const std::string& token) const;
  [[nodiscard]] Result<Json> mesh_stop(bool force, const EventSink& events) const;
  [[nodiscard]] Result<Json> mesh_start(const EventSink& events) const;
  [[nodiscard]] Result<Json> mesh_destroy(bool force, bool keep_data,
                                          const EventSink& events) const;
  [[nodiscard]] Result<Json> deploy(const ManifestBody& manifest, const EventSink& events) const;
  [[nodiscard]] Result<Json> change_namespace(const ChangeRequest& request,
                                              const EventSink& events) const;
  [[nodiscard]] Result<Json> apply_prepared(std::string_view id, const EventSink& events) const;
  [[nodiscard]] Result<Json> namespace_rm(std::string_view name, bool volumes,
                                          const EventSink& events) const;
  [[nodiscard]] Result<Json> watch(std::string_view operation, const EventSink& events) const;
  [[nodiscard]] Result<Json> resume(std::string_view operation, const EventSink& events) const;
  [[nodiscard]] Result<Json> abort(std::string_view operation, const EventSink& events) const;

  [[nodiscard]] const std::string& socket_path() const { return http_.socket_path(); }

 private:
  [[nodiscard]] Result<Json> get(std::string target) const;
  [[nodiscard]] Result<Json> call(const HttpRequest& request) const;
  // Answers of application/x-ndjson; returns what stands behind "result".
  [[nodiscard]] Result<Json> stream(const HttpRequest& request,
                                    const std::function<bool(const Json&)>& on_line,
                                    std::stop_token stop) const;
  [[nodiscard]] Result<Json> change(HttpRequest request, const EventSink& events) const;
  [[nodiscard]] Error explain(Error error) const;

  HttpClient http_;
};

}  // namespace ployz

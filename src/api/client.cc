#include "api/client.h"

#include <format>
#include <optional>

#include "base/join.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// Reads ask machines live, each within the engine's RPC timeout (5 s); a few of these in a row.
constexpr milliseconds kReadTimeout{30000};
// A preview also asks registries whether an image can be pulled; exec has its own bound on top.
constexpr milliseconds kPreviewTimeout{120000};
constexpr size_t kMaxLine = 16 << 20;  // of ndjson: an operation's record with thousands of steps

std::string escaped(std::string_view text) {
  return url_escape(text);
}

HttpRequest request_of(std::string method, std::string target) {
  HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  return request;
}

HttpRequest json_request(std::string target, const Json& body) {
  auto request = request_of("POST", std::move(target));
  request.headers = {{"Content-Type", "application/json"}};
  request.body = to_text(body);
  return request;
}

HttpRequest manifest_request(std::string_view path, const ManifestBody& manifest) {
  auto request = request_of("POST", std::format("{}?whole={}&file={}&state={}", path,
                                                manifest.whole_namespace, escaped(manifest.file),
                                                escaped(manifest.state)));
  request.headers = {{"Content-Type", manifest.canonical ? std::string(kCanonicalManifest)
                                                         : "application/octet-stream"}};
  request.body = manifest.text;
  return request;
}

std::string removal_target(const RemovalRequest& request) {
  return std::format("/v1/machines/{}/removal?force={}&keep_data={}&yes={}&replicas={}",
                     escaped(request.machine), request.force, request.keep_data, request.yes,
                     request.replicas);
}

Error error_of(const HttpResponse& response) {
  if (auto json = parse_json(response.body); json && json->is_object() && json->contains("error"))
    return error_from_json((*json)["error"]);
  return Error{
      Code::corrupt,
      Effect::unknown,
      std::format("the daemon answered HTTP {} with something else than JSON", response.status),
      "is this the socket of a Ployz daemon?",
      {}};
}

// Splits what arrives into lines.
class Lines {
 public:
  // False when `on_line` said so or a line is too long.
  bool feed(std::string_view chunk, const std::function<bool(std::string_view)>& on_line) {
    while (!chunk.empty()) {
      const size_t end = chunk.find('\n');
      rest_ += chunk.substr(0, end);
      if (rest_.size() > kMaxLine) return false;
      if (end == std::string_view::npos) return true;
      const std::string line = std::exchange(rest_, {});
      if (!line.empty() && !on_line(line)) return false;
      chunk.remove_prefix(end + 1);
    }
    return true;
  }

 private:
  std::string rest_;
};

}  // namespace

Error ApiClient::explain(Error error) const {
  const std::string& path = socket_path();
  if (error.code == Code::unavailable && error.effect == Effect::none) {
    error.message = std::format("no daemon answers on {}", path);
    error.hint = "ployzctl dev up, or ployzctl daemon install; ployzctl context ls";
  } else if (error.code == Code::denied && error.effect == Effect::none) {
    error.message = std::format("no permission to use {}", path);
    error.hint = "run as root or as a member of group ployz";
  } else if (error.effect == Effect::unknown && error.hint.empty()) {
    error.message = "the daemon went away before it said how this ended: " + error.message;
    error.hint = "ployzctl op ls";
  }
  return error;
}

Result<Json> ApiClient::call(const HttpRequest& request) const {
  const bool read = request.method == "GET";
  auto response = http_.request(request, read ? kReadTimeout : kPreviewTimeout);
  if (!response) return fail(explain(std::move(response).error()));
  if (!response->ok()) return fail(error_of(*response));
  return parse_json(response->body);
}

Result<Json> ApiClient::get(std::string target) const {
  return call(request_of("GET", std::move(target)));
}

Result<Json> ApiClient::stream(const HttpRequest& request,
                               const std::function<bool(const Json&)>& on_line,
                               std::stop_token stop) const {
  std::optional<Result<Json>> end;
  bool left = false;
  Lines lines;
  HttpExchange exchange;
  exchange.answer_timeout = milliseconds(0);  // the first line comes when there is something to say
  exchange.stop = std::move(stop);
  exchange.on_chunk = [&](std::string_view chunk) {
    return lines.feed(chunk, [&](std::string_view line) {
      auto json = parse_json(line);
      if (!json || !json->is_object()) return true;
      if (json->contains("result")) end = (*json)["result"];
      if (json->contains("error")) end = fail(error_from_json((*json)["error"]));
      if (end) return false;
      left = !on_line(*json);
      return !left;
    });
  };
  auto response = http_.exchange(request, exchange);
  if (end) return *end;
  if (left) return Json::object();
  if (!response) return fail(explain(std::move(response).error()));
  if (!response->ok()) return fail(error_of(*response));
  const bool read = request.method == "GET";
  return fail(explain(
      {Code::unavailable, Effect::unknown, "its answer broke off", read ? "try again" : "", {}}));
}

Result<Json> ApiClient::change(HttpRequest request, const EventSink& events) const {
  return stream(request,
                [&](const Json& line) {
                  if (auto event = event_from_json(line)) events(*event);
                  return true;
                },
                {});
}

Result<Json> ApiClient::doctor(const std::vector<std::string>& machines) const {
  return get("/v1/doctor?machines=" + escaped(join(machines, ",")));
}

Result<Json> ApiClient::namespace_inspect(std::string_view name) const {
  return get("/v1/namespaces/" + escaped(name));
}

Result<Json> ApiClient::log(std::string_view name, uint64_t limit) const {
  return get(std::format("/v1/namespaces/{}/commits?limit={}", escaped(name), limit));
}

Result<Json> ApiClient::show(std::string_view commit) const {
  return get("/v1/commits/" + escaped(commit));
}

Result<Json> ApiClient::instances(std::string_view name_space) const {
  return get("/v1/instances?namespace=" + escaped(name_space));
}

Result<Json> ApiClient::operations(uint64_t limit) const {
  return get(std::format("/v1/operations?limit={}", limit));
}

Result<Json> ApiClient::operation(std::string_view id) const {
  return get("/v1/operations/" + escaped(id));
}

Result<Json> ApiClient::image(std::string_view reference) const {
  return get("/v1/images/inspect?reference=" + escaped(reference));
}

Result<Json> ApiClient::image_load(const ByteSource& archive, std::string_view expected_id,
                                   std::string_view reference, std::stop_token stop) const {
  const auto request = request_of("POST", std::format("/v1/images/load?id={}&reference={}",
                                                      escaped(expected_id), escaped(reference)));
  HttpExchange exchange;
  exchange.read_body = archive;
  exchange.answer_timeout = milliseconds(0);  // unpacking takes as long as it takes
  exchange.stop = std::move(stop);
  auto response = http_.exchange(request, exchange);
  if (!response) return fail(explain(std::move(response).error()));
  if (!response->ok()) return fail(error_of(*response));
  return parse_json(response->body);
}

Result<Json> ApiClient::image_distribute(const DistributeRequest& request,
                                         const EventSink& events) const {
  return change(json_request("/v1/images/distribute", to_json(request)), events);
}

Result<Json> ApiClient::image_status(std::string_view reference) const {
  return get("/v1/images/status?reference=" + escaped(reference));
}

Result<Json> ApiClient::exec(const ExecRequest& request) const {
  auto response = http_.request(json_request("/v1/exec", to_json(request)),
                                milliseconds(request.timeout_ms) + kReadTimeout);
  if (!response) return fail(explain(std::move(response).error()));
  if (!response->ok()) return fail(error_of(*response));
  return parse_json(response->body);
}

Status ApiClient::logs(const LogsRequest& request, const LogSink& sink,
                       std::stop_token stop) const {
  const auto target =
      std::format("/v1/logs?instance={}&namespace={}&service={}&lines={}&follow={}",
                  escaped(request.instance.str()), escaped(request.name_space.str()),
                  escaped(request.service.str()), request.lines, request.follow);
  TRY(stream(
      request_of("GET", target),
      [&](const Json& line) {
        LogChunk chunk;
        chunk.instance = InstanceId(get_string_or(line, "instance", "").value_or(""));
        chunk.text = get_string_or(line, "text", "").value_or("");
        return sink(chunk);
      },
      std::move(stop)));
  return {};
}

Result<Json> ApiClient::deploy_preview(const ManifestBody& manifest) const {
  return call(manifest_request("/v1/deploy/preview", manifest));
}

Result<Json> ApiClient::volumes(std::string_view name_space) const {
  return get(std::format("/v1/volumes?namespace={}", escaped(name_space)));
}

Result<Json> ApiClient::manifest_of(std::string_view name) const {
  return get(std::format("/v1/namespaces/{}/manifest", escaped(name)));
}

Result<Json> ApiClient::change_preview(const ChangeRequest& request) const {
  return call(json_request("/v1/changes/preview", to_json(request)));
}

Result<Json> ApiClient::prepare(const ChangeRequest& request, uint64_t ttl_ms) const {
  return call(
      json_request(std::format("/v1/changes/prepare?ttl_ms={}", ttl_ms), to_json(request)));
}

Result<Json> ApiClient::change_namespace(const ChangeRequest& request,
                                         const EventSink& events) const {
  return change(json_request("/v1/changes", to_json(request)), events);
}

Result<Json> ApiClient::apply_prepared(std::string_view id, const EventSink& events) const {
  return change(request_of("POST", std::format("/v1/prepared/{}/apply", escaped(id))), events);
}

Result<Json> ApiClient::namespace_rm_preview(std::string_view name, bool volumes) const {
  return get(std::format("/v1/namespaces/{}/rm-preview?volumes={}", escaped(name), volumes));
}

Result<Json> ApiClient::mesh_init(const MeshInitRequest& request, const EventSink& events) const {
  return change(json_request("/v1/mesh/init", to_json(request)), events);
}

Result<Json> ApiClient::machine_admit(const Json& record, std::string_view name,
                                      const EventSink& events) const {
  return change(json_request("/v1/machines/admit", {{"record", record}, {"name", name}}), events);
}

Result<Json> ApiClient::machine_activate(std::string_view id, const EventSink& events) const {
  return change(request_of("POST", std::format("/v1/machines/{}/activate", escaped(id))), events);
}

Result<Json> ApiClient::machine_withdraw(std::string_view id) const {
  return call(request_of("DELETE", std::format("/v1/machines/{}/admission", escaped(id))));
}

Result<Json> ApiClient::machine_standby(const StandbyRequest& request) const {
  return call(request_of("POST",
                         std::format("/v1/machines/{}/standby?force={}&preview={}",
                                     escaped(request.machine), request.force, request.preview)));
}

Result<Json> ApiClient::machine_in_service(std::string_view machine, bool preview) const {
  return call(request_of(
      "POST", std::format("/v1/machines/{}/in-service?preview={}", escaped(machine), preview)));
}

Result<Json> ApiClient::machine_drain_preview(std::string_view machine) const {
  return get(std::format("/v1/machines/{}/drain", escaped(machine)));
}

Result<Json> ApiClient::machine_drain(std::string_view machine, const EventSink& events) const {
  return change(request_of("POST", std::format("/v1/machines/{}/drain", escaped(machine))), events);
}

Result<Json> ApiClient::storage_recover(bool preview, bool yes, const EventSink& events) const {
  const auto path = std::format("/v1/storage/recover?preview={}&yes={}", preview, yes);
  return change(request_of("POST", path), events);
}

Result<Json> ApiClient::storage_promote(const Json& request, const EventSink& events) const {
  return change(json_request("/v1/storage/promote", request), events);
}

Result<Json> ApiClient::package_take(const ByteSource& bytes, std::string_view sha256, bool keep,
                                     std::stop_token stop) const {
  const auto request = request_of(
      "POST", std::format("/v1/packages?sha256={}&keep={}", escaped(sha256), keep));
  HttpExchange exchange;
  exchange.read_body = bytes;
  exchange.stop = std::move(stop);
  auto response = http_.exchange(request, exchange);
  if (!response) return fail(explain(std::move(response).error()));
  if (!response->ok()) return fail(error_of(*response));
  return parse_json(response->body);
}

Result<Json> ApiClient::machine_update(const UpdateRequest& request,
                                       const EventSink& events) const {
  return change(json_request("/v1/machines/update", to_json(request)), events);
}

Result<Json> ApiClient::doctor_fix(const FixRequest& request, const EventSink& events) const {
  return change(json_request("/v1/doctor/fix", to_json(request)), events);
}

Result<Json> ApiClient::machine_removal_preview(const RemovalRequest& request) const {
  return get(removal_target(request));
}

Result<Json> ApiClient::machine_remove(const RemovalRequest& request,
                                       const EventSink& events) const {
  return change(request_of("POST", removal_target(request)), events);
}

Result<Json> ApiClient::mesh_join(const Json& bundle, const EventSink& events) const {
  return change(json_request("/v1/mesh/join", bundle), events);
}

Result<Json> ApiClient::mesh_join_by_token(const std::string& token,
                                           const EventSink& events) const {
  return change(json_request("/v1/mesh/join-by-token", {{"token", token}}), events);
}

Result<Json> ApiClient::invite_create(const InviteRequest& request) const {
  return call(json_request("/v1/invites", to_json(request)));
}

Result<Json> ApiClient::invites() const { return get("/v1/invites"); }

Result<Json> ApiClient::invite_revoke(std::string_view id) const {
  return call(request_of("DELETE", std::format("/v1/invites/{}", escaped(id))));
}

Result<Json> ApiClient::invite_import(const std::string& token) const {
  return call(json_request("/v1/invites/import", {{"token", token}}));
}

Result<Json> ApiClient::mesh_stop(bool force, const EventSink& events) const {
  return change(request_of("POST", std::format("/v1/mesh/stop?force={}", force)), events);
}

Result<Json> ApiClient::mesh_start(const EventSink& events) const {
  return change(request_of("POST", "/v1/mesh/start"), events);
}

Result<Json> ApiClient::mesh_destroy(bool force, bool keep_data, const EventSink& events) const {
  return change(
      request_of("POST", std::format("/v1/mesh/destroy?force={}&keep_data={}", force, keep_data)),
      events);
}

Result<Json> ApiClient::deploy(const ManifestBody& manifest, const EventSink& events) const {
  return change(manifest_request("/v1/deploy", manifest), events);
}

Result<Json> ApiClient::namespace_rm(std::string_view name, bool volumes,
                                     const EventSink& events) const {
  return change(
      request_of("DELETE", std::format("/v1/namespaces/{}?volumes={}", escaped(name), volumes)),
      events);
}

Result<Json> ApiClient::watch(std::string_view operation, const EventSink& events) const {
  return change(request_of("GET", std::format("/v1/operations/{}/events", escaped(operation))),
                events);
}

Result<Json> ApiClient::resume(std::string_view operation, const EventSink& events) const {
  return change(request_of("POST", std::format("/v1/operations/{}/resume", escaped(operation))),
                events);
}

Result<Json> ApiClient::abort(std::string_view operation, const EventSink& events) const {
  return change(request_of("POST", std::format("/v1/operations/{}/abort", escaped(operation))),
                events);
}

}  // namespace ployz

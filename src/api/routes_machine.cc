// Handlers of machines that enter and leave a network.
#include <ranges>

#include "api/routes.h"
#include "base/ulid.h"
#include "model/store.h"

namespace ployz {
namespace {

Result<MachineId> machine_id_of(RouteContext& c) {
  if (!is_ulid(c.params.at(0)))
    return fail(Code::invalid, "that is not a machine id", "ployzctl machine ls --json");
  return MachineId(c.params.at(0));
}

Result<RemovalRequest> removal_request_of(RouteContext& c) {
  RemovalRequest request{c.params.at(0)};
  request.force = TRY(query_bool(c.request, "force", false));
  request.keep_data = TRY(query_bool(c.request, "keep_data", false));
  request.yes = TRY(query_bool(c.request, "yes", false));
  request.replicas = TRY(query_uint(c.request, "replicas", 0, kMostReplicas));
  return request;
}

}  // namespace

namespace handlers {

Status self_record(RouteContext& c) {
  c.response.reply(200, to_json(TRY(c.service.self_record())));
  return {};
}

Status machine_rtt(RouteContext& c) {
  Json pairs = Json::array();
  for (const RttReport& report : TRY(c.service.machine_rtt())) pairs.push_back(to_json(report));
  c.response.reply(200, {{"pairs", std::move(pairs)}});
  return {};
}

// Query: machines, names or ids separated by commas; absent: all, and the cluster.
Status doctor(RouteContext& c) {
  std::vector<std::string> machines;
  for (const auto part : std::views::split(query_text(c.request, "machines"), ',')) {
    if (!part.empty()) machines.emplace_back(std::string_view(part));
  }
  c.response.reply(200, to_json(TRY(c.service.doctor(machines))));
  return {};
}

Status doctor_fix(RouteContext& c) {
  auto request = TRY(fix_request_from_json(TRY(parse_json(c.request.body))));
  return run_call(c,
                  [&service = c.service, request = std::move(request)](
                      const EventSink& events, std::stop_token cancel) -> Result<Json> {
                    return to_json(TRY(service.doctor_fix(request, events, std::move(cancel))));
                  });
}

Status machine_admit(RouteContext& c) {
  auto request = TRY(admit_request_from_json(TRY(parse_json(c.request.body))));
  return run_call(c,
                  [&service = c.service, request = std::move(request)](
                      const EventSink& events, std::stop_token cancel) -> Result<Json> {
                    return to_json(TRY(service.machine_admit(request, events, cancel)));
                  });
}

Status machine_activate(RouteContext& c) {
  const auto id = TRY(machine_id_of(c));
  return run_call(
      c,
      [&service = c.service, id](const EventSink& events, std::stop_token cancel) -> Result<Json> {
        return to_json(TRY(service.machine_activate(id, events, cancel)));
      });
}

Status machine_withdraw(RouteContext& c) {
  const auto id = TRY(machine_id_of(c));
  TRY(c.service.machine_withdraw(id));
  c.response.reply(200, {{"outcome", "withdrawn"}, {"machine", id.str()}});
  return {};
}

Status machine_standby(RouteContext& c) {
  StandbyRequest request{c.params.at(0)};
  request.force = TRY(query_bool(c.request, "force", false));
  request.preview = TRY(query_bool(c.request, "preview", false));
  c.response.reply(200, to_json(TRY(c.service.machine_standby(request))));
  return {};
}

Status machine_in_service(RouteContext& c) {
  const bool preview = TRY(query_bool(c.request, "preview", false));
  c.response.reply(200, to_json(TRY(c.service.machine_in_service(c.params.at(0), preview))));
  return {};
}

Status machine_drain_preview(RouteContext& c) {
  c.response.reply(200, to_json(TRY(c.service.machine_drain_preview(c.params.at(0)))));
  return {};
}

Status machine_drain(RouteContext& c) {
  return run_call(c,
                  [&service = c.service, machine = c.params.at(0)](
                      const EventSink& events, std::stop_token cancel) -> Result<Json> {
                    return to_json(TRY(service.machine_drain(machine, events, cancel)));
                  });
}

Status storage_promote(RouteContext& c) {
  auto request = TRY(store_request_from_json(TRY(parse_json(c.request.body))));
  return run_call(c,
                  [&service = c.service, request = std::move(request)](
                      const EventSink& events, std::stop_token cancel) -> Result<Json> {
                    return to_json(TRY(service.storage_promote(request, events, cancel)));
                  });
}

Status storage_recover(RouteContext& c) {
  RecoverRequest request;
  request.preview = TRY(query_bool(c.request, "preview", false));
  request.yes = TRY(query_bool(c.request, "yes", false));
  return run_call(c, [&service = c.service, request](const EventSink& events,
                                                     std::stop_token) -> Result<Json> {
    return to_json(TRY(service.storage_recover(request, events)));
  });
}

Status machine_update(RouteContext& c) {
  auto request = TRY(update_request_from_json(TRY(parse_json(c.request.body))));
  return run_call(c,
                  [&service = c.service, request = std::move(request)](
                      const EventSink& events, std::stop_token cancel) -> Result<Json> {
                    return to_json(TRY(service.machine_update(request, events, cancel)));
                  });
}

Status machine_removal_preview(RouteContext& c) {
  const auto request = TRY(removal_request_of(c));
  c.response.reply(200, to_json(TRY(c.service.machine_removal_preview(request))));
  return {};
}

Status machine_remove(RouteContext& c) {
  auto request = TRY(removal_request_of(c));
  return run_call(c,
                  [&service = c.service, request = std::move(request)](
                      const EventSink& events, std::stop_token cancel) -> Result<Json> {
                    return to_json(TRY(service.machine_remove(request, events, cancel)));
                  });
}

Status mesh_join(RouteContext& c) {
  auto bundle = TRY(join_bundle_from_json(TRY(parse_json(c.request.body))));
  return run_call(c,
                  [&service = c.service, bundle = std::move(bundle)](
                      const EventSink& events, std::stop_token) -> Result<Json> {
                    return to_json(TRY(service.mesh_join(bundle, events)));
                  });
}

Status mesh_stop(RouteContext& c) {
  const bool force = TRY(query_bool(c.request, "force", false));
  return run_call(
      c, [&service = c.service, force](const EventSink& events, std::stop_token) -> Result<Json> {
        const bool changed = TRY(service.mesh_stop(force, events));
        return Json{{"outcome", changed ? "stopped" : "unchanged"}};
      });
}

Status mesh_start(RouteContext& c) {
  return run_call(
      c, [&service = c.service](const EventSink& events, std::stop_token) -> Result<Json> {
        const bool changed = TRY(service.mesh_start(events));
        return Json{{"outcome", changed ? "started" : "unchanged"}};
      });
}

Status mesh_destroy(RouteContext& c) {
  const bool force = TRY(query_bool(c.request, "force", false));
  const bool keep_data = TRY(query_bool(c.request, "keep_data", false));
  return run_call(c,
                  [&service = c.service, force, keep_data](const EventSink& events,
                                                           std::stop_token) -> Result<Json> {
                    TRY(service.mesh_destroy(force, keep_data, events));
                    return Json{{"outcome", "destroyed"}};
                  });
}

}  // namespace handlers
}  // namespace ployz

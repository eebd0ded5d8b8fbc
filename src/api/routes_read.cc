// Handlers that change nothing and answer one document.
#include <format>

#include "api/routes.h"

namespace ployz {
namespace {

constexpr uint64_t kMaxList = 10000;  // entries of one answer

template <class T>
Json list_of(const std::vector<T>& items) {
  Json out = Json::array();
  for (const T& item : items) out.push_back(to_json(item));
  return out;
}

Status reply(RouteContext& c, const Json& document) {
  c.response.reply(200, document);
  return {};
}

}  // namespace

Result<NamespaceName> namespace_of(std::string_view text) {
  TRY(check_dns_label(text, "namespace name"));
  return NamespaceName(std::string(text));
}

Json preview_to_json(const Plan& plan) {
  Json changes = Json::array();
  for (const Change& change : plan.changes)
    changes.push_back({{"kind", to_string(change.kind)},
                       {"resource", change.resource},
                       {"detail", change.detail}});
  const auto steps = [&](const std::vector<Step>& list) {
    Json out = Json::array();
    for (const Step& step : list)
      out.push_back({{"id", step.id.str()},
                     {"machine", step.machine.str()},
                     {"machine_name", plan.name_of(step.machine)},
                     {"kind", kind_of(step.action)},
                     {"text", plan.describe(step.action)}});
    return out;
  };
  return Json{{"kind", plan.kind},
              {"namespace", plan.name_space.str()},
              {"outcome", plan.unchanged() ? "unchanged" : "planned"},
              {"expected_sequence", plan.expected_sequence},
              {"changes", std::move(changes)},
              {"apply", steps(plan.apply)},
              {"cleanup", steps(plan.cleanup)}};
}

// One without a lease, such as the removal of a machine, runs as long as its call does.
static Operation as_it_runs(RouteContext& c, Operation operation) {
  if (operation.outcome == Outcome::interrupted && c.live.find(operation.id)) {
    operation.outcome = Outcome::running;
  }
  return operation;
}

Status reply_read(RouteContext& c, const std::function<Result<Json>(ApiService&)>& read) {
  auto answer = read(c.service);
  if (!answer &&
      (answer.error().code == Code::unavailable || answer.error().code == Code::timeout)) {
    const ApiService::Copy copy = c.service.copy();
    auto copied = copy.service ? read(*copy.service) : Result<Json>(fail(answer.error()));
    if (copied) {
      (*copied)["as_of"] = to_json(copy.as_of);
      answer = std::move(copied);
    }
  }
  return reply(c, TRY(std::move(answer)));
}

namespace handlers {

Status status(RouteContext& c) {
  return reply(c, to_json(TRY(c.service.status())));
}

Status mesh(RouteContext& c) {
  return reply(c, to_json(TRY(c.service.mesh())));
}

Status machines(RouteContext& c) {
  return reply_read(c, [](ApiService& service) -> Result<Json> {
    return Json{{"machines", list_of(TRY(service.machines()))}};
  });
}

Status namespaces(RouteContext& c) {
  return reply_read(c, [](ApiService& service) -> Result<Json> {
    Json list = Json::array();
    for (const NamespaceReport& report : TRY(service.namespaces())) {
      Json item = summary_to_json(report.newest);
      item["endpoints"] = list_of(report.endpoints);
      list.push_back(std::move(item));
    }
    return Json{{"namespaces", std::move(list)}};
  });
}

Status namespace_inspect(RouteContext& c) {
  const auto name = TRY(namespace_of(c.params.at(0)));
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    return to_json(TRY(service.namespace_inspect(name)));
  });
}

Status log(RouteContext& c) {
  const auto name = TRY(namespace_of(c.params.at(0)));
  const auto limit = TRY(query_uint(c.request, "limit", 50, kMaxList));
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    Json list = Json::array();
    for (const CommitEntry& entry : TRY(service.log(name, limit)))
      list.push_back(summary_to_json(entry));
    return Json{{"commits", std::move(list)}};
  });
}

Status show(RouteContext& c) {
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    return to_json(TRY(service.show(c.params.at(0))));
  });
}

Status instances(RouteContext& c) {
  NamespaceName name;
  if (const auto text = query_text(c.request, "namespace"); !text.empty())
    name = TRY(namespace_of(text));
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    return Json{{"instances", list_of(TRY(service.instances(name)))}};
  });
}

Status operations(RouteContext& c) {
  const auto limit = TRY(query_uint(c.request, "limit", 50, kMaxList));
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    Json list = Json::array();
    for (Operation& operation : TRY(service.operations(limit)))
      list.push_back(to_json(as_it_runs(c, std::move(operation)), false));
    return Json{{"operations", std::move(list)}};
  });
}

Status operation(RouteContext& c) {
  return reply_read(c, [&](ApiService& service) -> Result<Json> {
    auto operation = TRY(service.operation(OperationId(c.params.at(0))));
    return to_json(as_it_runs(c, std::move(operation)), false);
  });
}

Status images(RouteContext& c) {
  return reply(c, {{"images", list_of(TRY(c.service.images()))}});
}

Status image(RouteContext& c) {
  const auto reference = query_text(c.request, "reference");
  if (reference.empty()) return fail(Code::invalid, "query parameter 'reference' is missing");
  return reply(c, to_json(TRY(c.service.image(reference))));
}

Status image_status(RouteContext& c) {
  const auto reference = query_text(c.request, "reference");
  if (reference.empty()) return fail(Code::invalid, "query parameter 'reference' is missing");
  return reply(c, {{"reference", reference},
                   {"machines", list_of(TRY(c.service.image_status(reference)))}});
}

Status deploy_preview(RouteContext& c) {
  const auto request = TRY(deploy_request_of(c.request));
  return reply(c, preview_to_json(TRY(c.service.deploy_preview(request))));
}

Status namespace_rm_preview(RouteContext& c) {
  NamespaceRmRequest request;
  request.name_space = TRY(namespace_of(c.params.at(0)));
  request.volumes = TRY(query_bool(c.request, "volumes", false));
  return reply(c, preview_to_json(TRY(c.service.namespace_rm_preview(request))));
}

Status exec(RouteContext& c) {
  const auto request = TRY(exec_request_from_json(TRY(parse_json(c.request.body))));
  return reply(c, to_json(TRY(c.service.exec(request))));
}

}  // namespace handlers
}  // namespace ployz

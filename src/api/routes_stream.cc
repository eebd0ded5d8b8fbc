// Handlers that stream bytes: image archives in, container logs out.
#include <format>

#include "api/routes.h"
#include "base/digest.h"

namespace ployz::handlers {

Status image_load(RouteContext& c) {
  const auto id = query_text(c.request, "id");
  const auto reference = query_text(c.request, "reference");
  if (!is_sha256_digest(id))
    return fail(Code::invalid, "query parameter 'id' is not an image id (sha256:…)");
  if (!c.request.stream) return fail(Code::invalid, "the request has no body");
  c.response.reply(200, to_json(TRY(c.service.image_load(c.request.stream, id, reference))));
  return {};
}

// Query: sha256; keep (default true).
Status package_take(RouteContext& c) {
  const auto sha256 = query_text(c.request, "sha256");
  if (!is_sha256_digest(sha256))
    return fail(Code::invalid, "query parameter 'sha256' is not a digest (sha256:…)");
  const bool keep = TRY(query_bool(c.request, "keep", true));
  if (!c.request.stream) return fail(Code::invalid, "the request has no body");
  c.response.reply(200, to_json(TRY(c.service.package_take(c.request.stream, sha256, keep))));
  return {};
}

Status logs(RouteContext& c) {
  LogsRequest request;
  request.instance = InstanceId(query_text(c.request, "instance"));
  request.name_space = NamespaceName(query_text(c.request, "namespace"));
  request.service = ServiceName(query_text(c.request, "service"));
  request.lines = TRY(query_uint(c.request, "lines", 100, 100000));
  request.follow = TRY(query_bool(c.request, "follow", false));
  if (request.instance.empty() && (request.name_space.empty() || request.service.empty()))
    return fail(Code::invalid, "logs need 'instance', or 'namespace' and 'service'");
  bool any = false;
  const LogSink sink = [&](const LogChunk& chunk) {
    any = true;
    return c.response.line(to_json(chunk));
  };
  const auto done = c.service.logs(request, sink, c.response.gone());
  if (!done && !any) return done;
  (void)c.response.line(done ? Json{{"result", Json::object()}} : error_document(done.error()));
  return {};
}

}  // namespace ployz::handlers

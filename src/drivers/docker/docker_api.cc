#include "drivers/docker/docker_api.h"

#include <charconv>
#include <format>

namespace ployz {
namespace {

Code code_of(int status) {
  switch (status) {
    case 400:
      return Code::invalid;
    case 401:
    case 403:
      return Code::denied;
    case 404:
      return Code::not_found;
    case 409:
      return Code::conflict;
    default:
      return Code::unavailable;
  }
}

bool about_version(const HttpResponse& response) {
  return response.status == 400 && response.body.contains("client version");
}

Result<Json> json_of(const HttpResponse& response) {
  if (response.body.empty()) return Json(nullptr);
  return parse_json(response.body).transform_error([](Error error) {
    error.code = Code::corrupt;
    return std::move(error).at("the container engine's answer");
  });
}

}  // namespace

Result<ApiVersion> parse_api_version(std::string_view text) {
  ApiVersion version;
  const char* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, version.major);
  if (error == std::errc{} && dot != end && *dot == '.') {
    const auto [rest, minor_error] = std::from_chars(dot + 1, end, version.minor);
    if (minor_error == std::errc{} && rest == end) return version;
  }
  return fail(Code::corrupt, std::format("'{}' is no API version of a container engine", text));
}

std::string to_prefix(ApiVersion version) {
  return std::format("/v{}.{}", version.major, version.minor);
}

Error docker_error(const HttpResponse& response) {
  std::string message = response.body;
  if (const auto json = parse_json(response.body)) {
    message = get_string_or(*json, "message", "").value_or("");
  }
  while (message.ends_with('\n')) message.pop_back();
  if (message.empty()) message = std::format("HTTP status {}", response.status);
  return {code_of(response.status), Effect::none, "container engine: " + message, {}, {}};
}

std::string docker_filters(const Json& filters) {
  return url_escape(to_text(filters));
}

Result<ApiVersion> DockerApi::version() {
  const std::lock_guard lock(mutex_);
  if (version_) return *version_;
  const HttpResponse pong = TRY(http_.request({"GET", "/_ping", {}, ""}, kQuickCall));
  if (!pong.ok()) return fail(docker_error(pong));
  const ApiVersion theirs = TRY(parse_api_version(pong.header("Api-Version")));
  if (theirs < kOldestApi) {
    return fail(Code::unsupported,
                std::format("the container engine speaks API {}.{}, Ployz needs {}.{}",
                            theirs.major, theirs.minor, kOldestApi.major, kOldestApi.minor),
                "update the engine to Docker 20.10 or newer");
  }
  version_ = std::min(theirs, kNewestApi);
  return *version_;
}

void DockerApi::forget_version(const HttpResponse& response) {
  if (!about_version(response)) return;
  const std::lock_guard lock(mutex_);
  version_.reset();
}

Result<HttpRequest> DockerApi::make_request(std::string method, std::string_view path,
                                            std::string body, std::string content_type) {
  HttpRequest request{
      std::move(method), to_prefix(TRY(version())).append(path), {}, std::move(body)};
  if (!content_type.empty()) request.headers = {{"Content-Type", std::move(content_type)}};
  return request;
}

Result<HttpResponse> DockerApi::call(std::string method, std::string_view path, std::string body,
                                     std::chrono::milliseconds timeout) {
  for (bool retried = false;; retried = true) {
    const std::string type = body.empty() ? "" : "application/json";
    const HttpRequest request = TRY(make_request(method, path, body, type));
    HttpResponse response = TRY(http_.request(request, timeout));
    // 304: it already is as asked.
    if (response.ok() || response.status == 304) return response;
    forget_version(response);
    if (retried || !about_version(response)) return fail(docker_error(response));
  }
}

Result<Json> DockerApi::get(std::string_view path, std::chrono::milliseconds timeout) {
  return json_of(TRY(call("GET", path, {}, timeout)));
}

Result<Json> DockerApi::post(std::string_view path, const Json& body,
                             std::chrono::milliseconds timeout) {
  return json_of(TRY(call("POST", path, body.is_null() ? "" : to_text(body), timeout)));
}

Status DockerApi::remove(std::string_view path, std::chrono::milliseconds timeout) {
  TRY(call("DELETE", path, {}, timeout));
  return {};
}

Result<HttpResponse> DockerApi::stream(std::string method, std::string_view path,
                                       const Json& json_body, const HttpExchange& exchange,
                                       std::string content_type) {
  const HttpRequest request =
      TRY(make_request(std::move(method), path, json_body.is_null() ? "" : to_text(json_body),
                       std::move(content_type)));
  HttpResponse response = TRY(http_.exchange(request, exchange));
  if (response.ok()) return response;
  forget_version(response);
  return fail(docker_error(response));
}

}  // namespace ployz

// The container engine's HTTP API (docs.docker.com/reference/api/engine) on its socket, with the
// version negotiated: engines refuse versions that are too old or too new for them.
//
// Errors of every call: `unavailable` (the engine does not answer), `timeout`, `unsupported` (the
// engine speaks no version we do), else by the status: 400 `invalid`, 401 and 403 `denied`,
// 404 `not_found`, 409 `conflict`, 5xx `unavailable`; the message is the engine's.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/http_client.h"
#include "base/json.h"
#include "base/result.h"

namespace ployz {

inline constexpr std::string_view kDockerSocket = "/var/run/docker.sock";

struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
};

// Docker 20.10 (Debian 12) speaks 1.12 to 1.41, 26.1 (Debian 13) 1.24 to 1.45, 29 from 1.44 on.
inline constexpr ApiVersion kOldestApi{1, 41};
inline constexpr ApiVersion kNewestApi{1, 45};

[[nodiscard]] Result<ApiVersion> parse_api_version(std::string_view text);
// "/v1.41".
[[nodiscard]] std::string to_prefix(ApiVersion version);

// Reads, and changes that only write a record.
inline constexpr std::chrono::milliseconds kQuickCall{15000};
// Calls that prepare a root filesystem, network and process, on a loaded disk.
inline constexpr std::chrono::milliseconds kSlowCall{120000};

class DockerApi {
 public:
  explicit DockerApi(std::string socket_path = std::string(kDockerSocket))
      : http_(std::move(socket_path)) {}

  // The version to speak; asks the engine once and remembers.
  [[nodiscard]] Result<ApiVersion> version();

  // `path` without the version: "/containers/json?all=1". The answer's body, null when empty.
  [[nodiscard]] Result<Json> get(std::string_view path,
                                 std::chrono::milliseconds timeout = kQuickCall);
  [[nodiscard]] Result<Json> post(std::string_view path, const Json& body,
                                  std::chrono::milliseconds timeout = kQuickCall);
  [[nodiscard]] Status remove(std::string_view path,
                              std::chrono::milliseconds timeout = kQuickCall);
  // A streamed answer or upload; `json_body` null sends none.
  [[nodiscard]] Result<HttpResponse> stream(std::string method, std::string_view path,
                                            const Json& json_body, const HttpExchange& exchange,
                                            std::string content_type = "application/json");

 private:
  [[nodiscard]] Result<HttpResponse> call(std::string method, std::string_view path,
                                          std::string body, std::chrono::milliseconds timeout);
  [[nodiscard]] Result<HttpRequest> make_request(std::string method, std::string_view path,
                                                 std::string body, std::string content_type);
  // The engine was replaced by one of another version: ask again.
  void forget_version(const HttpResponse& response);

  HttpClient http_;
  std::mutex mutex_;
  std::optional<ApiVersion> version_;
};

// The engine's refusal as an error: {"message": "…"} and the status.
[[nodiscard]] Error docker_error(const HttpResponse& response);

// "?filters=" value: {"label":["a=b"]}, escaped.
[[nodiscard]] std::string docker_filters(const Json& filters);

}  // namespace ployz

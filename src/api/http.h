// HTTP as the routes see it: no sockets, no Beast, so that routes are tested and fuzzed as plain
// functions. The server (src/api/server.cc) is one implementation of ApiResponse.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <string_view>

#include "api/service.h"
#include "base/json.h"
#include "base/result.h"
#include "model/manifest.h"

namespace ployz {

// JSON bodies and manifests; image archives are streamed and unbounded. The slack is for requests
// whose fields surround a manifest of the largest size.
inline constexpr size_t kMaxBodyBytes = kMaxManifestBytes + (64 << 10);
inline constexpr size_t kMaxTargetBytes = 8 << 10;  // path and query

struct ApiRequest {
  std::string method;                        // "GET"
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded; of repeated keys the last
  std::string content_type;                  // without parameters, lower case
  std::string body;                          // of routes that do not stream
  ByteSource stream;                         // of routes that do
};

// A handler calls either reply() once, or line() any number of times and then returns.
class ApiResponse {
 public:
  virtual ~ApiResponse() = default;
  // One JSON document.
  virtual void reply(int status, const Json& document) = 0;
  // One line of application/x-ndjson, sent at once (status 200 with the first). False: the client
  // is gone; the handler may go on or not.
  virtual bool line(const Json& document) = 0;
  // Requested when the client goes away while the handler waits for something else.
  [[nodiscard]] virtual std::stop_token gone() = 0;
};

// "/v1/logs?lines=5&follow=true" → path and query of `request`. `invalid` for targets that do not
// start with "/", are too long, carry broken %-escapes, NUL bytes or "." or ".." segments.
[[nodiscard]] Status parse_target(std::string_view target, ApiRequest& request);

// The HTTP status of an error: 400, 404, 409, …; and the document {"error": …}.
[[nodiscard]] int http_status(Code code);
[[nodiscard]] Json error_document(const Error& error);
void reply_error(ApiResponse& response, const Error& error);

// Query parameters. `invalid` names the parameter and what is accepted.
[[nodiscard]] Result<uint64_t> query_uint(const ApiRequest& request, const std::string& key,
                                          uint64_t fallback, uint64_t most);
[[nodiscard]] Result<bool> query_bool(const ApiRequest& request, const std::string& key,
                                      bool fallback);
[[nodiscard]] std::string query_text(const ApiRequest& request, const std::string& key);

}  // namespace ployz

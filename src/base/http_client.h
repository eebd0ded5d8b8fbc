// HTTP/1.1 over a unix socket: what talks to the container engine and to ployzd's control socket.
// One connection per request, so calls from several threads do not meet. Links statically.
//
// Errors: `unavailable`, effect none: nobody listens on the socket. `unavailable`, effect unknown:
// the peer went away after it got the request. `timeout`: no answer in time. `canceled`: stopped.
// `corrupt`: the answer is not HTTP, or larger than the limits. `invalid`: a control character in
// the request. The effect of everything after the connect is unknown, but none for GET and HEAD.
// An answer of any status is a success here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ployz {

struct HttpRequest {
  std::string method = "GET";
  std::string target;                                        // path and query, already escaped
  std::vector<std::pair<std::string, std::string>> headers;  // Host and lengths are added
  std::string body;
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Case-insensitive; empty when absent.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

// An answer's header beyond this is refused: 16 times what Docker sends.
inline constexpr uint32_t kMaxHttpHeader = 64 << 10;
// A body that is collected in memory is refused beyond this: a list of a few thousand containers,
// or the largest control-plane answer, several times over. Streams are not bounded.
inline constexpr size_t kMaxHttpBody = 64 << 20;

struct HttpExchange {
  // Request body in chunks instead of HttpRequest::body: fills the buffer, returns the bytes, 0 at
  // the end. Its error ends the exchange and becomes its result. The peer may answer before the
  // end.
  std::function<Result<size_t>(std::span<char>)> read_body;
  // Called once before the first chunk with status and headers.
  std::function<void(const HttpResponse&)> on_header;
  // Gets the body of a 2xx answer in pieces as they arrive instead of HttpResponse::body; false
  // ends the exchange with success. Other answers are collected.
  std::function<bool(std::string_view)> on_chunk;
  std::chrono::milliseconds answer_timeout{30000};  // request sent → header; 0: none
  std::chrono::milliseconds idle_timeout{0};        // between bytes either way; 0: none
  std::stop_token stop;                             // interrupts any wait
};

// What is left of a connection after an upgrade: raw bytes both ways. One reader and one writer
// thread at once.
class HttpDuplex {
 public:
  virtual ~HttpDuplex() = default;
  // At least one byte; 0 at the end.
  [[nodiscard]] virtual Result<size_t> read_some(std::span<char> into) = 0;
  [[nodiscard]] virtual Status write_all(std::string_view bytes) = 0;
  virtual void close_write() = 0;
};

struct HttpUpgraded {
  HttpResponse response;               // of another status: the refusal, with its body
  std::unique_ptr<HttpDuplex> duplex;  // set when the status is 101
};

class HttpClient {
 public:
  explicit HttpClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // The whole call within `timeout` (0: none).
  [[nodiscard]] Result<HttpResponse> request(const HttpRequest& request,
                                             std::chrono::milliseconds timeout,
                                             std::stop_token stop = {}) const;
  // Streams either way.
  [[nodiscard]] Result<HttpResponse> exchange(const HttpRequest& request,
                                              const HttpExchange& exchange) const;
  // Asks to upgrade to `protocol` ("tcp" for the container engine). `stop` also interrupts the
  // duplex later.
  [[nodiscard]] Result<HttpUpgraded> upgrade(const HttpRequest& request, std::string_view protocol,
                                             std::chrono::milliseconds timeout,
                                             std::stop_token stop = {}) const;

  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

 private:
  std::string socket_path_;
};

// Escapes everything but unreserved characters (RFC 3986), for a path segment or a query value.
[[nodiscard]] std::string url_escape(std::string_view text);

}  // namespace ployz

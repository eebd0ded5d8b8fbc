#include "base/http_client.h"

#include <cctype>
#include <format>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <poll.h>

#include "base/unix_stream.h"

// Beast parses; the bytes are moved by UnixStream, because Beast's own streams can neither time out
// nor be interrupted without an event loop.
namespace ployz {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using std::chrono::milliseconds;

// A local socket answers connect(2) at once unless its process is stuck.
constexpr milliseconds kConnectTimeout{5000};
constexpr size_t kPiece = 64 << 10;

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<std::string> serialise_head(const HttpRequest& request, bool chunked,
                                   std::string_view upgrade_to) {
  const auto bad = [](std::string_view text) { return text.empty() || has_control(text); };
  if (bad(request.method) || bad(request.target) || request.target.contains(' ')) {
    return fail(Code::invalid, "the HTTP method or target has a forbidden character");
  }
  std::string head =
      std::format("{} {} HTTP/1.1\r\nHost: ployz\r\n", request.method, request.target);
  for (const auto& [name, value] : request.headers) {
    if (bad(name) || has_control(value)) {
      return fail(Code::invalid, "HTTP header '" + name + "' has a forbidden character");
    }
    head += std::format("{}: {}\r\n", name, value);
  }
  head += upgrade_to.empty() ? "Connection: close\r\n"
                             : std::format("Connection: Upgrade\r\nUpgrade: {}\r\n", upgrade_to);
  if (chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    head += std::format("Content-Length: {}\r\n", request.body.size());
  }
  return head + "\r\n";
}

// The connect is behind us: whether the peer acted on the request is not known, unless the request
// asks for no action.
Error after_send(Error error, const HttpRequest& request) {
  const bool safe = request.method == "GET" || request.method == "HEAD";
  if (error.effect == Effect::none && !safe) error.effect = Effect::unknown;
  return std::move(error).at(request.method + " " + request.target);
}

// One request and its answer on a connection.
class Connection {
 public:
  Connection(UnixStream stream, bool head_only) : stream_(std::move(stream)) {
    parser_.header_limit(kMaxHttpHeader);
    parser_.body_limit(boost::none);
    parser_.skip(head_only);
  }

  Status send(std::string_view bytes, Deadline deadline) {
    return stream_.write_all(bytes, deadline);
  }
  Status send_chunks(const HttpExchange& exchange);
  // Something of an answer is already there.
  bool answered() const {
    const StopFd never{std::stop_token{}};
    return wait_for(stream_.fd(), POLLIN, std::chrono::steady_clock::now(), never).has_value();
  }

  Result<HttpResponse> read_head(Deadline deadline);
  // `on_chunk` false ends it.
  Status read_body(milliseconds idle, Deadline total,
                   const std::function<Result<bool>(std::string_view)>& on_chunk);

  UnixStream take_stream() { return std::move(stream_); }
  std::string take_rest() { return std::move(in_); }

 private:
  // Appends to in_; false at the end of the stream.
  Result<bool> fill(Deadline deadline);
  static std::unexpected<Error> malformed(const error_code& error) {
    return fail(Code::corrupt, "the answer is not valid HTTP: " + error.message());
  }

  UnixStream stream_;
  http::response_parser<http::buffer_body> parser_;
  std::string in_;  // received, not yet parsed
};

Status Connection::send_chunks(const HttpExchange& exchange) {
  std::string buffer(kPiece, '\0');
  while (true) {
    const size_t size = TRY(exchange.read_body(buffer));
    std::string chunk = std::format("{:x}\r\n", size);
    chunk.append(buffer, 0, size).append("\r\n");
    TRY(send(chunk, deadline_in(exchange.idle_timeout)));
    if (size == 0) return {};
  }
}

Result<bool> Connection::fill(Deadline deadline) {
  const size_t before = in_.size();
  in_.resize(before + kPiece);
  const auto got = stream_.read_some(std::span(in_).subspan(before), deadline);
  in_.resize(before + got.value_or(0));
  if (!got) return std::unexpected(got.error());
  return *got > 0;
}

Result<HttpResponse> Connection::read_head(Deadline deadline) {
  while (!parser_.is_header_done()) {
    if (!TRY(fill(deadline))) return fail(Code::unavailable, "the peer closed without an answer");
    error_code error;
    in_.erase(0, parser_.put(boost::asio::buffer(in_), error));
    if (error && error != http::error::need_more) return malformed(error);
  }
  HttpResponse response;
  response.status = parser_.get().result_int();
  for (const auto& field : parser_.get().base()) {
    response.headers.emplace_back(field.name_string(), field.value());
  }
  return response;
}

Status Connection::read_body(milliseconds idle, Deadline total,
                             const std::function<Result<bool>(std::string_view)>& on_chunk) {
  std::string out(kPiece, '\0');
  parser_.eager(true);
  while (!parser_.is_done()) {
    auto& body = parser_.get().body();
    body.data = out.data();
    body.size = out.size();
    body.more = true;
    error_code error;
    const size_t used = in_.empty() ? 0 : parser_.put(boost::asio::buffer(in_), error);
    in_.erase(0, used);
    const size_t made = out.size() - body.size;
    if (error && error != http::error::need_more && error != http::error::need_buffer) {
      return malformed(error);
    }
    if (made > 0 && !TRY(on_chunk(std::string_view(out).substr(0, made)))) return {};
    if (used > 0 || made > 0 || parser_.is_done()) continue;
    if (TRY(fill(std::min(total, deadline_in(idle))))) continue;
    parser_.put_eof(error = {});
    if (error) return fail(Code::unavailable, "the peer closed in the middle of its answer");
  }
  return {};
}

Result<bool> collect(std::string& body, std::string_view chunk) {
  if (body.size() + chunk.size() > kMaxHttpBody) {
    return fail(Code::corrupt, std::format("the answer is larger than {} MiB", kMaxHttpBody >> 20));
  }
  body += chunk;
  return true;
}

Result<HttpResponse> run(Connection& connection, const std::string& head,
                         const HttpRequest& request, const HttpExchange& exchange, Deadline total) {
  const Deadline send_by = std::min(total, deadline_in(exchange.idle_timeout));
  Status sent = connection.send(head + request.body, send_by);
  if (sent && exchange.read_body) sent = connection.send_chunks(exchange);
  // A peer that refuses early answers and stops reading: its answer says more than our error.
  if (!sent && (sent.error().code == Code::canceled || !connection.answered())) {
    return std::unexpected(sent.error());
  }
  const Deadline answer_by = std::min(total, deadline_in(exchange.answer_timeout));
  HttpResponse response = TRY(connection.read_head(answer_by));
  const bool stream = exchange.on_chunk && response.ok();
  if (exchange.on_header) exchange.on_header(response);
  TRY(connection.read_body(exchange.idle_timeout, total,
                           [&](std::string_view chunk) -> Result<bool> {
                             if (stream) return exchange.on_chunk(chunk);
                             return collect(response.body, chunk);
                           }));
  return response;
}

class Duplex final : public HttpDuplex {
 public:
  Duplex(UnixStream stream, std::string rest)
      : stream_(std::move(stream)), rest_(std::move(rest)) {}

  Result<size_t> read_some(std::span<char> into) override {
    if (rest_.empty()) return stream_.read_some(into, kNoDeadline);
    const size_t size = rest_.copy(into.data(), into.size());
    rest_.erase(0, size);
    return size;
  }
  Status write_all(std::string_view bytes) override {
    return stream_.write_all(bytes, kNoDeadline);
  }
  void close_write() override { stream_.close_write(); }

 private:
  UnixStream stream_;
  std::string rest_;  // came with the header
};

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

Result<HttpResponse> HttpClient::request(const HttpRequest& request, milliseconds timeout,
                                         std::stop_token stop) const {
  const Deadline deadline = deadline_in(timeout);
  const std::string head = TRY(serialise_head(request, false, {}));
  Connection connection(
      TRY(UnixStream::connect(socket_path_, std::min(kConnectTimeout, timeout), stop)),
      request.method == "HEAD");
  HttpExchange exchange;
  exchange.answer_timeout = milliseconds{0};
  return run(connection, head, request, exchange, deadline).transform_error([&](Error error) {
    return after_send(std::move(error), request);
  });
}

Result<HttpResponse> HttpClient::exchange(const HttpRequest& request,
                                          const HttpExchange& exchange) const {
  const std::string head = TRY(serialise_head(request, exchange.read_body != nullptr, {}));
  Connection connection(TRY(UnixStream::connect(socket_path_, kConnectTimeout, exchange.stop)),
                        request.method == "HEAD");
  return run(connection, head, request, exchange, kNoDeadline).transform_error([&](Error error) {
    return after_send(std::move(error), request);
  });
}

Result<HttpUpgraded> HttpClient::upgrade(const HttpRequest& request, std::string_view protocol,
                                         milliseconds timeout, std::stop_token stop) const {
  const Deadline deadline = deadline_in(timeout);
  const std::string head = TRY(serialise_head(request, false, protocol));
  Connection connection(TRY(UnixStream::connect(socket_path_, kConnectTimeout, stop)), false);
  const auto attempt = [&]() -> Result<HttpUpgraded> {
    TRY(connection.send(head + request.body, deadline));
    HttpUpgraded result{TRY(connection.read_head(deadline)), nullptr};
    if (result.response.status != 101) {
      TRY(connection.read_body(milliseconds{0}, deadline, [&](std::string_view chunk) {
        return collect(result.response.body, chunk);
      }));
      return result;
    }
    result.duplex = std::make_unique<Duplex>(connection.take_stream(), connection.take_rest());
    return result;
  };
  return attempt().transform_error(
      [&](Error error) { return after_send(std::move(error), request); });
}

std::string url_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      escaped += c;
    } else {
      escaped += std::format("%{:02X}", byte);
    }
  }
  return escaped;
}

}  // namespace ployz

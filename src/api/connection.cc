#include "api/connection.h"

#include <format>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <poll.h>

#include "api/http.h"
#include "api/routes.h"
#include "base/unix_stream.h"

// Beast parses; UnixStream moves the bytes, because its waits have deadlines and can be stopped.
namespace ployz {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using std::chrono::seconds;

constexpr uint32_t kMaxHeader = 16 << 10;
constexpr size_t kPiece = 64 << 10;
constexpr seconds kIdle{60};          // between requests of one connection
constexpr seconds kRequestPiece{30};  // between two pieces of one request
constexpr seconds kWrite{30};         // a client that does not read is dropped

std::string_view reason(int status) {
  return http::obsolete_reason(static_cast<http::status>(status));
}

// One request and its answer.
class Exchange final : public ApiResponse {
 public:
  Exchange(UnixStream& stream, std::string& in, std::stop_token stop)
      : stream_(stream),
        in_(in),
        stop_(std::move(stop)),
        stopping_(stop_, [this] { gone_.request_stop(); }) {
    parser_.header_limit(kMaxHeader);
    parser_.body_limit(boost::none);  // counted in read_body, where a refusal can be answered
    parser_.eager(true);
  }
  ~Exchange() override {
    if (chunked_ && alive_) send("0\r\n\r\n");
  }

  // False: nothing more to serve on this connection.
  bool run(ApiService& service, LiveOperations& live);

  void reply(int status, const Json& document) override;
  bool line(const Json& document) override;
  std::stop_token gone() override;

 private:
  Status read_head();
  Status read_body(std::string& body);
  Result<size_t> read_piece(std::span<char> into);
  Status describe(ApiRequest& request);
  void continue_if_expected();
  bool keeps_alive() const {
    return alive_ && answered_ && parser_.is_done() && parser_.keep_alive();
  }
  void send(std::string_view bytes) {
    if (alive_ && !stream_.write_all(bytes, deadline_in(kWrite))) alive_ = false;
  }

  UnixStream& stream_;
  std::string& in_;  // received, not yet parsed; what follows the request stays for the next
  std::stop_token stop_;
  std::stop_source gone_;
  std::stop_callback<std::function<void()>> stopping_;
  http::request_parser<http::buffer_body> parser_;
  std::jthread watcher_;
  bool alive_ = true;
  bool answered_ = false;
  bool chunked_ = false;
};

Status Exchange::read_head() {
  while (true) {
    if (!in_.empty()) {
      error_code error;
      in_.erase(0, parser_.put(boost::asio::buffer(in_), error));
      if (parser_.is_header_done()) return {};
      if (error && error != http::error::need_more)
        return fail(Code::invalid, "not HTTP: " + error.message());
    }
    char piece[4096];
    const auto wait = in_.empty() ? kIdle : kRequestPiece;
    const size_t got = TRY(stream_.read_some(piece, deadline_in(wait)));
    if (got == 0) return fail(Code::canceled, "the client left");
    in_.append(piece, got);
  }
}

// At least one byte of the body; 0 at its end.
Result<size_t> Exchange::read_piece(std::span<char> into) {
  while (!parser_.is_done()) {
    auto& body = parser_.get().body();
    body.data = into.data();
    body.size = into.size();
    body.more = true;
    error_code error;
    const size_t used = in_.empty() ? 0 : parser_.put(boost::asio::buffer(in_), error);
    in_.erase(0, used);
    if (error && error != http::error::need_more && error != http::error::need_buffer)
      return fail(Code::invalid, "the request's body is not HTTP: " + error.message());
    if (const size_t made = into.size() - body.size; made > 0) return made;
    if (used > 0) continue;
    const size_t before = in_.size();
    in_.resize(before + kPiece);
    const auto got = stream_.read_some(std::span(in_).subspan(before), deadline_in(kRequestPiece));
    in_.resize(before + got.value_or(0));
    if (TRY(got) == 0) return fail(Code::canceled, "the client left in the middle of its request");
  }
  return 0;
}

Status Exchange::read_body(std::string& body) {
  const auto too_large = [] {
    return fail(Code::invalid, std::format("the request is larger than {} bytes", kMaxBodyBytes));
  };
  if (parser_.content_length().value_or(0) > kMaxBodyBytes) return too_large();
  continue_if_expected();
  std::string piece(kPiece, '\0');
  while (const size_t got = TRY(read_piece(piece))) {
    if (body.size() + got > kMaxBodyBytes) return too_large();
    body.append(piece, 0, got);
  }
  return {};
}

void Exchange::continue_if_expected() {
  if (boost::beast::iequals(parser_.get()[http::field::expect], "100-continue"))
    send("HTTP/1.1 100 Continue\r\n\r\n");
}

Status Exchange::describe(ApiRequest& request) {
  const auto& message = parser_.get();
  request.method = std::string(message.method_string());
  TRY(parse_target(std::string_view(message.target()), request));
  std::string_view type = message[http::field::content_type];
  for (const char c : type.substr(0, type.find(';')))
    if (c != ' ')
      request.content_type += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return {};
}

bool Exchange::run(ApiService& service, LiveOperations& live) {
  if (auto head = read_head(); !head) {
    if (head.error().code == Code::invalid) reply_error(*this, head.error());
    return false;
  }
  const auto serve = [&]() -> Status {
    ApiRequest request;
    TRY(describe(request));
    std::vector<std::string> params;
    const ApiRoute* route = TRY(find_route(request.method, request.path, params));
    if (!route->streams_body) {
      TRY(read_body(request.body));
    } else if (!parser_.is_done()) {
      continue_if_expected();
      request.stream = [this](std::span<char> into) { return read_piece(into); };
    }
    RouteContext context{service, live, request, *this, std::move(params)};
    serve_route(*route, context);
    return {};
  };
  if (auto served = serve(); !served) reply_error(*this, served.error());
  return keeps_alive();
}

void Exchange::reply(int status, const Json& document) {
  if (answered_) return;
  answered_ = true;
  const std::string body = to_text(document) + "\n";
  // What is left of the body would be taken for the next request.
  const bool close = !parser_.is_done() || !parser_.keep_alive();
  send(std::format(
           "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n",
           status, reason(status), body.size(), close ? "Connection: close\r\n" : "") +
       body);
}

bool Exchange::line(const Json& document) {
  std::string out;
  if (!answered_) {
    answered_ = chunked_ = true;
    out =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
  }
  const std::string text = to_text(document) + "\n";
  send(out + std::format("{:x}\r\n{}\r\n", text.size(), text));
  return alive_;
}

std::stop_token Exchange::gone() {
  if (!watcher_.joinable()) {
    watcher_ = std::jthread([this](const std::stop_token& ended) {
      const StopFd end(ended);
      if (wait_for(stream_.fd(), POLLRDHUP, kNoDeadline, end)) gone_.request_stop();
    });
  }
  return gone_.get_token();
}

}  // namespace

void serve_connection(Fd client, ApiService& service, LiveOperations& live, std::stop_token stop) {
  auto stream = UnixStream::adopt(std::move(client), stop);
  std::string in;
  bool more = true;
  while (more && !stop.stop_requested()) {
    Exchange exchange(stream, in, stop);
    more = exchange.run(service, live);
  }
}

void refuse_connection(Fd client, size_t max_connections) {
  auto stream = UnixStream::adopt(std::move(client), {});
  const Error error{Code::unavailable,
                    Effect::none,
                    std::format("the daemon serves {} connections already", max_connections),
                    "try again",
                    {}};
  const std::string body = to_text(error_document(error)) + "\n";
  (void)stream.write_all(
      std::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
                  "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                  body.size(), body),
      deadline_in(seconds(1)));
}

}  // namespace ployz

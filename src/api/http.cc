#include "api/http.h"

#include <charconv>
#include <format>

namespace ployz {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) return fail(Code::invalid, "broken %-escape in the request's address");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return fail(Code::invalid, "NUL byte in the request's address");
    out += c;
  }
  return out;
}

Status check_segments(std::string_view path) {
  for (size_t at = 0; at < path.size();) {
    size_t end = path.find('/', at);
    if (end == std::string_view::npos) end = path.size();
    const auto segment = path.substr(at, end - at);
    if (segment == "." || segment == "..")
      return fail(Code::invalid, "the request's address contains '.' or '..'");
    at = end + 1;
  }
  return {};
}

}  // namespace

Status parse_target(std::string_view target, ApiRequest& request) {
  if (target.empty() || target.front() != '/')
    return fail(Code::invalid, "the request's address does not begin with '/'");
  if (target.size() > kMaxTargetBytes)
    return fail(Code::invalid,
                std::format("the request's address is longer than {} bytes", kMaxTargetBytes));
  const size_t mark = target.find('?');
  request.path = TRY(percent_decode(target.substr(0, mark), false));
  TRY(check_segments(request.path));
  if (mark == std::string_view::npos) return {};
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const size_t amp = rest.find('&');
    const auto pair = rest.substr(0, amp);
    const size_t equal = pair.find('=');
    auto key = TRY(percent_decode(pair.substr(0, equal), true));
    auto value = equal == std::string_view::npos
                     ? std::string("true")
                     : TRY(percent_decode(pair.substr(equal + 1), true));
    if (!key.empty()) request.query[std::move(key)] = std::move(value);
    rest = amp == std::string_view::npos ? std::string_view() : rest.substr(amp + 1);
  }
  return {};
}

int http_status(Code code) {
  switch (code) {
    case Code::invalid:
      return 400;
    case Code::not_found:
      return 404;
    case Code::exists:
      return 409;
    case Code::conflict:
      return 409;
    case Code::precondition:
      return 412;
    case Code::unavailable:
      return 503;
    case Code::timeout:
      return 504;
    case Code::denied:
      return 403;
    case Code::corrupt:
      return 422;
    case Code::unsupported:
      return 501;
    case Code::canceled:
      return 409;
    case Code::internal:
      return 500;
  }
  return 500;
}

Json error_document(const Error& error) {
  return Json{{"error", error_to_json(error)}};
}

void reply_error(ApiResponse& response, const Error& error) {
  response.reply(http_status(error.code), error_document(error));
}

Result<uint64_t> query_uint(const ApiRequest& request, const std::string& key, uint64_t fallback,
                            uint64_t most) {
  const auto found = request.query.find(key);
  if (found == request.query.end()) return fallback;
  const std::string& text = found->second;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most)
    return fail(Code::invalid,
                std::format("query parameter '{}' is not a number from 0 to {}", key, most));
  return value;
}

Result<bool> query_bool(const ApiRequest& request, const std::string& key, bool fallback) {
  const auto found = request.query.find(key);
  if (found == request.query.end()) return fallback;
  if (found->second == "true" || found->second == "1") return true;
  if (found->second == "false" || found->second == "0") return false;
  return fail(Code::invalid, std::format("query parameter '{}' is neither true nor false", key));
}

std::string query_text(const ApiRequest& request, const std::string& key) {
  const auto found = request.query.find(key);
  return found == request.query.end() ? std::string() : found->second;
}

}  // namespace ployz

#include "model/names.h"

#include <algorithm>
#include <format>

#include "model/quote.h"

namespace ployz {
namespace {

constexpr size_t kMaxLabel = 63;      // RFC 1035, 2.3.4
constexpr size_t kMaxHostname = 253;  // 255 octets on the wire

bool lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

Status check_name(std::string_view name, std::string_view what, bool underscore) {
  const auto allowed = [&](char c) {
    return lower_or_digit(c) || c == '-' || (underscore && c == '_');
  };
  if (!name.empty() && name.size() <= kMaxLabel && lower_or_digit(name.front()) &&
      std::ranges::all_of(name, allowed)) {
    return {};
  }
  return fail(Code::invalid, std::format("{} {} is not valid", what, quote(name)),
              std::format("1 to {} of a-z, 0-9{} and -, beginning with a letter or digit",
                          kMaxLabel, underscore ? ", _" : ""));
}

bool is_host_label(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && lower_or_digit(label.front()) &&
         lower_or_digit(label.back()) &&
         std::ranges::all_of(label, [](char c) { return lower_or_digit(c) || c == '-'; });
}

}  // namespace

Status check_dns_label(std::string_view name, std::string_view what) {
  return check_name(name, what, false);
}

Status check_volume_name(std::string_view name, std::string_view what) {
  return check_name(name, what, true);
}

Status check_hostname(std::string_view hostname) {
  std::string_view rest = hostname;
  if (rest.starts_with("*.")) rest.remove_prefix(2);
  bool valid = !rest.empty() && hostname.size() <= kMaxHostname;
  while (valid) {
    const size_t dot = rest.find('.');
    valid = is_host_label(rest.substr(0, dot));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (valid) return {};
  return fail(Code::invalid, std::format("hostname {} is not valid", quote(hostname)),
              "lower-case labels of a-z, 0-9 and - joined by dots, at most 253 characters, "
              "optionally with '*.' in front");
}

}  // namespace ployz

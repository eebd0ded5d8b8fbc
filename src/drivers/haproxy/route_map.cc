#include "drivers/haproxy/route_map.h"

#include <algorithm>
#include <format>

namespace ployz {
namespace {

bool all_of(std::string_view text, std::string_view punctuation) {
  return std::ranges::all_of(text, [&](unsigned char c) {
    return (std::isalnum(c) != 0 && c < 0x80) || punctuation.contains(static_cast<char>(c));
  });
}

// RFC 3986 path characters. No white space, quotes, backslashes or control characters: a key is one
// word of a line.
Status check_route(const HostRoute& route) {
  const bool host_fits = !route.hostname.empty() && route.hostname.size() <= 253 &&
                         all_of(route.hostname, "*.-_");
  const bool path_fits = route.path_prefix.starts_with('/') && route.path_prefix.size() <= 1024 &&
                         all_of(route.path_prefix, "/-._~%!$&'()*+,;=:@");
  if (host_fits && path_fits) return {};
  return fail(Code::invalid, std::format("'{}{}' cannot be routed", route.hostname,
                                         route.path_prefix));
}

Result<SlotName> slot_of(const BackendKey& key, const std::map<BackendKey, SlotName>& slots) {
  if (const auto found = slots.find(key); found != slots.end()) return found->second;
  return fail(Code::precondition,
              std::format("no servers were prepared for port {} of {}.{} ({})", key.port,
                          key.service.str(), key.name_space.str(), key.generation));
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

Result<std::vector<std::string>> route_map_lines(const RouteTable& table,
                                                 const std::map<BackendKey, SlotName>& slots) {
  std::vector<std::string> lines;
  for (const HostRoute& route : table.hosts) {
    TRY(check_route(route));
    const bool root = route.path_prefix.ends_with('/');
    lines.push_back(std::format("host:{}{}{} {}\n", lower(route.hostname), route.path_prefix,
                                root ? "" : "/", TRY(slot_of(route.backend, slots))));
  }
  for (const auto& [port, key] : table.ports) {
    lines.push_back(std::format("port:{} {}\n", port, TRY(slot_of(key, slots))));
  }
  return lines;
}

std::vector<std::string> map_chunks(const std::vector<std::string>& lines) {
  std::vector<std::string> chunks;
  for (const std::string& line : lines) {
    if (chunks.empty() || chunks.back().size() + line.size() > kMaxMapChunk) chunks.emplace_back();
    chunks.back() += line;
  }
  return chunks;
}

}  // namespace ployz

#include "model/image_reference.h"

#include <algorithm>

#include "base/digest.h"

namespace ployz {
namespace {

constexpr size_t kMaxName = 255;
constexpr size_t kMaxTag = 128;

bool is_lower_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

bool is_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= kMaxTag && tag.front() != '.' && tag.front() != '-' &&
         std::ranges::all_of(
             tag, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

// Separators inside: one dot, one or two underscores, any number of dashes.
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (is_lower_alnum(text[i])) {
      ++i;
      continue;
    }
    const size_t end = text.find_first_not_of(text[i], i);
    const size_t length = end - i;
    if (text[i] != '-' && text[i] != '_' && text[i] != '.') return false;
    if ((text[i] == '.' && length > 1) || (text[i] == '_' && length > 2)) return false;
    if (!is_lower_alnum(text[end])) return false;
    i = end;
  }
  return true;
}

bool is_registry(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) {
      return false;
    }
  }
  return !host.empty() && is_alnum(host.front()) && is_alnum(host.back()) &&
         std::ranges::all_of(host, [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  const size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  // As Docker tells a registry from a path: it has a dot or a port, or is "localhost".
  const bool registry =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
       std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; }));
  if (registry) {
    if (!is_registry(first)) return false;
    name.remove_prefix(slash + 1);
  }
  while (true) {
    const size_t end = name.find('/');
    if (!is_path_component(name.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    name.remove_prefix(end + 1);
  }
}

}  // namespace

bool is_image_reference(std::string_view text) {
  if (is_sha256_digest(text)) return true;
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_sha256_digest(text.substr(at + 1))) return false;
    text = text.substr(0, at);
  }
  // A colon after the last slash begins the tag; before it, a port.
  const size_t slash = text.rfind('/');
  const size_t colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    if (!is_tag(text.substr(colon + 1))) return false;
    text = text.substr(0, colon);
  }
  return is_name(text);
}

}  // namespace ployz

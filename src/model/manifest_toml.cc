#include <algorithm>
#include <format>

#include "model/manifest_node.h"
#include "model/toml.h"

namespace ployz {
namespace {

// toml++ 3.4 bounds nested values (256) but not `a.b.c…`, and frees what it built recursively: a
// long enough key would overflow the stack. So dotted keys are bounded before it sees the text.
constexpr size_t kMaxDots = 8;

Position position(const toml::source_position& at) {
  return {std::max<size_t>(at.line, 1), std::max<size_t>(at.column, 1)};
}

// Past the string that begins at `begin`, or the end of the text when it is not closed.
size_t skip_string(std::string_view text, size_t begin) {
  const char quote = text[begin];
  const std::string triple(3, quote);
  const bool multi_line = text.substr(begin).starts_with(triple);
  for (size_t i = begin + (multi_line ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (multi_line && text.substr(i).starts_with(triple)) {
      // Up to two quotes right before the closing ones belong to the string.
      const size_t end = text.find_first_not_of(quote, i);
      return std::min({end, i + 5, text.size()});
    } else if (!multi_line && (text[i] == quote || text[i] == '\n')) {
      return i + 1;
    }
  }
  return text.size();
}

Status check_dots(std::string_view text) {
  constexpr std::string_view kEndsKey = "\n=,[]{}";
  size_t dots = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      i = skip_string(text, i) - 1;
    } else if (c == '#') {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '.' && ++dots > kMaxDots) {
      const auto line = static_cast<size_t>(std::ranges::count(text.substr(0, i), '\n')) + 1;
      return fail_at({line, 1}, std::format("a key has more than {} dots", kMaxDots));
    } else if (kEndsKey.contains(c)) {
      dots = 0;
    }
  }
  return {};
}

// toml++ quotes what it read, which may be an unquoted secret. Only keys are repeated.
std::string reason_of(const toml::parse_error& error) {
  constexpr std::string_view kPrefix = "Error while parsing ";
  std::string_view text = error.description();
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  const size_t colon = text.find(": ");
  if (colon == std::string_view::npos) return std::string(text.substr(0, text.find('\'')));
  const std::string_view scope = text.substr(0, colon);
  std::string_view reason = text.substr(colon + 2);
  if (reason.starts_with("cannot ")) return std::string(reason);
  if (reason.starts_with("'") || reason.starts_with("an unspecified")) {
    return std::format("in this {}", scope);
  }
  return std::format("in this {}: {}", scope, reason.substr(0, reason.find(", saw")));
}

Result<Node> convert(const toml::node& node, size_t depth);

Result<Node> convert_table(const toml::table& table, size_t depth) {
  Table entries;
  entries.reserve(table.size());
  for (const auto& [key, value] : table) {
    entries.push_back(
        {std::string(key.str()), position(key.source().begin), TRY(convert(value, depth + 1))});
  }
  // toml++ sorts by key; the first error reported should be the first in the file.
  std::ranges::stable_sort(
      entries, {}, [](const Entry& entry) { return std::pair(entry.at.line, entry.at.column); });
  return Node{position(table.source().begin), std::move(entries)};
}

Result<Node> convert(const toml::node& node, size_t depth) {
  const Position at = position(node.source().begin);
  if (depth > kMaxManifestDepth) {
    return fail_at(at, std::format("nested deeper than {} levels", kMaxManifestDepth));
  }
  if (const auto* table = node.as_table()) return convert_table(*table, depth);
  if (const auto* array = node.as_array()) {
    Array items;
    items.reserve(array->size());
    for (const auto& item : *array) items.push_back(TRY(convert(item, depth + 1)));
    return Node{at, std::move(items)};
  }
  if (const auto* value = node.as_string()) return Node{at, value->get()};
  if (const auto* value = node.as_integer()) return Node{at, value->get()};
  if (const auto* value = node.as_floating_point()) return Node{at, value->get()};
  if (const auto* value = node.as_boolean()) return Node{at, value->get()};
  return Node{at, Unusable{}};
}

}  // namespace

Result<Node> parse_toml_tree(std::string_view text) {
  TRY(check_dots(text));
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return fail_at(position(parsed.error().source().begin),
                   std::format("not valid TOML: {}", reason_of(parsed.error())));
  }
  return convert(parsed.table(), 0);
}

}  // namespace ployz

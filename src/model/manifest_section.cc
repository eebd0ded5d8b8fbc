#include "model/manifest_section.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "model/keys.h"
#include "model/quote.h"
#include "model/units.h"

namespace ployz {
namespace {

std::string_view kind_of(const Node& node) {
  constexpr std::array<std::string_view, 7> kKinds{"null or a date", "a boolean", "a whole number",
                                                   "a fraction",     "a string",  "a list",
                                                   "a table"};
  return kKinds[node.value.index()];
}

std::string hint_for(std::string_view key, std::initializer_list<std::string_view> keys) {
  const std::string_view nearest = nearest_key(key, keys);
  if (!nearest.empty()) return std::format("did you mean '{}'?", nearest);
  std::string all;
  for (const std::string_view known : keys) {
    if (!all.empty()) all += ", ";
    all += known;
  }
  return std::format("known here: {}", all);
}

// A whole number within [low, high].
Result<int64_t> as_number(const Node& node, std::string_view key, int64_t low, int64_t high) {
  const auto* number = std::get_if<int64_t>(&node.value);
  if (!number) return wrong_kind(node, key, "a whole number");
  if (*number < low || *number > high) {
    return fail_at(node.at, std::format("'{}' must be {} to {}", key, low, high));
  }
  return *number;
}

// What a parser of text says of a value, at the place of the value.
std::unexpected<Error> refused(const Node& node, std::string_view key, Error error) {
  return fail_at(node.at, std::format("'{}' {}", key, error.message), error.hint);
}

}  // namespace

std::unexpected<Error> fail_at(Position at, std::string message, std::string hint) {
  return fail(Error{Code::invalid,
                    Effect::none,
                    std::move(message),
                    std::move(hint),
                    {{"line", std::to_string(at.line)}, {"column", std::to_string(at.column)}}});
}

Position Positions::find(std::string_view path) const {
  while (true) {
    if (const auto found = at_.find(path); found != at_.end()) return found->second;
    const size_t cut = path.find_last_of(".[");
    if (cut == std::string_view::npos) return {};
    path = path.substr(0, cut);
  }
}

Result<Section> Section::open(Positions& positions, const Node& node, std::string path,
                              std::string_view what, std::initializer_list<std::string_view> keys) {
  const auto* table = std::get_if<Table>(&node.value);
  if (!table)
    return fail_at(node.at, std::format("{} must be a table, not {}", what, kind_of(node)));
  for (const Entry& entry : *table) {
    if (std::ranges::find(keys, entry.key) == keys.end()) {
      return fail_at(entry.at, std::format("unknown key {} in {}", quote(entry.key), what),
                     hint_for(entry.key, keys));
    }
  }
  positions.add(path, node.at);
  return Section(positions, *table, node.at, std::move(path), what);
}

std::string Section::child(std::string_view key) const {
  return path_.empty() ? std::string(key) : std::format("{}.{}", path_, key);
}

Result<const Entry*> Section::find(Spellings spellings) const {
  const Entry* found = nullptr;
  for (const Table* table : tables_) {
    for (const Entry& entry : *table) {
      if (std::ranges::find(spellings, entry.key) == spellings.end()) continue;
      if (found) {
        return fail_at(entry.at,
                       std::format("'{}' and '{}' mean the same: give one", found->key, entry.key));
      }
      found = &entry;
    }
  }
  if (found) positions_->add(child(*spellings.begin()), found->value.at);
  return found;
}

Result<const Array*> Section::array_of_tables(const Entry& entry) {
  if (const auto* array = std::get_if<Array>(&entry.value.value)) return array;
  return fail_at(
      entry.at,
      std::format("'{}' must be a list of tables, not {}", entry.key, kind_of(entry.value)),
      "in TOML each one begins with its name in double brackets, as in [[service]]");
}

std::unexpected<Error> wrong_kind(const Node& node, std::string_view key, std::string_view wanted) {
  return fail_at(node.at, std::format("'{}' must be {}, not {}", key, wanted, kind_of(node)));
}

Result<std::string> as_text(const Node& node, std::string_view key) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (!text) return wrong_kind(node, key, "a string");
  return *text;
}

Result<std::vector<std::string>> as_texts(const Node& node, std::string_view key) {
  const auto* items = std::get_if<Array>(&node.value);
  if (!items) return wrong_kind(node, key, "a list of strings");
  std::vector<std::string> texts;
  texts.reserve(items->size());
  for (const Node& item : *items) texts.push_back(TRY(as_text(item, key)));
  return texts;
}

Result<bool> as_bool(const Node& node, std::string_view key) {
  const auto* value = std::get_if<bool>(&node.value);
  if (!value) return wrong_kind(node, key, "true or false");
  return *value;
}

Result<uint16_t> as_port(const Node& node, std::string_view key) {
  return static_cast<uint16_t>(TRY(as_number(node, key, 1, UINT16_MAX)));
}

Result<uint32_t> as_count(const Node& node, std::string_view key) {
  constexpr int64_t kMaxReplicas = 10'000;
  return static_cast<uint32_t>(TRY(as_number(node, key, 0, kMaxReplicas)));
}

Result<uint64_t> as_size(const Node& node, std::string_view key) {
  if (std::holds_alternative<int64_t>(node.value)) {
    return static_cast<uint64_t>(TRY(as_number(node, key, 0, INT64_MAX)));
  }
  const auto* text = std::get_if<std::string>(&node.value);
  if (!text) return wrong_kind(node, key, "a size such as \"512M\"");
  auto size = parse_size(*text);
  if (!size) return refused(node, key, std::move(size).error());
  return size;
}

Result<std::chrono::milliseconds> as_duration(const Node& node, std::string_view key) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (!text) return wrong_kind(node, key, "a duration such as \"10s\"");
  auto duration = parse_duration(*text);
  if (!duration) return refused(node, key, std::move(duration).error());
  return duration;
}

Result<uint32_t> as_milli_cpus(const Node& node, std::string_view key) {
  constexpr double kMaxCpus = 1024;
  double cpus = 0;
  if (const auto* whole = std::get_if<int64_t>(&node.value)) {
    cpus = static_cast<double>(*whole);
  } else if (const auto* fraction = std::get_if<double>(&node.value)) {
    cpus = *fraction;
  } else {
    return wrong_kind(node, key, "a number");
  }
  // 0.01 is the least Docker takes. Written so that NaN is refused too.
  if (!(cpus >= 0.01 && cpus <= kMaxCpus)) {
    return fail_at(node.at, std::format("'{}' must be 0.01 to {}", key, kMaxCpus));
  }
  return static_cast<uint32_t>(std::lround(cpus * 1000));
}

}  // namespace ployz

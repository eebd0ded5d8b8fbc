// Reading one table of a manifest: which keys may stand in it, how else they may be spelled, and
// where everything stood, so that later checks can point at it.
#pragma once

#include <format>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/manifest_node.h"

namespace ployz {

// Path of a value in its shortest spelling ("service[1].port[0].name") → where it stood. What
// validation finds wrong is found again through this.
class Positions {
 public:
  void add(std::string path, Position at) { at_.insert_or_assign(std::move(path), at); }
  // Of the path, else of the nearest thing around it.
  [[nodiscard]] Position find(std::string_view path) const;

 private:
  std::map<std::string, Position, std::less<>> at_;
};

// The spellings of one key; the first is the canonical one.
using Spellings = std::initializer_list<std::string_view>;

class Section {
 public:
  // `what` names the table in messages: "the manifest", "[[service.port]]". `keys`: all that may
  // stand here, in every spelling; another one is an error at its place, with the nearest of them.
  [[nodiscard]] static Result<Section> open(Positions& positions, const Node& node,
                                            std::string path, std::string_view what,
                                            std::initializer_list<std::string_view> keys);

  [[nodiscard]] Position at() const { return at_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Positions& positions() const { return *positions_; }
  [[nodiscard]] std::string child(std::string_view key) const;

  // From here on this section also spans `other`, whose keys count as its own.
  void join(const Section& other) {
    tables_.insert(tables_.end(), other.tables_.begin(), other.tables_.end());
  }

  // Null when absent; an error when it is there twice, in two spellings or two tables.
  [[nodiscard]] Result<const Entry*> find(Spellings spellings) const;

  // `read(node, key)` → Result<T>. Absent: `value` keeps its default.
  template <class T, class Read>
  [[nodiscard]] Status optional(Spellings spellings, T& value, Read read) const {
    const Entry* entry = TRY(find(spellings));
    if (entry) value = TRY(read(entry->value, entry->key));
    return {};
  }
  template <class T, class Read>
  [[nodiscard]] Status required(Spellings spellings, T& value, Read read) const {
    if (!TRY(find(spellings))) {
      return fail_at(at_, std::format("{} has no '{}'", what_, *spellings.begin()));
    }
    return optional(spellings, value, read);
  }
  // Appends `read(node, path)` → Result<T> of every table in the list.
  template <class T, class Read>
  [[nodiscard]] Status list(Spellings spellings, std::vector<T>& values, Read read) const {
    const Entry* entry = TRY(find(spellings));
    if (!entry) return {};
    const Array* items = TRY(array_of_tables(*entry));
    values.reserve(items->size());
    for (const Node& item : *items) {
      values.push_back(
          TRY(read(item, std::format("{}[{}]", child(*spellings.begin()), values.size()))));
    }
    return {};
  }

 private:
  Section(Positions& positions, const Table& table, Position at, std::string path,
          std::string_view what)
      : positions_(&positions), tables_{&table}, at_(at), path_(std::move(path)), what_(what) {}
  [[nodiscard]] static Result<const Array*> array_of_tables(const Entry& entry);

  Positions* positions_;
  std::vector<const Table*> tables_;
  Position at_;
  std::string path_;
  std::string what_;
};

// "must be a string, not a number" at the node. Values are never repeated: they may be secrets.
[[nodiscard]] std::unexpected<Error> wrong_kind(const Node& node, std::string_view key,
                                                std::string_view wanted);

// Readers of single values, for Section::optional and required.
[[nodiscard]] Result<std::string> as_text(const Node& node, std::string_view key);
[[nodiscard]] Result<std::vector<std::string>> as_texts(const Node& node, std::string_view key);
[[nodiscard]] Result<bool> as_bool(const Node& node, std::string_view key);
[[nodiscard]] Result<uint16_t> as_port(const Node& node, std::string_view key);
[[nodiscard]] Result<uint32_t> as_count(const Node& node, std::string_view key);
[[nodiscard]] Result<uint64_t> as_size(const Node& node, std::string_view key);
[[nodiscard]] Result<std::chrono::milliseconds> as_duration(const Node& node, std::string_view key);
[[nodiscard]] Result<uint32_t> as_milli_cpus(const Node& node, std::string_view key);

}  // namespace ployz

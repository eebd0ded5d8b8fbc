// What TOML and JSON have in common: a tree of values that know where they stand in the file. The
// schema (manifest_schema.cc) walks this tree and never sees which language it came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ployz {

// Deeper input is refused before anything recurses over it. A manifest needs 6.
inline constexpr size_t kMaxManifestDepth = 32;

// 1-based; columns count code points.
struct Position {
  size_t line = 1;
  size_t column = 1;
};

struct Node;
struct Entry;
using Array = std::vector<Node>;
using Table = std::vector<Entry>;  // in the order of the file, keys unique
struct Unusable {};                // null, dates: no key of a manifest takes them

struct Node {
  Position at;
  std::variant<Unusable, bool, int64_t, double, std::string, Array, Table> value;
};

struct Entry {
  std::string key;
  Position at;  // of the key
  Node value;
};

// Code::invalid with context line and column, which parse_manifest puts in front of the message.
[[nodiscard]] std::unexpected<Error> fail_at(Position at, std::string message,
                                             std::string hint = {});

// The root is always a Table.
[[nodiscard]] Result<Node> parse_toml_tree(std::string_view text);
[[nodiscard]] Result<Node> parse_json_tree(std::string_view text);

}  // namespace ployz

// How Ployz reads JSON it did not write: every accessor returns a Result that names the field.
// Writing uses nlohmann::json directly; objects are key-sorted, so dump() of equal values is equal.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ployz {

using Json = nlohmann::json;

// Depth above this is refused: it bounds the recursion of every reader.
inline constexpr int kMaxJsonDepth = 64;

// Parses untrusted bytes. `invalid` with line and column on malformed text, NaN, invalid UTF-8 or
// nesting beyond kMaxJsonDepth.
[[nodiscard]] Result<Json> parse_json(std::string_view bytes);
// dump() that cannot throw: invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string to_text(const Json& json);

// Required fields. `invalid` when absent or of another type; the message names the key.
[[nodiscard]] Result<std::string> get_string(const Json& object, std::string_view key);
[[nodiscard]] Result<uint64_t> get_uint(const Json& object, std::string_view key);
[[nodiscard]] Result<int64_t> get_int(const Json& object, std::string_view key);
[[nodiscard]] Result<bool> get_bool(const Json& object, std::string_view key);
[[nodiscard]] Result<Json> get_object(const Json& object, std::string_view key);
[[nodiscard]] Result<Json> get_array(const Json& object, std::string_view key);
// Optional fields: the fallback when absent or null, `invalid` when of another type.
[[nodiscard]] Result<std::string> get_string_or(const Json& object, std::string_view key,
                                                std::string fallback);
[[nodiscard]] Result<uint64_t> get_uint_or(const Json& object, std::string_view key,
                                           uint64_t fallback);
[[nodiscard]] Result<bool> get_bool_or(const Json& object, std::string_view key, bool fallback);
[[nodiscard]] Result<Json> get_array_or_empty(const Json& object, std::string_view key);
[[nodiscard]] Result<std::vector<std::string>> get_strings(const Json& object,
                                                           std::string_view key);

// Errors cross processes as {"code","effect","message","hint","details":{…}}.
[[nodiscard]] Json error_to_json(const Error& error);
[[nodiscard]] Error error_from_json(const Json& json);

}  // namespace ployz

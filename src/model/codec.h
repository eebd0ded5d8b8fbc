// How the types of Ployz become JSON and back. A type has ONE list of its fields,
//
//   template <class Codec, Like<Port> T>
//   void fields(Codec& codec, T& port) {
//     codec.field("name", port.name);
//     codec.optional_field("protocol", port.protocol);
//   }
//
// which serves the writer, the reader and so the check for unknown fields: they cannot disagree.
// An enum has one table, `enum_names(std::type_identity<E>)`. Reading never throws, is strict, and
// errors (Code::invalid) name the path of the field but never a value: values may be secrets.
//
// Evolving a wire format: a new field is an `optional_field`, so that old records still parse.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <format>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/id.h"
#include "base/json.h"
#include "base/result.h"

namespace ployz {

template <class T, class U>
concept Like = std::same_as<std::remove_const_t<T>, U>;

template <class E, size_t N>
using EnumNames = std::array<std::pair<E, std::string_view>, N>;

template <class E>
concept NamedEnum = requires { enum_names(std::type_identity<E>{}); };

template <NamedEnum E>
[[nodiscard]] std::string_view enum_to_string(E value) {
  for (const auto& [candidate, name] : enum_names(std::type_identity<E>{})) {
    if (candidate == value) return name;
  }
  check(false, "an enumerator without a name");
  return {};
}

// "overlay, host or none"
template <NamedEnum E>
[[nodiscard]] std::string enum_choices() {
  const auto& names = enum_names(std::type_identity<E>{});
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i].second;
  }
  return text;
}

template <NamedEnum E>
[[nodiscard]] Result<E> enum_from_string(std::string_view text) {
  for (const auto& [candidate, name] : enum_names(std::type_identity<E>{})) {
    if (name == text) return candidate;
  }
  return fail(Code::invalid, std::format("must be {}", enum_choices<E>()));
}

class JsonWriter {
 public:
  template <class T>
  void field(const char* key, const T& value);
  template <class T>
  void optional_field(const char* key, const T& value) {
    field(key, value);
  }
  void version(const char* key, int newest) { json_[key] = newest; }

  [[nodiscard]] Json take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

class JsonReader {
 public:
  explicit JsonReader(const Json& json) : json_(json) {
    if (!json.is_object()) {
      error_ = {Code::invalid,
                Effect::none,
                std::format("must be an object, not {}", json.type_name()),
                {},
                {}};
    }
  }

  template <class T>
  void field(std::string_view key, T& value) {
    read(key, value, true);
  }
  // Absent: `value` keeps what it holds.
  template <class T>
  void optional_field(std::string_view key, T& value) {
    read(key, value, false);
  }
  // A record of a later version may mean things this build does not know: refused.
  void version(std::string_view key, int newest) {
    int found = 0;
    field(key, found);
    if (!error_ && (found < 1 || found > newest)) {
      set(fail(Code::invalid, std::format("is {}, and this build knows 1 to {}", found, newest)),
          key);
    }
  }

  template <class T>
  [[nodiscard]] Result<T> finish(T value) {
    if (!error_) find_unknown();
    if (error_) return fail(std::move(*error_));
    return value;
  }

 private:
  template <class T>
  void read(std::string_view key, T& value, bool required);
  void set(std::unexpected<Error> error, std::string_view key) {
    error_ = std::move(error).error().at(key);
  }
  void find_unknown() {
    if (known_.size() == json_.size()) return;
    for (const auto& [key, value] : json_.items()) {
      if (std::ranges::find(known_, key) == known_.end()) {
        error_ = {Code::invalid, Effect::none, std::format("unknown field '{}'", key), {}, {}};
        return;
      }
    }
  }

  const Json& json_;
  std::vector<std::string_view> known_;  // the keys that are present and were asked for
  std::optional<Error> error_;           // the first one; later reads are skipped
};

template <class T>
concept HasFields = requires(JsonWriter& writer, const T& value) { fields(writer, value); };

// ---- values to JSON

template <class T>
[[nodiscard]] Json encode_value(const T& value);

template <class T>
struct JsonValue;  // one specialisation per shape of value: `write` and `read`

template <class T>
[[nodiscard]] Json encode_value(const T& value) {
  return JsonValue<T>::write(value);
}

template <class T>
[[nodiscard]] Status decode_value(const Json& json, T& value) {
  return JsonValue<T>::read(json, value);
}

template <class T>
void JsonWriter::field(const char* key, const T& value) {
  json_[key] = encode_value(value);
}

template <class T>
void JsonReader::read(std::string_view key, T& value, bool required) {
  if (error_) return;
  const auto found = json_.find(key);
  if (found == json_.end()) {
    if (required) set(fail(Code::invalid, "is missing"), key);
    return;
  }
  known_.push_back(key);
  if (auto status = decode_value(*found, value); !status) {
    set(fail(std::move(status).error()), key);
  }
}

[[nodiscard]] inline std::unexpected<Error> wrong_type(std::string_view wanted, const Json& found) {
  return fail(Code::invalid, std::format("must be {}, not {}", wanted, found.type_name()));
}

// A type that has a field list. The public to_json/x_from_json of a type call these two.
template <HasFields T>
[[nodiscard]] Json write_fields(const T& value) {
  JsonWriter writer;
  fields(writer, value);
  return writer.take();
}

template <HasFields T>
[[nodiscard]] Result<T> read_fields(const Json& json) {
  JsonReader reader(json);
  T value{};
  fields(reader, value);
  return reader.finish(std::move(value));
}

template <HasFields T>
struct JsonValue<T> {
  static Json write(const T& value) { return write_fields(value); }
  static Status read(const Json& json, T& value) {
    value = TRY(read_fields<T>(json));
    return {};
  }
};

template <>
struct JsonValue<std::string> {
  static Json write(const std::string& value) { return value; }
  static Status read(const Json& json, std::string& value) {
    if (!json.is_string()) return wrong_type("a string", json);
    value = json.get_ref<const std::string&>();
    return {};
  }
};

// Whatever it is.
template <>
struct JsonValue<Json> {
  static Json write(const Json& value) { return value; }
  static Status read(const Json& json, Json& value) {
    value = json;
    return {};
  }
};

template <>
struct JsonValue<bool> {
  static Json write(bool value) { return value; }
  static Status read(const Json& json, bool& value) {
    if (!json.is_boolean()) return wrong_type("true or false", json);
    value = json.get<bool>();
    return {};
  }
};

template <std::unsigned_integral T>
struct JsonValue<T> {
  static Json write(T value) { return value; }
  static Status read(const Json& json, T& value) {
    // Json that code built rather than parsed may hold a positive number as a signed one.
    if (!json.is_number_integer() || (!json.is_number_unsigned() && json.get<int64_t>() < 0)) {
      return wrong_type("a whole number of at least 0", json);
    }
    const auto wide = json.get<uint64_t>();
    if (wide > std::numeric_limits<T>::max()) {
      return fail(Code::invalid, std::format("must be at most {}", std::numeric_limits<T>::max()));
    }
    value = static_cast<T>(wide);
    return {};
  }
};

template <>
struct JsonValue<int> {
  static Json write(int value) { return value; }
  static Status read(const Json& json, int& value) {
    if (!json.is_number_integer()) return wrong_type("a whole number", json);
    // Unsigned values beyond int64 would wrap: they are out of range all the same.
    const bool huge = json.is_number_unsigned() && json.get<uint64_t>() > INT32_MAX;
    const auto wide = huge ? INT64_MAX : json.get<int64_t>();
    if (wide < INT32_MIN || wide > INT32_MAX) return fail(Code::invalid, "is out of range");
    value = static_cast<int>(wide);
    return {};
  }
};

// A year: keeps every sum of durations far from overflow, in nanoseconds too.
inline constexpr std::chrono::milliseconds kMaxDuration = std::chrono::hours(24 * 366);

template <>
struct JsonValue<std::chrono::milliseconds> {
  static Json write(std::chrono::milliseconds value) {
    return static_cast<uint64_t>(std::max<int64_t>(value.count(), 0));
  }
  static Status read(const Json& json, std::chrono::milliseconds& value) {
    uint64_t count = 0;
    TRY(decode_value(json, count));
    if (count > static_cast<uint64_t>(kMaxDuration.count())) {
      return fail(Code::invalid, std::format("must be at most {} ms", kMaxDuration.count()));
    }
    value = std::chrono::milliseconds(count);
    return {};
  }
};

template <class Tag>
struct JsonValue<Id<Tag>> {
  static Json write(const Id<Tag>& value) { return value.value; }
  static Status read(const Json& json, Id<Tag>& value) { return decode_value(json, value.value); }
};

template <NamedEnum E>
struct JsonValue<E> {
  static Json write(E value) { return enum_to_string(value); }
  static Status read(const Json& json, E& value) {
    std::string text;
    TRY(decode_value(json, text));
    value = TRY(enum_from_string<E>(text));
    return {};
  }
};

// Absent and null are the same; written as null, so that every field is always there.
template <class T>
struct JsonValue<std::optional<T>> {
  static Json write(const std::optional<T>& value) {
    return value ? encode_value(*value) : Json(nullptr);
  }
  static Status read(const Json& json, std::optional<T>& value) {
    value.reset();
    if (json.is_null()) return {};
    T present{};
    TRY(decode_value(json, present));
    value = std::move(present);
    return {};
  }
};

template <class T>
struct JsonValue<std::vector<T>> {
  static Json write(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(encode_value(value));
    return array;
  }
  static Status read(const Json& json, std::vector<T>& values) {
    if (!json.is_array()) return wrong_type("an array", json);
    values.clear();
    values.reserve(json.size());
    for (const Json& item : json) {
      if (auto status = decode_value(item, values.emplace_back()); !status) {
        return fail(std::move(status).error().at(std::format("[{}]", values.size() - 1)));
      }
    }
    return {};
  }
};

// Keys: strings and ids.
template <class K, class V>
struct JsonValue<std::map<K, V>> {
  static const std::string& text(const std::string& key) { return key; }
  template <class Tag>
  static const std::string& text(const Id<Tag>& key) {
    return key.value;
  }
  static Json write(const std::map<K, V>& values) {
    Json object = Json::object();
    for (const auto& [key, value] : values) object[text(key)] = encode_value(value);
    return object;
  }
  static Status read(const Json& json, std::map<K, V>& values) {
    if (!json.is_object()) return wrong_type("an object", json);
    values.clear();
    for (const auto& [key, item] : json.items()) {
      if (auto status = decode_value(item, values[K(key)]); !status) {
        return fail(std::move(status).error().at(key));
      }
    }
    return {};
  }
};

}  // namespace ployz

#include "base/json.h"

#include <algorithm>
#include <format>

namespace ployz {
namespace {

// nlohmann's parser has no depth limit of its own and its destructor is iterative, but every
// reader of ours recurses; so the depth is checked before the text is parsed.
Status check_depth(std::string_view bytes) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '}' || c == ']') --depth;
    if ((c == '{' || c == '[') && ++depth > kMaxJsonDepth) {
      return fail(Code::invalid, std::format("JSON is nested deeper than {} levels", kMaxJsonDepth));
    }
  }
  return {};
}

std::pair<size_t, size_t> line_and_column(std::string_view bytes, size_t offset) {
  const std::string_view before = bytes.substr(0, std::min(offset, bytes.size()));
  const size_t line = 1 + static_cast<size_t>(std::ranges::count(before, '\n'));
  const size_t start = before.rfind('\n');
  return {line, start == std::string_view::npos ? before.size() + 1 : before.size() - start};
}

std::unexpected<Error> wrong(std::string_view key, std::string_view wanted, const Json& found) {
  return fail(Code::invalid,
              std::format("field '{}' must be {}, not {}", key, wanted, found.type_name()));
}

Result<const Json*> field(const Json& object, std::string_view key) {
  if (!object.is_object()) {
    return fail(Code::invalid, std::format("expected an object with field '{}', got {}", key,
                                           object.type_name()));
  }
  const auto it = object.find(key);
  if (it == object.end() || it->is_null()) return static_cast<const Json*>(nullptr);
  return &*it;
}

Result<const Json*> required(const Json& object, std::string_view key) {
  const Json* found = TRY(field(object, key));
  if (!found) return fail(Code::invalid, std::format("field '{}' is missing", key));
  return found;
}

Result<std::string> as_string(const Json& value, std::string_view key) {
  if (!value.is_string()) return wrong(key, "a string", value);
  return value.get<std::string>();
}

Result<uint64_t> as_uint(const Json& value, std::string_view key) {
  if (!value.is_number_unsigned()) return wrong(key, "a whole number of at least 0", value);
  return value.get<uint64_t>();
}

Result<bool> as_bool(const Json& value, std::string_view key) {
  if (!value.is_boolean()) return wrong(key, "true or false", value);
  return value.get<bool>();
}

}  // namespace

Result<Json> parse_json(std::string_view bytes) {
  TRY(check_depth(bytes));
  try {
    return Json::parse(bytes);
  } catch (const Json::parse_error& e) {
    const auto [line, column] = line_and_column(bytes, e.byte > 0 ? e.byte - 1 : 0);
    return fail(Code::invalid, std::format("line {}, column {}: not valid JSON", line, column));
  } catch (const Json::exception& e) {
    return fail(Code::invalid, std::format("not valid JSON: {}", e.what()));
  }
}

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> get_string(const Json& object, std::string_view key) {
  return as_string(*TRY(required(object, key)), key);
}

Result<uint64_t> get_uint(const Json& object, std::string_view key) {
  return as_uint(*TRY(required(object, key)), key);
}

Result<int64_t> get_int(const Json& object, std::string_view key) {
  const Json* value = TRY(required(object, key));
  if (!value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX)) {
    return wrong(key, "a whole number", *value);
  }
  return value->get<int64_t>();
}

Result<bool> get_bool(const Json& object, std::string_view key) {
  return as_bool(*TRY(required(object, key)), key);
}

Result<Json> get_object(const Json& object, std::string_view key) {
  const Json* value = TRY(required(object, key));
  if (!value->is_object()) return wrong(key, "an object", *value);
  return *value;
}

Result<Json> get_array(const Json& object, std::string_view key) {
  const Json* value = TRY(required(object, key));
  if (!value->is_array()) return wrong(key, "an array", *value);
  return *value;
}

Result<std::string> get_string_or(const Json& object, std::string_view key, std::string fallback) {
  const Json* value = TRY(field(object, key));
  if (!value) return fallback;
  return as_string(*value, key);
}

Result<uint64_t> get_uint_or(const Json& object, std::string_view key, uint64_t fallback) {
  const Json* value = TRY(field(object, key));
  if (!value) return fallback;
  return as_uint(*value, key);
}

Result<bool> get_bool_or(const Json& object, std::string_view key, bool fallback) {
  const Json* value = TRY(field(object, key));
  if (!value) return fallback;
  return as_bool(*value, key);
}

Result<Json> get_array_or_empty(const Json& object, std::string_view key) {
  const Json* value = TRY(field(object, key));
  if (!value) return Json::array();
  if (!value->is_array()) return wrong(key, "an array", *value);
  return *value;
}

Result<std::vector<std::string>> get_strings(const Json& object, std::string_view key) {
  const Json array = TRY(get_array_or_empty(object, key));
  std::vector<std::string> strings;
  strings.reserve(array.size());
  for (const Json& value : array) strings.push_back(TRY(as_string(value, key)));
  return strings;
}

Json error_to_json(const Error& error) {
  Json details = Json::object();
  for (const Context& entry : error.context) details[entry.key] = entry.value;
  return {{"code", to_string(error.code)},
          {"effect", to_string(error.effect)},
          {"message", error.message},
          {"hint", error.hint},
          {"details", std::move(details)}};
}

Error error_from_json(const Json& json) {
  Error error;
  error.message = get_string_or(json, "message", "").value_or("");
  error.hint = get_string_or(json, "hint", "").value_or("");
  const auto code = parse_code(get_string_or(json, "code", "").value_or(""));
  const auto effect = parse_effect(get_string_or(json, "effect", "none").value_or(""));
  if (!code || !effect || error.message.empty()) {
    return {Code::corrupt, Effect::unknown, "a peer sent an error that does not parse", {}, {}};
  }
  error.code = *code;
  error.effect = *effect;
  if (const auto details = get_object(json, "details")) {
    for (const auto& [key, value] : details->items()) {
      if (value.is_string()) error.context.push_back({key, value.get<std::string>()});
    }
  }
  return error;
}

}  // namespace ployz

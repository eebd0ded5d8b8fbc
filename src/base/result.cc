#include "base/result.h"

#include <array>

namespace ployz {
namespace {

constexpr std::array<std::pair<Code, std::string_view>, 12> kCodes{{
    {Code::invalid, "invalid"},
    {Code::not_found, "not_found"},
    {Code::exists, "exists"},
    {Code::conflict, "conflict"},
    {Code::precondition, "precondition"},
    {Code::unavailable, "unavailable"},
    {Code::timeout, "timeout"},
    {Code::denied, "denied"},
    {Code::corrupt, "corrupt"},
    {Code::unsupported, "unsupported"},
    {Code::canceled, "canceled"},
    {Code::internal, "internal"},
}};

constexpr std::array<std::pair<Effect, std::string_view>, 3> kEffects{{
    {Effect::none, "none"},
    {Effect::applied, "applied"},
    {Effect::unknown, "unknown"},
}};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) return name;
  }
  return "internal";
}

template <class Table>
auto value_in(const Table& table, std::string_view text, std::string_view what)
    -> Result<typename Table::value_type::first_type> {
  for (const auto& [candidate, name] : table) {
    if (name == text) return candidate;
  }
  return fail(Code::invalid, std::string("unknown ").append(what).append(" '").append(text) + "'");
}

}  // namespace

Error Error::with(std::string key, std::string value) && {
  context.push_back({std::move(key), std::move(value)});
  return std::move(*this);
}

Error Error::at(std::string_view where) && {
  message = std::string(where) + ": " + message;
  return std::move(*this);
}

std::string Error::line() const { return hint.empty() ? message : message + " (" + hint + ")"; }

std::unexpected<Error> fail(Code code, std::string message, std::string hint, Effect effect) {
  return std::unexpected(Error{code, effect, std::move(message), std::move(hint), {}});
}

std::string_view to_string(Code code) { return name_in(kCodes, code); }
std::string_view to_string(Effect effect) { return name_in(kEffects, effect); }
Result<Code> parse_code(std::string_view text) { return value_in(kCodes, text, "error code"); }
Result<Effect> parse_effect(std::string_view text) { return value_in(kEffects, text, "effect"); }

}  // namespace ployz

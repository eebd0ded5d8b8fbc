// Errors are values. Every fallible function of Ployz returns Result<T> (or Status), and every
// result is looked at: a dropped one does not compile (-Werror=unused-result).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ployz {

// Add a code only when a caller branches on it.
enum class Code {
  invalid,       // the input is malformed; repeating it cannot help
  not_found,     // the named thing does not exist
  exists,        // the thing to be created exists with other content
  conflict,      // somebody else moved first (compare-and-set lost, lease held)
  precondition,  // the world is not in the state the operation needs; nothing was changed
  unavailable,   // the other side did not answer or refused the connection
  timeout,       // no answer in time; look at Effect before repeating
  denied,        // credentials or permissions
  corrupt,       // stored or received bytes do not parse or do not match their checksum
  unsupported,   // this build or driver cannot do it
  canceled,      // the caller asked to stop
  internal,      // a bug in Ployz
};

// Whether the thing that failed may have happened all the same. On `unknown` the caller looks at
// the world before it repeats or undoes.
enum class Effect { none, applied, unknown };

struct Context {
  std::string key;
  std::string value;
  bool operator==(const Context&) const = default;
};

// One line for a person (`message` says what and where, `hint` what to do next) and enough
// structure for a program. Never carries a secret.
struct Error {
  Code code = Code::internal;
  Effect effect = Effect::none;
  std::string message;
  std::string hint;
  std::vector<Context> context;

  [[nodiscard]] Error with(std::string key, std::string value) &&;
  // Prefixes the message: "deploying shop: <message>".
  [[nodiscard]] Error at(std::string_view where) &&;
  // "<message> (<hint>)" without the context.
  [[nodiscard]] std::string line() const;
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] std::unexpected<Error> fail(Code code, std::string message, std::string hint = {},
                                          Effect effect = Effect::none);
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

[[nodiscard]] std::string_view to_string(Code code);
[[nodiscard]] std::string_view to_string(Effect effect);
[[nodiscard]] Result<Code> parse_code(std::string_view text);
[[nodiscard]] Result<Effect> parse_effect(std::string_view text);

}  // namespace ployz

// TRY(expr): the value of a Result, or return its error from the enclosing function.
// A statement expression, so it works as an initialiser: `auto commit = TRY(log.newest(ns));`
#define TRY(...)                                                          \
  __extension__({                                                         \
    auto&& ployz_result_ = (__VA_ARGS__);                                 \
    if (!ployz_result_) return std::unexpected(std::move(ployz_result_).error()); \
    std::move(ployz_result_).value();                                     \
  })

// The command tree as data: parsing, help, documentation, completion and suggestions all read the
// same table (src/cli/tree.cc), so none can say something else than another.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace ployz::cli {

// What a value names, for completion.
enum class Names {
  nothing, file, name_space, machine, operation, instance, context, service, volume, invite
};

struct OptionSpec {
  std::string name;   // long, without dashes
  char letter = 0;    // short; 0: none
  std::string value;  // "FILE"; empty: a flag
  std::string help;
  bool repeat = false;
  std::vector<std::string> choices = {};
  Names names = Names::nothing;
};

struct PositionalSpec {
  std::string name;  // "NAMESPACE"
  std::string help;
  bool required = true;
  bool rest = false;  // takes all that follow; only the last may
  Names names = Names::nothing;
  bool mixed =
      false;  // with `rest`: options may stand among them, they are no other program's words
};

// The command line after parsing: values by option or positional name.
class Args {
 public:
  void add(const std::string& name, std::string value) {
    values_[name].push_back(std::move(value));
  }
  [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }
  // Of repeated ones the last; empty when absent.
  [[nodiscard]] std::string get(const std::string& name) const;
  [[nodiscard]] std::string get_or(const std::string& name, std::string_view fallback) const;
  [[nodiscard]] std::vector<std::string> all(const std::string& name) const;
  // `invalid` names the option and the range.
  [[nodiscard]] Result<uint64_t> number(const std::string& name, uint64_t fallback,
                                        uint64_t most) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

// What a command has to say: `document` is printed with --json, `text` otherwise.
struct Answer {
  Json document = Json::object();
  std::string text;
  int exit_code = 0;
  // What failed, printed instead; exit_code says how: without this, the error's own code decides.
  std::optional<Error> error = {};
};

class Session;
using Handler = Result<Answer> (*)(Session& session, const Args& args);

struct CommandSpec {
  std::string name;
  std::string summary;  // one line, no full stop
  std::string description = {};
  std::vector<std::string> examples = {};
  std::vector<OptionSpec> options = {};
  std::vector<PositionalSpec> positionals = {};
  Handler run = nullptr;  // null: a group, or it has a default child
  std::vector<CommandSpec> children = {};
  std::vector<std::string> aliases = {};
  bool hidden = false;

  [[nodiscard]] const CommandSpec* child(std::string_view word) const;
  [[nodiscard]] const OptionSpec* option(std::string_view long_name) const;
  [[nodiscard]] const OptionSpec* option(char letter) const;
};

// Known to every command.
[[nodiscard]] const std::vector<OptionSpec>& global_options();

// The whole tree; its root is ployzctl itself.
[[nodiscard]] const CommandSpec& command_tree();

}  // namespace ployz::cli

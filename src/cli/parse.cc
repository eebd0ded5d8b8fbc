#include "cli/parse.h"

#include <charconv>
#include <format>

namespace ployz::cli {
namespace {

// Edits from one to the other; two neighbours that changed places are one.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const size_t changed = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({changed, d[i - 1][j] + 1, d[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

class Parser {
 public:
  Parser(const CommandSpec& root, const std::vector<std::string>& words) : words_(words) {
    out_.path.push_back(&root);
  }

  Result<Invocation> run() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (only_positionals_ || word.size() < 2 || word[0] != '-')
        TRY(plain(word));
      else if (word == "--")
        only_positionals_ = true;
      else if (word[1] == '-')
        TRY(long_option(std::string_view(word).substr(2)));
      else
        TRY(short_options(std::string_view(word).substr(1)));
    }
    if (!out_.help && !out_.wants_version()) TRY(complete());
    return std::move(out_);
  }

 private:
  const CommandSpec& command() const { return *out_.path.back(); }

  std::unexpected<Error> usage(std::string message, std::string hint = {}) const {
    if (hint.empty()) hint = std::format("{} --help", out_.full_name());
    return fail(Code::invalid, std::move(message), std::move(hint));
  }

  Status plain(const std::string& word) {
    if (positionals_.empty() && !only_positionals_) {
      if (const CommandSpec* child = command().child(word)) {
        out_.path.push_back(child);
        return {};
      }
      if (!command().children.empty() && command().positionals.empty())
        return unknown_command(word);
    }
    positionals_.push_back(word);
    const auto& specs = command().positionals;
    // What follows a positional that takes the rest belongs to another program.
    if (!specs.empty() && specs.back().rest && !specs.back().mixed &&
        positionals_.size() >= specs.size())
      only_positionals_ = true;
    return {};
  }

  Status unknown_command(const std::string& word) const {
    std::vector<std::string> known;
    for (const auto& child : command().children)
      if (!child.hidden) known.push_back(child.name);
    const auto near = nearest(word, known);
    return usage(std::format("unknown command '{}'", word),
                 near.empty() ? "" : std::format("did you mean '{} {}'?", out_.full_name(), near));
  }

  const OptionSpec* find(std::string_view name) const {
    if (const auto* own = command().option(name)) return own;
    for (const auto& global : global_options())
      if (global.name == name) return &global;
    return nullptr;
  }

  const OptionSpec* find(char letter) const {
    if (const auto* own = command().option(letter)) return own;
    for (const auto& global : global_options())
      if (global.letter == letter) return &global;
    return nullptr;
  }

  Status long_option(std::string_view text) {
    const size_t equal = text.find('=');
    const std::string name(text.substr(0, equal));
    if (name == "help") {
      out_.help = true;
      return {};
    }
    const OptionSpec* option = find(name);
    if (option == nullptr) return unknown_option(name);
    if (option->value.empty()) {
      if (equal != std::string_view::npos) return usage(std::format("--{} takes no value", name));
      return store(*option, "true");
    }
    if (equal != std::string_view::npos) return store(*option, std::string(text.substr(equal + 1)));
    return take_value(*option);
  }

  Status short_options(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      if (letter == 'h') {
        out_.help = true;
        continue;
      }
      const OptionSpec* option = find(letter);
      if (option == nullptr) return usage(std::format("unknown flag '-{}'", letter));
      if (option->value.empty()) {
        TRY(store(*option, "true"));
      } else if (!letters.empty()) {
        return store(*option, std::string(letters));
      } else {
        return take_value(*option);
      }
    }
    return {};
  }

  Status unknown_option(const std::string& name) const {
    std::vector<std::string> known{"help"};
    for (const auto& option : command().options) known.push_back(option.name);
    for (const auto& option : global_options()) known.push_back(option.name);
    const auto near = nearest(name, known);
    return usage(std::format("unknown flag '--{}'", name),
                 near.empty() ? "" : std::format("did you mean '--{}'?", near));
  }

  Status take_value(const OptionSpec& option) {
    if (at_ >= words_.size())
      return usage(std::format("--{} needs a value: {}", option.name, option.value));
    return store(option, words_[at_++]);
  }

  Status store(const OptionSpec& option, std::string value) {
    if (!option.choices.empty() && !std::ranges::contains(option.choices, value)) {
      std::string list;
      for (const auto& choice : option.choices) list += (list.empty() ? "" : ", ") + choice;
      return usage(std::format("--{}: '{}' is not one of {}", option.name, value, list));
    }
    if (!option.repeat && !option.value.empty() && out_.args.has(option.name))
      return usage(std::format("--{} is given twice", option.name));
    out_.args.add(option.name, std::move(value));
    return {};
  }

  // Assigns positionals, now that the command is known.
  Status complete() {
    if (command().run == nullptr) {
      out_.help = out_.path.size() == 1 && words_.empty();
      if (out_.help) return {};
      return usage(std::format("{} needs a command", out_.full_name()));
    }
    const auto& specs = command().positionals;
    size_t next = 0;
    for (const auto& spec : specs) {
      if (spec.required && next >= positionals_.size())
        return usage(std::format("{} is missing", spec.name));
      do {
        if (next >= positionals_.size()) break;
        out_.args.add(spec.name, positionals_[next++]);
      } while (spec.rest);
    }
    if (next < positionals_.size())
      return usage(std::format("'{}' is too much", positionals_[next]));
    return {};
  }

  const std::vector<std::string>& words_;
  size_t at_ = 0;
  bool only_positionals_ = false;
  std::vector<std::string> positionals_;
  Invocation out_;
};

}  // namespace

std::string Invocation::full_name() const {
  std::string name;
  for (const auto* command : path) name += (name.empty() ? "" : " ") + command->name;
  return name;
}

Result<Invocation> parse(const CommandSpec& root, const std::vector<std::string>& words) {
  return Parser(root, words).run();
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;  // a third may be wrong
  for (const auto& candidate : known) {
    size_t far = distance(word, candidate);
    if (word.size() >= 3 && candidate.starts_with(word)) far = std::min<size_t>(far, 1);
    if (far < best_distance) {
      best_distance = far;
      best = candidate;
    }
  }
  return best;
}

std::string Args::get(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second.back();
}

std::string Args::get_or(const std::string& name, std::string_view fallback) const {
  return has(name) ? get(name) : std::string(fallback);
}

std::vector<std::string> Args::all(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<uint64_t> Args::number(const std::string& name, uint64_t fallback, uint64_t most) const {
  if (!has(name)) return fallback;
  const auto text = get(name);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most)
    return fail(Code::invalid,
                std::format("--{}: '{}' is not a number from 0 to {}", name, text, most));
  return value;
}

const CommandSpec* CommandSpec::child(std::string_view word) const {
  for (const auto& candidate : children)
    if (candidate.name == word || std::ranges::contains(candidate.aliases, word)) return &candidate;
  return nullptr;
}

const OptionSpec* CommandSpec::option(std::string_view long_name) const {
  for (const auto& candidate : options)
    if (candidate.name == long_name) return &candidate;
  return nullptr;
}

const OptionSpec* CommandSpec::option(char letter) const {
  for (const auto& candidate : options)
    if (candidate.letter == letter) return &candidate;
  return nullptr;
}

}  // namespace ployz::cli

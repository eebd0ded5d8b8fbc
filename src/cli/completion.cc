#include <format>

#include "cli/help.h"

namespace ployz::cli {
namespace {

constexpr std::string_view kBash =
    R"(# bash completion of ployzctl: source <(ployzctl completion bash)
_ployzctl() {
  local IFS=$'\n'
  COMPREPLY=($(ployzctl __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _ployzctl ployzctl
)";

constexpr std::string_view kZsh = R"(#compdef ployzctl
# zsh completion of ployzctl: source <(ployzctl completion zsh)
_ployzctl() {
  local -a found
  found=("${(@f)$(ployzctl __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _ployzctl ployzctl
)";

constexpr std::string_view kFish =
    R"(# fish completion of ployzctl: ployzctl completion fish | source
function __ployzctl_complete
  set -l words (commandline -opc) (commandline -ct)
  ployzctl __complete -- $words[2..-1] 2>/dev/null
end
complete -c ployzctl -f -a '(__ployzctl_complete)'
)";

struct Position {
  const CommandSpec* command;
  const OptionSpec* value_of = nullptr;  // the word being typed is this option's value
  size_t positional = 0;
};

const OptionSpec* option_of(const CommandSpec& command, std::string_view word) {
  const auto matches = [&](const OptionSpec& option) {
    return word == "--" + option.name ||
           (option.letter != 0 && word == std::string("-") + option.letter);
  };
  for (const auto* list : {&command.options, &global_options()})
    for (const auto& option : *list)
      if (matches(option)) return &option;
  return nullptr;
}

Position walk(const CommandSpec& root, const std::vector<std::string>& words) {
  Position at{&root};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const auto& word = words[i];
    if (at.value_of != nullptr) {
      at.value_of = nullptr;
    } else if (word.starts_with("-")) {
      const OptionSpec* option = option_of(*at.command, word);
      if (option != nullptr && !option->value.empty()) at.value_of = option;
    } else if (const CommandSpec* child = at.positional == 0 ? at.command->child(word) : nullptr) {
      at.command = child;
    } else {
      ++at.positional;
    }
  }
  return at;
}

}  // namespace

std::string completion_script(const std::string& shell) {
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return std::string(kBash);
}

std::vector<std::string> complete_words(
    const CommandSpec& root, const std::vector<std::string>& words,
    const std::function<std::vector<std::string>(Names)>& names) {
  const std::string typed = words.empty() ? "" : words.back();
  const Position at = walk(root, words);
  std::vector<std::string> all;
  if (at.value_of != nullptr) {
    all = at.value_of->choices.empty() ? names(at.value_of->names) : at.value_of->choices;
  } else if (typed.starts_with("-")) {
    for (const auto* list : {&at.command->options, &global_options()})
      for (const auto& option : *list) all.push_back("--" + option.name);
    all.emplace_back("--help");
  } else {
    if (at.positional == 0)
      for (const auto& child : at.command->children)
        if (!child.hidden) all.push_back(child.name);
    const auto& specs = at.command->positionals;
    if (!specs.empty() && (at.positional < specs.size() || specs.back().rest)) {
      const auto found = names(specs[std::min(at.positional, specs.size() - 1)].names);
      all.insert(all.end(), found.begin(), found.end());
    }
  }
  std::erase_if(all, [&](const std::string& word) { return !word.starts_with(typed); });
  return all;
}

}  // namespace ployz::cli

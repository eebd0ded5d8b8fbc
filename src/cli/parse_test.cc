#include "cli/parse.h"

#include <set>

#include <gtest/gtest.h>

#include "cli/help.h"

namespace ployz::cli {
namespace {

Result<Invocation> parsed(std::vector<std::string> words) {
  return parse(command_tree(), words);
}

TEST(Parse, FindsCommandsOptionsAndPositionals) {
  const auto got = parsed({"--json", "deploy", "service", "web", "--image=web:1", "-p", "80:8080",
                           "-p81:8081", "--namespace", "shop", "--", "run", "-x", "--json"});
  ASSERT_TRUE(got) << got.error().line();
  EXPECT_EQ(got->full_name(), "ployzctl deploy service");
  EXPECT_EQ(got->args.get("NAME"), "web");
  EXPECT_EQ(got->args.get("image"), "web:1");
  EXPECT_EQ(got->args.all("publish"), (std::vector<std::string>{"80:8080", "81:8081"}));
  EXPECT_EQ(got->args.all("COMMAND"), (std::vector<std::string>{"run", "-x", "--json"}));
  EXPECT_TRUE(got->args.has("json"));
}

TEST(Parse, WhatFollowsTheTargetOfExecIsNotOurs) {
  const auto got = parsed({"exec", "shop/web", "ls", "-la", "--json"});
  ASSERT_TRUE(got) << got.error().line();
  EXPECT_EQ(got->args.all("COMMAND"), (std::vector<std::string>{"ls", "-la", "--json"}));
  EXPECT_FALSE(got->args.has("json"));
}

TEST(Parse, Aliases) {
  EXPECT_EQ(parsed({"network", "status"})->full_name(), "ployzctl mesh status");
  EXPECT_EQ(parsed({"ns", "list"})->full_name(), "ployzctl namespace ls");
}

TEST(Parse, ErrorsNameTheNearest) {
  const auto hint = [](std::vector<std::string> words) {
    const auto got = parsed(std::move(words));
    EXPECT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::invalid);
    return got.error().line();
  };
  EXPECT_EQ(hint({"deplyo"}), "unknown command 'deplyo' (did you mean 'ployzctl deploy'?)");
  EXPECT_EQ(hint({"op", "lss"}), "unknown command 'lss' (did you mean 'ployzctl op ls'?)");
  EXPECT_EQ(hint({"deploy", "--fiel", "x"}), "unknown flag '--fiel' (did you mean '--file'?)");
  EXPECT_EQ(hint({"zzzzzz"}), "unknown command 'zzzzzz' (ployzctl --help)");
  EXPECT_EQ(hint({"deploy", "-Z"}), "unknown flag '-Z' (ployzctl deploy --help)");
  EXPECT_EQ(hint({"deploy", "-f"}), "--file needs a value: FILE (ployzctl deploy --help)");
  EXPECT_EQ(hint({"log"}), "NAMESPACE is missing (ployzctl log --help)");
  EXPECT_EQ(hint({"log", "a", "b"}), "'b' is too much (ployzctl log --help)");
  EXPECT_EQ(hint({"op"}), "ployzctl op needs a command (ployzctl op --help)");
  EXPECT_EQ(hint({"ps", "--json=1"}), "--json takes no value (ployzctl ps --help)");
  EXPECT_EQ(hint({"ps", "--color", "pink"}),
            "--color: 'pink' is not one of auto, always, never (ployzctl ps --help)");
  EXPECT_EQ(hint({"log", "x", "--limit", "1", "--limit", "2"}),
            "--limit is given twice (ployzctl log --help)");
}

TEST(Parse, HelpWinsOverWhatIsMissing) {
  EXPECT_TRUE(parsed({"log", "--help"})->help);
  EXPECT_TRUE(parsed({"op", "-h"})->help);
  EXPECT_TRUE(parsed({})->help);
}

TEST(Parse, Numbers) {
  Args args;
  args.add("limit", "12");
  EXPECT_EQ(args.number("limit", 1, 20).value_or(0), 12u);
  EXPECT_FALSE(args.number("limit", 1, 10));
  EXPECT_EQ(args.number("other", 5, 10).value_or(0), 5u);
  args.add("bad", "-1");
  EXPECT_FALSE(args.number("bad", 1, 10));
}

void check_command(std::vector<const CommandSpec*> path) {
  const CommandSpec& command = *path.back();
  SCOPED_TRACE(command.name);
  if (command.hidden) return;
  EXPECT_FALSE(command.summary.empty());
  EXPECT_FALSE(command.summary.ends_with("."));
  EXPECT_FALSE(command.examples.empty()) << "every command has an example";
  EXPECT_TRUE(command.run != nullptr || !command.children.empty());
  std::set<std::string> names;
  std::set<char> letters{'h'};
  const auto unique = [&](const std::vector<OptionSpec>& options) {
    for (const auto& option : options) {
      // A command may mean something of its own by it (Invocation::wants_version).
      const bool own = option.name == "version" && &options == &global_options();
      EXPECT_TRUE(names.insert(option.name).second || own) << option.name;
      const bool taken = option.letter != 0 && !letters.insert(option.letter).second;
      EXPECT_FALSE(taken) << option.name;
      EXPECT_FALSE(option.help.empty()) << option.name;
    }
  };
  unique(command.options);
  unique(global_options());
  EXPECT_TRUE(help_text(path).contains("examples:"));
  for (const auto& child : command.children) {
    path.push_back(&child);
    check_command(path);
    path.pop_back();
  }
}

TEST(Tree, EveryCommandIsDescribed) {
  check_command({&command_tree()});
}

TEST(Tree, EveryExampleParses) {
  const std::function<void(const CommandSpec&)> visit = [&](const CommandSpec& command) {
    for (const auto& example : command.examples) {
      std::vector<std::string> words;
      for (size_t at = 0; at < example.size();) {
        const size_t end = std::min(example.find(' ', at), example.size());
        words.push_back(example.substr(at, end - at));
        at = end + 1;
      }
      if (words.front() != "ployzctl" || example.contains(" && ") || example.contains(" | "))
        continue;
      words.erase(words.begin());
      const auto got = parsed(words);
      EXPECT_TRUE(got) << example << ": " << got.error().line();
    }
    for (const auto& child : command.children) visit(child);
  };
  visit(command_tree());
}

TEST(Completion, WordsOptionsAndNames) {
  const auto names = [](Names names) -> std::vector<std::string> {
    if (names == Names::name_space) return {"shop", "shed"};
    return {};
  };
  const auto complete = [&](std::vector<std::string> words) {
    return complete_words(command_tree(), words, names);
  };
  EXPECT_EQ(complete({"de"}), (std::vector<std::string>{"deploy", "dev"}));
  EXPECT_EQ(complete({"log", "sho"}), (std::vector<std::string>{"shop"}));
  EXPECT_EQ(complete({"deploy", "service", "web", "--namespace", "sh"}),
            (std::vector<std::string>{"shop", "shed"}));
  EXPECT_EQ(complete({"ps", "--col"}), (std::vector<std::string>{"--color"}));
  EXPECT_EQ(complete({"ps", "--color", "a"}), (std::vector<std::string>{"auto", "always"}));
  EXPECT_TRUE(std::ranges::none_of(complete({""}),
                                   [](const std::string& word) { return word.starts_with("__"); }));
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_TRUE(completion_script(shell).contains("ployzctl __complete"));
}

}  // namespace
}  // namespace ployz::cli

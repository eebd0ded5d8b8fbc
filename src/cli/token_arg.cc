#include "cli/token_arg.h"

#include <algorithm>
#include <cstring>
#include <format>

#include "base/files.h"
#include "model/join_token.h"

namespace ployz::cli {
namespace {

constexpr const char* kWays[] = {"token", "token-stdin", "token-file"};

Result<std::string> read_token(Session& session, const Args& args) {
  if (args.has("token")) return args.get("token");
  const std::string file = args.get("token-file");
  if (args.has("token-stdin") || file == "-") return session.host().read_stdin(kMaxTokenBytes + 1);
  if (auto text = TRY(read_file(file))) return *std::move(text);
  return fail(Code::invalid, std::format("--token-file: there is no {}", file));
}

}  // namespace

std::vector<OptionSpec> token_options() {
  return {{"token-stdin", 0, "", "read the join token from stdin"},
          {"token-file", 0, "FILE", "read it from a file; - is stdin", false, {}, Names::file},
          {"token", 0, "TOKEN", "the join token itself, which your shell's history keeps"}};
}

bool has_token(const Args& args) {
  return std::ranges::any_of(kWays, [&](const char* way) { return args.has(way); });
}

Result<std::string> token_of(Session& session, const Args& args) {
  const auto given = std::ranges::count_if(kWays, [&](const char* way) { return args.has(way); });
  if (given != 1) {
    return fail(Code::invalid,
                given == 0 ? "the join token is missing"
                           : "--token, --token-stdin and --token-file exclude each other",
                "as in: ployzctl mesh join --token-stdin");
  }
  std::string text = TRY(read_token(session, args));
  TRY(decode_join_token(text));
  return text;
}

void hide_token(int argc, char** argv) {
  constexpr std::string_view kOption = "--token";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word(argv[i]);
    if (word == kOption && i + 1 < argc) {
      std::memset(argv[i + 1], 'x', std::strlen(argv[i + 1]));
    } else if (word.starts_with(kOption) && word.substr(kOption.size()).starts_with('=')) {
      std::memset(argv[i] + kOption.size() + 1, 'x', word.size() - kOption.size() - 1);
    }
  }
}

}  // namespace ployz::cli

#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/contexts.h"
#include "cli/machine_container.h"
#include "cli/progress.h"

namespace ployz::cli {
namespace {

TEST(Table, AlignsAndFits) {
  Table table({"NAME", "WHAT"});
  table.row({"a", "short"});
  table.row({"longer", "a text that is far too long for a narrow terminal"});
  EXPECT_EQ(table.render({}),
            "NAME    WHAT\n"
            "a       short\n"
            "longer  a text that is far too long for a narrow terminal\n");
  const auto narrow = table.render({.width = 24});
  for (size_t at = 0; at < narrow.size();) {
    const size_t end = narrow.find('\n', at);
    EXPECT_LE(columns_of(std::string_view(narrow).substr(at, end - at)), 24u);
    at = end + 1;
  }
  EXPECT_TRUE(narrow.contains("longer  a text that is …")) << narrow;
  EXPECT_EQ(table.render({.plain = true}),
            "a\tshort\nlonger\ta text that is far too long for a narrow terminal\n");
}

TEST(Table, ControlCharactersCannotReachTheTerminal) {
  Table table({"X"});
  table.row({"a\033[31mb\nc"});
  EXPECT_EQ(table.render({.plain = true}), "a?[31mb c\n");
  EXPECT_EQ(shorten("äöüß", 3), "äö…");
  EXPECT_EQ(shorten("äöü", 3), "äöü");
}

TEST(Format, Numbers) {
  EXPECT_EQ(format_duration(7), "7 ms");
  EXPECT_EQ(format_duration(1234), "1.23 s");
  EXPECT_EQ(format_duration(185000), "3 min 5 s");
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_age(0, 5), "-");
  EXPECT_EQ(format_age(1000, 43000), "42 s ago");
  EXPECT_EQ(format_time(1'700'000'000'000), "2023-11-14 22:13:20 UTC");
}

TEST(Progress, TimesPhases) {
  ProgressLines lines;
  Event event;
  event.operation = OperationId("x");
  event.phase = Phase::apply;
  event.kind = Event::Kind::phase_started;
  event.at_ms = 1000;
  EXPECT_EQ(lines.line(event), "");
  event.kind = Event::Kind::step_failed;
  event.text = "start web";
  EXPECT_EQ(lines.line(event), "apply   FAILED: start web");
  event.kind = Event::Kind::phase_done;
  event.at_ms = 1250;
  EXPECT_EQ(lines.line(event), "apply   done in 250 ms");
}

TEST(Contexts, Resolve) {
  Contexts contexts;
  contexts.entries = {{"a", {"/a.sock", ""}}, {"b", {"/b.sock", "ployz-b"}}};
  contexts.current = "b";
  EXPECT_EQ(resolve_context(contexts, {"/s.sock", "a", "/d"})->socket, "/s.sock");
  EXPECT_EQ(resolve_context(contexts, {"", "a", "/d"})->socket, "/a.sock");
  EXPECT_EQ(resolve_context(contexts, {"", "", "/d"})->container, "ployz-b");
  contexts.current.clear();
  EXPECT_EQ(resolve_context(contexts, {"", "", "/d"})->socket, "/d");
  const auto unknown = resolve_context(contexts, {"", "c", "/d"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::invalid);

  EXPECT_EQ(contexts_from_json(to_json(contexts)).value(), contexts);
  EXPECT_EQ(contexts_from_json(Json::parse(R"({"version":2})")).error().code, Code::corrupt);
  EXPECT_EQ(contexts_from_json(Json::array()).error().code, Code::corrupt);
}

TEST(MachineRecipe, DependsOnTheEngine) {
  const auto has = [](const std::vector<std::string>& list, const std::string& item) {
    return std::ranges::contains(list, item);
  };
  const auto plain = run_recipe({.privileged = true, .cgroup_version = 2});
  EXPECT_TRUE(has(plain.options, "--privileged"));
  EXPECT_TRUE(has(plain.options, "--cgroupns=private"));
  EXPECT_TRUE(plain.arguments.empty());

  // Bits 0 (CHOWN), 21 (SYS_ADMIN) and 39 (BPF), which old engines do not know.
  const auto limited = run_recipe(
      {.privileged = false, .cgroup_version = 1, .bounding_set = 1 | 1ull << 21 | 1ull << 39});
  EXPECT_TRUE(has(limited.options, "--cap-add=CHOWN"));
  EXPECT_TRUE(has(limited.options, "--cap-add=SYS_ADMIN"));
  EXPECT_FALSE(has(limited.options, "--cap-add=SYS_RESOURCE"));
  EXPECT_TRUE(has(limited.options, "--cgroupns=host"));
  EXPECT_TRUE(has(limited.options, "--device=/dev/net/tun"));
  EXPECT_EQ(limited.arguments.size(), 2u);
}

}  // namespace
}  // namespace ployz::cli

#include "base/subprocess.h"

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

namespace ployz {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

Command shell(std::string script) {
  return {.argv = {"sh", "-c", std::move(script)}};
}

size_t open_fds() {
  return static_cast<size_t>(std::ranges::distance(
      std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{}));
}

TEST(Subprocess, CapturesBothStreamsAndTheStatus) {
  const auto finished = run(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(finished) << finished.error().line();
  EXPECT_EQ(finished->out, "out\n");
  EXPECT_EQ(finished->err, "err\n");
  EXPECT_EQ(finished->exit, (Exit{3, 0}));
}

TEST(Subprocess, FeedsMoreInputThanAPipeHolds) {
  const std::string input(1 << 20, 'x');
  const auto finished = run({.argv = {"cat"}}, {.input = input});
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->out, input);
}

TEST(Subprocess, InputThatNobodyReadsIsNoError) {
  EXPECT_TRUE(run({.argv = {"true"}}, {.input = std::string(1 << 20, 'x')})->ok());
}

TEST(Subprocess, BoundsItsOutput) {
  const auto finished = run(shell("seq 100000; seq 100000 >&2"), {.max_output = 100});
  EXPECT_TRUE(finished->truncated);
  EXPECT_EQ(finished->out.size(), 100U);
  EXPECT_TRUE(finished->out.starts_with("1\n2\n"));
  EXPECT_TRUE(finished->err.ends_with("100000\n"));
}

TEST(Subprocess, ATimeoutEndsTheWholeGroup) {
  const auto start = std::chrono::steady_clock::now();
  const auto finished = run(shell("sleep 60 & sleep 60"), {.timeout = 50ms});
  EXPECT_EQ(finished.error().code, Code::timeout);
  EXPECT_EQ(finished.error().effect, Effect::unknown);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1900ms);  // SIGTERM was enough
}

TEST(Subprocess, WhoIgnoresSigtermIsKilled) {
  const auto finished = run(shell("trap '' TERM; while :; do sleep 1; done"), {.timeout = 50ms});
  EXPECT_EQ(finished.error().code, Code::timeout);
}

TEST(Subprocess, StopInterrupts) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(run({.argv = {"sleep", "60"}}, {.stop = stop.get_token()}).error().code,
            Code::canceled);
}

TEST(Subprocess, ASurvivingGrandchildDoesNotHoldTheResult) {
  const auto finished = run(shell("sleep 3 & echo done"), {.timeout = 2s});
  ASSERT_TRUE(finished) << finished.error().line();
  EXPECT_EQ(finished->out, "done\n");
}

TEST(Subprocess, SaysWhyItCannotStart) {
  EXPECT_EQ(run({.argv = {"no-such-program"}}).error().code, Code::not_found);
  EXPECT_EQ(run({.argv = {"/etc/passwd"}}).error().code, Code::denied);
  EXPECT_EQ(run({}).error().code, Code::invalid);
}

TEST(Subprocess, ReportsTheSignalThatEndedIt) {
  EXPECT_EQ(run(shell("kill -9 $$"))->exit, (Exit{128 + SIGKILL, SIGKILL}));
}

TEST(Subprocess, PassesEnvironmentAndDirectory) {
  Command command = shell("echo $A$HOME; pwd");
  command.env = {{"A", "b"}};
  command.clean_env = true;
  command.directory = "/usr";
  EXPECT_EQ(run_ok(command), "b\n/usr\n");
}

TEST(Subprocess, RunOkTurnsTheStatusIntoAnError) {
  const auto result = run_ok(shell("echo first >&2; echo 'disk full' >&2; exit 1"));
  EXPECT_EQ(result.error().message, "sh: exit status 1: disk full");
}

TEST(Subprocess, ChildrenInheritNoDescriptorAndNoIgnoredSignal) {
  Fd leaky(::dup(1));                                           // without CLOEXEC
  EXPECT_EQ(run_ok(shell("ls /proc/self/fd | wc -l")), "4\n");  // 0, 1, 2 and the directory
  ::signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(run(shell("kill -PIPE $$"))->exit.signal, SIGPIPE);
  ::signal(SIGPIPE, SIG_DFL);
}

TEST(Subprocess, LeavesNothingBehind) {
  const size_t before = open_fds();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(run({.argv = {"cat"}}, {.input = "x"}));
    EXPECT_FALSE(run({.argv = {"sleep", "60"}}, {.timeout = 1ms}));
    EXPECT_FALSE(run({.argv = {"no-such-program"}}));
    EXPECT_TRUE(Child::start({.argv = {"sleep", "60"}}, {}));  // destroyed while it runs
  }
  EXPECT_EQ(open_fds(), before);
  const pid_t pid = std::stoi(run_ok(shell("echo $$")).value());
  EXPECT_EQ(::kill(pid, 0), -1);  // no zombie
}

TEST(Subprocess, StreamsThroughPipes) {
  auto child = Child::start({.argv = {"tr", "a-z", "A-Z"}}, {.in = ChildStream::pipe});
  ASSERT_TRUE(child);
  ASSERT_EQ(::write(child->in.get(), "abc", 3), 3);
  child->in.reset();
  std::array<char, 16> buffer{};
  EXPECT_EQ(::read(child->out.get(), buffer.data(), buffer.size()), 3);
  EXPECT_STREQ(buffer.data(), "ABC");
  EXPECT_EQ(child->wait(kNoDeadline), Exit{});
}

}  // namespace
}  // namespace ployz

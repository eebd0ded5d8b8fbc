#include "cli/remote_host.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "cli/cli_test_host.h"

namespace ployz::cli {
namespace {

TEST(QuotePosix, AShellReadsBackTheVeryWords) {
  const std::vector<std::string> words{"plain",  "two words", "",      "it's", "$HOME `id` \\",
                                       "a\nb\t", "*?[x]",     "'\"''", "-n",   "!history;#x&|<>~"};
  EXPECT_EQ(quote_posix({"ployzctl", "--json", "mesh"}), "ployzctl --json mesh");
  EXPECT_EQ(quote_posix({"it's"}), "'it'\\''s'");
  auto line = words;
  line.insert(line.begin(), {"printf", "%s\\0"});
  const auto done = run({{"sh", "-c", quote_posix(line)}}, {});
  ASSERT_TRUE(done) << done.error().line();
  std::string expected;
  for (const auto& word : words) expected += word + '\0';
  EXPECT_EQ(done->out, expected);
}

TEST(Destination, OptionsAndNonsenseAreRefused) {
  for (const auto* good : {"root@192.0.2.7", "web1", "admin@web-1.example.com", "root@2001:db8::7"})
    EXPECT_TRUE(check_destination(good)) << good;
  for (const auto* bad :
       {"", "root@", "@host", "-oProxyCommand=x", "root@-x", "a b", "a\nb", "a/b", "a'b"})
    EXPECT_EQ(check_destination(bad).error().code, Code::invalid) << bad;
}

TEST(ExplainSsh, SaysWhatIsWrong) {
  const SshTarget target{"root@web1", {}, 0, {}};
  const auto explained = [&](std::string_view err) { return explain_ssh(target, err); };
  const auto changed = explained(
      "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\n"
      "Host key verification failed.\n");
  EXPECT_EQ(changed.code, Code::precondition);
  EXPECT_TRUE(changed.message.contains("not the one known")) << changed.line();
  EXPECT_TRUE(changed.hint.contains("ssh-keygen -R web1")) << changed.line();
  const auto unknown = explained(
      "No ED25519 host key is known for web1 and you have requested strict checking.\n"
      "Host key verification failed.\n");
  EXPECT_TRUE(unknown.message.contains("is not known")) << unknown.line();
  EXPECT_TRUE(unknown.hint.contains("ssh root@web1")) << unknown.line();
  EXPECT_EQ(explained("root@web1: Permission denied (publickey).\n").code, Code::denied);
  EXPECT_EQ(explained("ssh: Could not resolve hostname web1: Name or service not known\n").code,
            Code::not_found);
  EXPECT_EQ(explained("ssh: connect to host web1 port 22: Connection timed out\n").code,
            Code::timeout);
  EXPECT_EQ(explained("ssh: connect to host web1 port 22: Connection refused\n").code,
            Code::unavailable);
  for (const auto* err : {"root@web1: Permission denied (publickey).\n", ""})
    EXPECT_EQ(explained(err).effect, *err != '\0' ? Effect::none : Effect::unknown);
  const auto broke = explained("client_loop: send disconnect: Broken pipe\n");
  EXPECT_EQ(broke.effect, Effect::unknown);
  EXPECT_TRUE(broke.message.contains("broke")) << broke.line();
}

TEST(SshHost, NeverAsksNeverSkipsTheHostKeyAndQuotes) {
  TestHost host;
  Finished answer;
  host.on_run = [&](const Command&) { return answer; };
  const auto remote = ssh_host(host, {"admin@web1", "/keys/k", 2222, "/tmp/x"});
  ASSERT_TRUE(remote->run({"sh", "-c", "echo hello"}, {}));
  const auto& argv = host.ran.at(0);
  EXPECT_EQ(argv.front(), "ssh");
  EXPECT_TRUE(std::ranges::contains(argv, "BatchMode=yes"));
  EXPECT_TRUE(std::ranges::contains(argv, "ControlPath=/tmp/x/%C"));
  EXPECT_TRUE(std::ranges::contains(argv, "/keys/k"));
  EXPECT_TRUE(std::ranges::contains(argv, "2222"));
  for (const auto& word : argv) {
    EXPECT_FALSE(word.contains("StrictHostKeyChecking")) << word;
    EXPECT_FALSE(word.contains("KnownHosts")) << word;
  }
  ASSERT_GE(argv.size(), 3u);
  EXPECT_EQ(std::vector<std::string>(argv.end() - 3, argv.end()),
            (std::vector<std::string>{"--", "admin@web1", "sh -c 'echo hello'"}));

  answer.exit.code = 3;
  EXPECT_EQ(remote->run({"false"}, {})->exit.code, 3);
  answer.exit.code = 255;
  answer.err = "admin@web1: Permission denied (publickey).\n";
  EXPECT_EQ(remote->run({"true"}, {}).error().code, Code::denied);
}

TEST(CopyTo, AWholeFileArrives) {
  char pattern[] = "/tmp/ployz-copy-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern), nullptr);
  const std::string folder = pattern;
  const std::string text(300'000, 'x');
  FILE* file = ::fopen((folder + "/from").c_str(), "w");
  ::fwrite(text.data(), 1, text.size(), file);
  ::fclose(file);
  TestHost host;  // whose commands really run
  host.on_run_with = [](const Command& command, const RunOptions& options) {
    return ployz::run(command, options);
  };
  const auto remote = local_host(host);
  const auto target = folder + "/new folder/it's";
  ASSERT_TRUE(copy_to(*remote, {}, folder + "/from", target, {}));
  EXPECT_EQ(std::filesystem::file_size(target), text.size());
  EXPECT_EQ(copy_to(*remote, {}, folder + "/absent", target, {}).error().code, Code::invalid);
  EXPECT_EQ(copy_to(*remote, {}, folder + "/from", "/proc/no/such", {}).error().code,
            Code::internal);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace ployz::cli

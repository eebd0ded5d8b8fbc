// machine invite, mesh join by a token, and where a token must not be seen.
#include "base/nkey.h"
#include "cli/cli_test_host.h"
#include "cli/token_arg.h"
#include "model/join_token.h"

namespace ployz::cli {
namespace {

constexpr const char* kInvite = "01arz3ndektsv4rrffq69g5fav";

std::string token() {
  const std::string key = std::string(43, 'A') + "=";
  const std::string id(kInvite);
  return encode_join_token({"prod",
                            "10.101.0.0/16",
                            InviteId(id),
                            "",
                            7,
                            1'700'000'000'000,
                            key,
                            Nkey::from_random({1}).seed(),
                            {{MachineId(id),
                              "10.101.0.1",
                              key,
                              Nkey::from_random({2}).public_key(),
                              {"192.0.2.7:51820"}}}});
}

class InviteTest : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    service_.invite_report.invite.id = InviteId(std::string(kInvite));
    service_.invite_report.invite.expires_at_ms = 1'700'003'600'000;
    service_.invite_report.state = "open";
  }
};

TEST_F(InviteTest, CreatePrintsTheTokenAndNothingElseOnStdout) {
  service_.invite_report.token = "the-token";
  EXPECT_EQ(run({"machine", "invite", "create", "--name", "web-1", "--ttl", "15m"}), 0)
      << host_.err;
  EXPECT_EQ(host_.out, "the-token\n");
  EXPECT_TRUE(host_.err.contains(kInvite)) << host_.err;
  EXPECT_TRUE(host_.err.contains("mesh join --token-stdin")) << host_.err;
  EXPECT_FALSE(host_.err.contains("the-token"));
  EXPECT_EQ(service_.invited->name, "web-1");
  EXPECT_EQ(service_.invited->ttl_ms, 15u * 60'000);
  EXPECT_EQ(run({"machine", "invite", "create", "--ttl-secs", "90", "--json"}), 0) << host_.err;
  EXPECT_EQ(document()["token"], "the-token");
  EXPECT_EQ(service_.invited->ttl_ms, 90'000u);
  EXPECT_EQ(run({"machine", "invite", "create"}), 0);
  EXPECT_EQ(service_.invited->ttl_ms, kInviteMs);
}

TEST_F(InviteTest, CreateRefusesWhatCannotBe) {
  for (const char* ttl : {"0", "25h", "soon", "-1", ""}) {
    EXPECT_EQ(run({"machine", "invite", "create", "--ttl", ttl}), 2) << ttl;
  }
  EXPECT_EQ(run({"machine", "invite", "create", "--ttl", "1h", "--ttl-secs", "60"}), 2);
  EXPECT_EQ(run({"machine", "invite", "create", "--name", "No!"}), 2);
  EXPECT_FALSE(service_.invited);
}

TEST_F(InviteTest, ListRevokeAndCompletion) {
  service_.invite_report.token = "the-token";
  EXPECT_EQ(run({"machine", "invite", "list", "--plain"}), 0) << host_.err;
  EXPECT_TRUE(host_.out.starts_with(std::string(kInvite) + "\topen\t(its host name)\t"))
      << host_.out;
  EXPECT_FALSE(host_.out.contains("the-token"));
  EXPECT_EQ(run({"machine", "invite", "list", "--json"}), 0);
  EXPECT_FALSE(host_.out.contains("the-token"));
  EXPECT_EQ(run({"__complete", "--", "machine", "invite", "revoke", ""}), 0);
  EXPECT_EQ(host_.out, std::string(kInvite) + "\n");
  service_.invite_report.token.clear();
  EXPECT_EQ(run({"machine", "invite", "revoke", kInvite}), 0) << host_.err;
  EXPECT_EQ(service_.revoked->str(), kInvite);
  EXPECT_EQ(run({"machine", "invite", "revoke", "web"}), 2);
  EXPECT_EQ(run({"machine", "invite", "revoke"}), 2);
}

TEST_F(InviteTest, ATokenIsReadFromWhereverItIs) {
  service_.mesh_report.name = "prod";
  const std::string file = write("token", token() + "\n");
  host_.input = token() + "\r\n";
  for (const auto& way : std::vector<std::vector<std::string>>{{"--token-stdin"},
                                                               {"--token-file", "-"},
                                                               {"--token-file", file},
                                                               {"--token", token()}}) {
    std::vector<std::string> words{"mesh", "join"};
    words.insert(words.end(), way.begin(), way.end());
    service_.joined_by.reset();
    EXPECT_EQ(run(words), 0) << host_.err;
    ASSERT_TRUE(service_.joined_by) << way[0];
    EXPECT_EQ(encode_join_token(*service_.joined_by), token());
    EXPECT_FALSE((host_.out + host_.err).contains(token().substr(20, 40)));
  }
  EXPECT_EQ(run({"machine", "invite", "import", "--token-stdin"}), 0) << host_.err;
  EXPECT_EQ(encode_join_token(*service_.imported), token());
}

TEST_F(InviteTest, NoTokenOrABrokenOneIsRefusedBeforeAnythingIsAsked) {
  host_.input = token().substr(0, 300);
  EXPECT_EQ(run({"mesh", "join", "--token-stdin"}), 2);
  EXPECT_TRUE(host_.err.contains("not whole")) << host_.err;
  EXPECT_FALSE(host_.err.contains(token().substr(20, 40))) << host_.err;
  EXPECT_EQ(run({"mesh", "join", "--token-file", folder_ + "/absent"}), 2);
  EXPECT_EQ(run({"mesh", "join", "--token", token(), "--token-stdin"}), 2);
  EXPECT_EQ(run({"mesh", "join", "--token", token(), "--bundle-stdin"}), 2);
  EXPECT_EQ(run({"machine", "invite", "import"}), 2);
  EXPECT_EQ(run({"mesh", "join"}), 2);
  EXPECT_TRUE(host_.err.contains("machine invite create")) << host_.err;
  EXPECT_FALSE(service_.joined_by);
  EXPECT_FALSE(service_.imported);
}

TEST(HideToken, NobodySeesItInTheListOfProcesses) {
  std::vector<std::string> words{"ployzctl",      "mesh",         "join", "--token", "secret",
                                 "--token=other", "--token-file", "name", "--token"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  hide_token(static_cast<int>(argv.size()), argv.data());
  EXPECT_EQ(words[4], "xxxxxx");
  EXPECT_EQ(words[5], "--token=xxxxx");
  EXPECT_EQ(words[7], "name");
}

}  // namespace
}  // namespace ployz::cli

#include "model/commit.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

using testing::sample_commit;

TEST(Commit, Golden) {
  testing::expect_golden("commit/v1.json", to_json(sample_commit()));
  for (const Json& golden : testing::goldens("commit")) EXPECT_TRUE(commit_from_json(golden));
}

TEST(Commit, RoundTrip) {
  const Commit commit = sample_commit();
  EXPECT_EQ(decode_commit(encode(commit)), commit);
  Commit end;
  end.id = CommitId("x");
  end.name_space = NamespaceName("shop");
  end.kind = CommitKind::remove;
  end.removed = true;
  end.volumes = commit.volumes;  // they outlive it
  EXPECT_EQ(decode_commit(encode(end)), end);
}

TEST(Commit, FindsItsServices) {
  const Commit commit = sample_commit();
  ASSERT_NE(commit.service(ServiceName("web")), nullptr);
  EXPECT_EQ(commit.service(ServiceName("web"))->instances.size(), 2U);
  EXPECT_EQ(commit.service(ServiceName("db")), nullptr);
}

TEST(Commit, KindsHaveNames) {
  for (const auto kind :
       {CommitKind::deploy, CommitKind::branch, CommitKind::migrate, CommitKind::promote,
        CommitKind::rollback, CommitKind::remove, CommitKind::fence}) {
    EXPECT_EQ(parse_commit_kind(to_string(kind)), kind);
  }
  EXPECT_FALSE(parse_commit_kind("merge"));
}

void expect_corrupt(const std::string& bytes) {
  const auto commit = decode_commit(bytes);
  ASSERT_FALSE(commit) << bytes.substr(0, 100);
  EXPECT_EQ(commit.error().code, Code::corrupt);
  EXPECT_TRUE(commit.error().message.starts_with("not a commit: ")) << commit.error().message;
  EXPECT_FALSE(commit.error().message.contains(testing::kSecret));
}

TEST(Commit, GarbageIsCorrupt) {
  const std::string whole = encode(sample_commit());
  for (size_t length = 0; length < whole.size(); length += 7) {
    expect_corrupt(whole.substr(0, length));
  }
  expect_corrupt("\xff\xfe");
  expect_corrupt("{}");
  expect_corrupt(std::string(1000, '['));
  expect_corrupt(std::string(kMaxCommitBytes + 1, ' '));
}

struct BadCommit {
  const char* what;
  void (*edit)(Json&);
};

class BadCommits : public ::testing::TestWithParam<BadCommit> {};

TEST_P(BadCommits, AreCorrupt) {
  Json json = to_json(sample_commit());
  GetParam().edit(json);
  expect_corrupt(to_text(json));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadCommits,
    ::testing::Values(
        BadCommit{"a_later_version", [](Json& c) { c["version"] = kCommitVersion + 1; }},
        BadCommit{"version_0", [](Json& c) { c["version"] = 0; }},
        BadCommit{"no_version", [](Json& c) { c.erase("version"); }},
        BadCommit{"version_as_text", [](Json& c) { c["version"] = "1"; }},
        BadCommit{"huge_version", [](Json& c) { c["version"] = UINT64_MAX; }},
        BadCommit{"no_id", [](Json& c) { c["id"] = ""; }},
        BadCommit{"bad_namespace", [](Json& c) { c["namespace"] = "a.b"; }},
        BadCommit{"unknown_kind", [](Json& c) { c["kind"] = "merge"; }},
        BadCommit{"negative_sequence", [](Json& c) { c["parent_sequence"] = -1; }},
        BadCommit{"unknown_field", [](Json& c) { c["extra"] = 1; }},
        BadCommit{"service_twice", [](Json& c) { c["services"].push_back(c["services"][0]); }},
        BadCommit{"volume_twice", [](Json& c) { c["volumes"].push_back(c["volumes"][0]); }},
        BadCommit{"removed_with_services", [](Json& c) { c["removed"] = true; }},
        BadCommit{"secret_of_wrong_type",
                  [](Json& c) {
                    c["services"][0]["service"]["container"]["env"]["PASSWORD"] =
                        Json::array({testing::kSecret});
                  }}),
    [](const auto& test) { return test.param.what; });

}  // namespace
}  // namespace ployz

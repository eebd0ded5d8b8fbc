// A machine's copy of the store is whole, whatever was written before and after it began and
// whoever restarted meanwhile, and becomes a store that goes on (drivers/nats/mirrors.h,
// store_restore.h).
#include <iostream>

#include <gtest/gtest.h>

#include "contract/control_store_world.h"
#include "contract/nats_cluster.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/copy_reader.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/mirrors.h"
#include "drivers/nats/store_restore.h"
#include "drivers/nats/stream_copy.h"

namespace ployz::contract {
namespace {

using Values = std::map<std::string, std::string>;  // "bucket/key" → value

class NatsStoreCopy : public testing::Test {
 protected:
  NatsStoreCopy() : hub_(cluster_.connect("m1", NatsRole::daemon)), records_(*hub_), log_(*hub_) {}
  void TearDown() override {
    if (HasFailure()) std::cerr << cluster_.log();
  }

  static bool eventually(const std::function<bool()>& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < until) {
      if (done()) return true;
    }
    return false;
  }

  void put(Bucket bucket, const std::string& key, const std::string& value) {
    const auto found = records_.get(bucket, key);
    ASSERT_TRUE(found) << found.error().line();
    const auto done = *found ? records_.update(bucket, key, value, (*found)->revision)
                             : records_.create(bucket, key, value);
    ASSERT_TRUE(done) << done.error().line();
  }
  void remove(Bucket bucket, const std::string& key) {
    const auto found = records_.get(bucket, key);
    ASSERT_TRUE(found && *found);
    ASSERT_TRUE(records_.remove(bucket, key, (*found)->revision));
  }
  // Updated, removed, removed and made again, made and never touched again; in every bucket.
  void change_everything(const std::string& when) {
    for (const Bucket bucket : all_buckets()) {
      for (int n = 0; n < 4; ++n) put(bucket, "updated", when + std::to_string(n));
      put(bucket, "again", when);
      remove(bucket, "again");
      put(bucket, "again", when + " again");
      put(bucket, "removed-" + when, when);
      remove(bucket, "removed-" + when);
      put(bucket, "only-" + when, when);
    }
    for (int n = 0; n < 5; ++n) newest_ = *log_.append(kShop, newest_, when + std::to_string(n));
  }

  static Values values(NatsConnection& connection) {
    Values all;
    NatsKeyValue records(connection);
    for (const Bucket bucket : all_buckets()) {
      const auto listed = records.list(bucket);
      EXPECT_TRUE(listed) << listed.error().line();
      if (!listed) continue;
      for (const Record& record : *listed) {
        all[std::format("{}/{}", to_string(bucket), record.key)] = record.value;
      }
    }
    return all;
  }

  bool caught_up() {
    const auto stored = store_sequences(*hub_);
    EXPECT_TRUE(stored) << stored.error().line();
    return stored && eventually([&] {
             const auto copied = copied_sequences(*local(), kSelf);
             return copied && has_reached(*copied, *stored);
           });
  }
  void expect_whole() {
    ASSERT_TRUE(caught_up());
    const Status whole = check_whole(*local(), kSelf);
    EXPECT_TRUE(whole) << whole.error().line();
    const auto copy = cluster_.connect("m2", NatsRole::admin);
    EXPECT_EQ(values(*copy), values(*hub_));
    EXPECT_EQ(digest_stream(*copy, "COMMITS"), digest_stream(*hub_, "COMMITS"));
  }
  NatsConnection* local() {
    if (!local_) local_ = cluster_.connect("m2", NatsRole::daemon);
    return local_.get();
  }
  void begin() {
    const Status made = ensure_mirrors(*local(), kSelf);
    ASSERT_TRUE(made) << made.error().line();
    ASSERT_TRUE(ensure_mirrors(*local(), kSelf));
  }
  void restart_leaf() {
    cluster_.of("m2").kill();
    change_everything("leaf-away");
    cluster_.of("m2").start();
    ASSERT_TRUE(cluster_.linked("m2"));
  }
  void restart_store() {
    cluster_.hub().kill();
    cluster_.hub().start();
    ASSERT_TRUE(cluster_.linked("m2"));
    ASSERT_TRUE(eventually([&] { return records_.get(Bucket::meta, "updated").has_value(); }));
  }

  inline static const MachineId kSelf{"m2"};
  NatsCluster cluster_;
  std::unique_ptr<NatsConnection> hub_;
  NatsKeyValue records_;
  NatsCommitLog log_;
  std::unique_ptr<NatsConnection> local_;
  uint64_t newest_ = 0;
};

TEST_F(NatsStoreCopy, IsWholeOverChangesAndRestarts) {
  change_everything("before");
  begin();
  expect_whole();
  change_everything("after");
  expect_whole();
  restart_leaf();
  expect_whole();
  restart_store();
  change_everything("store-back");
  expect_whole();
  restart_leaf();
  restart_store();
  expect_whole();
}

// Killed in the middle of it, again and again.
TEST_F(NatsStoreCopy, IsWholeWhenKilledWhileItIsWritten) {
  for (int n = 0; n < 50; ++n) put(Bucket::plans, std::format("p{}", n), "before");
  begin();
  for (int round = 0; round < 4; ++round) {
    for (int n = 0; n < 50; ++n) {
      put(Bucket::plans, std::format("p{}", n), std::format("{} of round {}", n, round));
      if (n == 10) cluster_.of("m2").kill();
      if (n == 30) cluster_.of("m2").start();
    }
  }
  ASSERT_TRUE(cluster_.linked("m2"));
  expect_whole();
}

TEST_F(NatsStoreCopy, OneThatLacksARecordIsFound) {
  change_everything("before");
  const auto stored = store_sequences(*hub_);
  ASSERT_TRUE(stored);
  // Begins after what was written so far.
  const Json source{{"name", "KV_meta"},
                    {"opt_start_seq", stored->at("KV_meta")},
                    {"external", {{"api", "$JS.ployz.API"}, {"deliver", "_INBOX.m2.mirror.x.f"}}}};
  ASSERT_TRUE(jetstream::api_of(*local(), mirror_domain(kSelf), "STREAM.CREATE.KV_meta",
                                {{"name", "KV_meta"},
                                 {"storage", "file"},
                                 {"max_msgs_per_subject", 1},
                                 {"sources", Json::array({source})}}));
  begin();
  ASSERT_TRUE(caught_up());
  expect_error(check_whole(*local(), kSelf), Code::corrupt);
}

TEST_F(NatsStoreCopy, AMirrorOfEarlierVersionsIsReplaced) {
  change_everything("before");
  const Json origin{{"name", "KV_meta"},
                    {"external", {{"api", "$JS.ployz.API"}, {"deliver", "_INBOX.m2.mirror.x.f"}}}};
  ASSERT_TRUE(jetstream::api_of(*local(), mirror_domain(kSelf), "STREAM.CREATE.KV_meta",
                                {{"name", "KV_meta"}, {"storage", "file"}, {"mirror", origin}}));
  begin();
  expect_whole();
}

TEST_F(NatsStoreCopy, WithTheStoreAwayAMirrorStays) {
  change_everything("before");
  const Json origin{{"name", "KV_meta"},
                    {"external", {{"api", "$JS.ployz.API"}, {"deliver", "_INBOX.m2.mirror.x.f"}}}};
  ASSERT_TRUE(jetstream::api_of(*local(), mirror_domain(kSelf), "STREAM.CREATE.KV_meta",
                                {{"name", "KV_meta"}, {"storage", "file"}, {"mirror", origin}}));
  cluster_.hub().kill();
  EXPECT_FALSE(ensure_mirrors(*local(), kSelf));
  const auto info =
      jetstream::api_of(*local(), mirror_domain(kSelf), "STREAM.INFO.KV_meta", Json());
  ASSERT_TRUE(info) << info.error().line();
  EXPECT_TRUE((*info)["config"].contains("mirror"));
}

TEST_F(NatsStoreCopy, IsReadAsTheStoreWasWhenThatIsAway) {
  change_everything("before");
  begin();
  const NamespaceName other("other");
  ASSERT_TRUE(log_.append(other, 0, "first"));
  change_everything("after");
  ASSERT_TRUE(caught_up());
  const Values had = values(*hub_);
  const auto history = log_.history(kShop, 100);
  const auto newest = log_.newest_of_all();
  ASSERT_TRUE(history && newest);
  cluster_.hub().kill();

  const auto copy = cluster_.connect("m2", NatsRole::admin);
  CopiedCommits commits(*copy);
  CopiedRecords records(*copy);
  const auto same = [](const StoredCommit& a, const StoredCommit& b) {
    return a.sequence == b.sequence && a.name_space == b.name_space && a.bytes == b.bytes;
  };
  const auto copied_history = commits.history(kShop, 100);
  ASSERT_TRUE(copied_history) << copied_history.error().line();
  EXPECT_TRUE(std::ranges::equal(*copied_history, *history, same));
  EXPECT_EQ(commits.history(kShop, 3)->size(), 3u);
  EXPECT_TRUE(same(**commits.newest(kShop), history->front()));
  EXPECT_FALSE(*commits.newest(NamespaceName("nobody")));
  EXPECT_TRUE(std::ranges::equal(*commits.newest_of_all(), *newest, same));
  EXPECT_EQ(values(*copy), had);
  for (const Bucket bucket : all_buckets()) {
    EXPECT_EQ((*records.get(bucket, "updated"))->value, "after3");
    EXPECT_FALSE(*records.get(bucket, "removed-after"));
  }
  // It is no store.
  expect_error(commits.append(kShop, newest_, "x"), Code::unavailable);
  expect_error(records.create(Bucket::meta, "x", "x"), Code::unavailable);
  const auto record = records.get(Bucket::meta, "updated");
  expect_error(records.update(Bucket::meta, "updated", "x", (*record)->revision),
               Code::unavailable);
  expect_error(records.remove(Bucket::meta, "updated", (*record)->revision), Code::unavailable);
}

TEST_F(NatsStoreCopy, BecomesAStoreThatGoesOn) {
  change_everything("before");
  begin();
  change_everything("after");
  expect_whole();
  const auto lost = records_.get(Bucket::meta, "updated");
  ASSERT_TRUE(lost && *lost);
  const Values had = values(*hub_);
  const auto copied = copied_sequences(*local(), kSelf);
  ASSERT_TRUE(copied);
  cluster_.hub().kill();

  NatsServer next("m1");
  next.start();
  const auto copy = cluster_.connect("m2", NatsRole::admin);
  const auto admin = next.connect("m1", NatsRole::admin);
  const auto daemon = next.connect("m1", NatsRole::daemon);
  const auto snapshot = take_snapshot(*copy, "COMMITS", next.directory() + "/commits");
  ASSERT_TRUE(snapshot) << snapshot.error().line();
  ASSERT_TRUE(restore_stream(*admin, *snapshot, 1));
  EXPECT_EQ(digest_stream(*admin, "COMMITS"), digest_stream(*copy, "COMMITS"));
  const RestorePorts ports{*copy, *admin, *daemon};
  for (const Bucket bucket : all_buckets()) {
    const auto restored = restore_bucket(ports, bucket, copied->at(bucket_stream(bucket)));
    ASSERT_TRUE(restored) << restored.error().line();
    expect_error(restore_bucket(ports, bucket, copied->at(bucket_stream(bucket))), Code::exists);
  }
  EXPECT_EQ(values(*daemon), had);

  // Whoever knows the former revision, or a lost commit, is not taken for one who knows these.
  NatsKeyValue records(*daemon);
  expect_error(records.update(Bucket::meta, "updated", "x", (*lost)->revision), Code::conflict);
  const auto record = records.get(Bucket::meta, "updated");
  ASSERT_TRUE(record && *record);
  EXPECT_GT((*record)->revision, (*lost)->revision);
  EXPECT_TRUE(records.update(Bucket::meta, "updated", "goes on", (*record)->revision));
  ASSERT_TRUE(skip_commits(*daemon, 20));
  NatsCommitLog log(*daemon);
  const auto appended = log.append(kShop, newest_, "goes on");
  ASSERT_TRUE(appended) << appended.error().line();
  EXPECT_EQ(*appended, newest_ + 21);
  EXPECT_EQ(log.newest_of_all()->size(), 1U);
  EXPECT_EQ(log.history(kShop, 100)->size(), 11U);

  // And may be moved like any other.
  NatsServer last("m1");
  last.start();
  const auto to = last.connect("m1", NatsRole::admin);
  for (const std::string& stream : all_streams()) {
    const auto moved = take_snapshot(*admin, stream, last.directory() + "/" + stream);
    ASSERT_TRUE(moved) << moved.error().line();
    ASSERT_TRUE(restore_stream(*to, *moved, 1));
    EXPECT_EQ(digest_stream(*to, stream), digest_stream(*admin, stream)) << stream;
  }
}

TEST_F(NatsStoreCopy, NothingInABucketIsNothingInTheRestoredOne) {
  begin();
  ASSERT_TRUE(caught_up());
  NatsServer next("m1");
  next.start();
  const auto copy = cluster_.connect("m2", NatsRole::admin);
  const auto admin = next.connect("m1", NatsRole::admin);
  const auto daemon = next.connect("m1", NatsRole::daemon);
  for (const Bucket bucket : all_buckets()) {
    EXPECT_EQ(restore_bucket({*copy, *admin, *daemon}, bucket, 0), 0U);
  }
  ASSERT_TRUE(ensure_streams(*daemon, 1));
  const auto stored = store_sequences(*daemon);
  ASSERT_TRUE(stored) << stored.error().line();
  // A copy of it, which has nothing, is whole.
  for (const auto& [stream, sequence] : *stored) EXPECT_EQ(sequence, 0U) << stream;
}

}  // namespace
}  // namespace ployz::contract

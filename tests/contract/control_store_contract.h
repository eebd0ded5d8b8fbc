// What every implementation of CommitLog and KeyValue promises (ports/control_store.h). Instantiate
// CommitLogContract, KeyValueContract and, from control_store_faults_contract.h,
// ControlStoreFaults.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>

#include "contract/control_store_world.h"

namespace ployz::contract {

class CommitLogContract : public ControlStoreTest {};
class KeyValueContract : public ControlStoreTest {};

TEST_P(CommitLogContract, AppendsOnlyAtTheExpectedSequence) {
  EXPECT_FALSE(*commits().newest(kShop));
  const auto first = commits().append(kShop, 0, "one");
  ASSERT_TRUE(first) << first.error().line();
  EXPECT_GT(*first, 0u);
  expect_error(commits().append(kShop, 0, "two"), Code::conflict);
  const auto second = commits().append(kShop, *first, "two");
  ASSERT_TRUE(second);
  EXPECT_GT(*second, *first);
  expect_error(commits().append(kShop, *first, "three"), Code::conflict);
  expect_error(commits().append(kShop, *second + 1, "three"), Code::conflict);
  const auto newest = world().other_commits().newest(kShop);
  ASSERT_TRUE(newest && *newest);
  EXPECT_EQ((*newest)->sequence, *second);
  EXPECT_EQ((*newest)->name_space, kShop);
  EXPECT_EQ((*newest)->bytes, "two");
}

// The engine repeats an append of unknown outcome: the second must not count as success.
TEST_P(CommitLogContract, ARepeatedAppendIsAConflict) {
  ASSERT_TRUE(commits().append(kShop, 0, "one"));
  expect_error(commits().append(kShop, 0, "one"), Code::conflict);
  EXPECT_EQ(commits().history(kShop, 10)->size(), 1u);
}

TEST_P(CommitLogContract, NamespacesAreIndependent) {
  const auto shop = commits().append(kShop, 0, "shop");
  const auto blog = commits().append(kBlog, 0, "blog");
  ASSERT_TRUE(shop && blog);
  EXPECT_NE(*shop, *blog);
  ASSERT_TRUE(commits().append(kShop, *shop, "shop 2"));
  EXPECT_EQ((*commits().newest(kBlog))->bytes, "blog");
  std::map<std::string, std::string> all;
  const auto newest = commits().newest_of_all();
  ASSERT_TRUE(newest) << newest.error().line();
  for (const StoredCommit& commit : *newest) all[commit.name_space.str()] = commit.bytes;
  EXPECT_EQ(all, (std::map<std::string, std::string>{{"blog", "blog"}, {"shop", "shop 2"}}));
  EXPECT_EQ(newest->size(), 2u);
}

TEST_P(CommitLogContract, AnEmptyLogIsEmpty) {
  EXPECT_TRUE(commits().newest_of_all()->empty());
  EXPECT_TRUE(commits().history(kShop, 10)->empty());
}

TEST_P(CommitLogContract, HistoryIsNewestFirstAndLimited) {
  uint64_t sequence = 0;
  for (int i = 0; i < 20; ++i) {
    sequence = *commits().append(kShop, sequence, std::to_string(i));
    ASSERT_TRUE(i > 0 || commits().append(kBlog, 0, "between"));
  }
  const auto some = commits().history(kShop, 3);
  ASSERT_TRUE(some);
  ASSERT_EQ(some->size(), 3u);
  EXPECT_EQ((*some)[0].bytes, "19");
  EXPECT_EQ((*some)[0].sequence, sequence);
  EXPECT_EQ((*some)[2].bytes, "17");
  EXPECT_EQ(commits().history(kShop, 100)->size(), 20u);
  EXPECT_EQ(commits().history(kShop, 100)->back().bytes, "0");
  EXPECT_TRUE(commits().history(kShop, 0)->empty());
}

TEST_P(CommitLogContract, BytesComeBackAsTheyWere) {
  std::string garbage("\x00\xff{]\r\n\x80", 7);
  uint64_t sequence = *commits().append(kShop, 0, garbage);
  EXPECT_EQ((*commits().newest(kShop))->bytes, garbage);
  sequence = *commits().append(kShop, sequence, "");
  EXPECT_EQ((*commits().newest(kShop))->bytes, "");
  const std::string large(kMaxCommitBytes, '\xee');
  const auto appended = commits().append(kShop, sequence, large);
  ASSERT_TRUE(appended) << appended.error().line();
  EXPECT_TRUE((*commits().newest(kShop))->bytes == large);
  const auto all = commits().newest_of_all();
  ASSERT_TRUE(all && all->size() == 1);
  EXPECT_TRUE(all->front().bytes == large);
  expect_error(commits().append(kShop, *appended, large + "x"), Code::invalid);
}

TEST_P(CommitLogContract, OfTwoWritersExactlyOneWins) {
  uint64_t sequence = 0;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> won = 0;
    std::atomic<int> lost = 0;
    std::atomic<uint64_t> next = 0;
    std::vector<std::function<void()>> writers;
    for (CommitLog* log : {&commits(), &world().other_commits()}) {
      writers.push_back([&, log] {
        const auto appended = log->append(kShop, sequence, "mine");
        if (appended) {
          ++won;
          next = *appended;
        } else if (appended.error().code == Code::conflict) {
          ++lost;
        }
      });
    }
    world().run_parallel(std::move(writers));
    ASSERT_EQ(won, 1);
    ASSERT_EQ(lost, 1);
    sequence = next;
  }
  EXPECT_EQ(commits().history(kShop, 100)->size(), 20u);
}

// Follows the log and keeps order: 'C' entries are commits, a '*' entry says caught up.
struct Followed {
  explicit Followed(ControlStoreWorld& world, CommitLog& log) : seen(world) {
    auto result = log.follow(
        [this](StoredCommit commit) { seen.add(commit.name_space.str() + "=" + commit.bytes); },
        [this] { seen.add("*"); });
    EXPECT_TRUE(result);
    if (result) subscription = std::move(*result);
  }
  bool wait_for(const std::string& entry) {
    return seen.wait([&](const auto& values) { return std::ranges::contains(values, entry); });
  }
  Seen<std::string> seen;
  std::unique_ptr<Subscription> subscription;
};

TEST_P(CommitLogContract, FollowDeliversThePresentThenWhatComes) {
  const uint64_t old = *commits().append(kShop, 0, "1");
  const uint64_t shop = *commits().append(kShop, old, "2");
  ASSERT_TRUE(commits().append(kBlog, 0, "1"));
  Followed followed(world(), commits());
  ASSERT_TRUE(followed.wait_for("*"));
  EXPECT_EQ(followed.seen.values(), (std::vector<std::string>{"shop=2", "blog=1", "*"}));
  uint64_t sequence = shop;
  for (int i = 3; i < 50; ++i) {
    sequence = *world().other_commits().append(kShop, sequence, std::to_string(i));
  }
  ASSERT_TRUE(followed.seen.wait_size(3 + 47));
  const auto values = followed.seen.values();
  for (int i = 3; i < 50; ++i)
    EXPECT_EQ(values[static_cast<size_t>(i)], "shop=" + std::to_string(i));
  EXPECT_EQ(std::ranges::count(values, "*"), 1);
}

TEST_P(CommitLogContract, FollowOfAnEmptyLogIsCaughtUp) {
  Followed followed(world(), commits());
  ASSERT_TRUE(followed.wait_for("*"));
  ASSERT_TRUE(world().other_commits().append(kShop, 0, "1"));
  ASSERT_TRUE(followed.wait_for("shop=1"));
  EXPECT_EQ(followed.seen.values(), (std::vector<std::string>{"*", "shop=1"}));
}

TEST_P(CommitLogContract, SeveralFollowTheWholeLogAndAnEndedOneHearsNothing) {
  Followed first(world(), commits());
  Followed second(world(), world().other_commits());
  ASSERT_TRUE(first.wait_for("*") && second.wait_for("*"));
  first.subscription.reset();
  ASSERT_TRUE(commits().append(kShop, 0, "1"));
  ASSERT_TRUE(second.wait_for("shop=1"));
  EXPECT_EQ(first.seen.values(), (std::vector<std::string>{"*"}));
}

TEST_P(CommitLogContract, FollowCarriesLargeCommits) {
  const std::string large(kMaxCommitBytes, 'x');
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(commits().append(NamespaceName("n" + std::to_string(i)), 0, large));
  }
  Followed followed(world(), commits());
  ASSERT_TRUE(followed.wait_for("*"));
  ASSERT_EQ(followed.seen.values().size(), 9u);
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(followed.seen.values()[static_cast<size_t>(i)].size(), large.size() + 3);
}

TEST_P(KeyValueContract, CreateUpdateRemoveByRevision) {
  EXPECT_FALSE(*records().get(Bucket::leases, "shop"));
  const auto created = records().create(Bucket::leases, "shop", "a");
  ASSERT_TRUE(created) << created.error().line();
  EXPECT_GT(*created, 0u);
  expect_error(records().create(Bucket::leases, "shop", "b"), Code::exists);
  const auto updated = records().update(Bucket::leases, "shop", "b", *created);
  ASSERT_TRUE(updated);
  EXPECT_GT(*updated, *created);
  expect_error(records().update(Bucket::leases, "shop", "c", *created), Code::conflict);
  const auto found = world().other_records().get(Bucket::leases, "shop");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->key, "shop");
  EXPECT_EQ((*found)->value, "b");
  EXPECT_EQ((*found)->revision, *updated);
  expect_error(records().remove(Bucket::leases, "shop", *created), Code::conflict);
  ASSERT_TRUE(records().remove(Bucket::leases, "shop", *updated));
  EXPECT_FALSE(*records().get(Bucket::leases, "shop"));
}

TEST_P(KeyValueContract, RemovingTheAbsentSucceeds) {
  EXPECT_TRUE(records().remove(Bucket::plans, "never", 7));
  const uint64_t revision = *records().create(Bucket::plans, "p", "x");
  ASSERT_TRUE(records().remove(Bucket::plans, "p", revision));
  EXPECT_TRUE(records().remove(Bucket::plans, "p", revision));
  EXPECT_TRUE(records().list(Bucket::plans)->empty());
}

TEST_P(KeyValueContract, ARemovedKeyCanBeCreatedButNotUpdated) {
  const uint64_t revision = *records().create(Bucket::plans, "p", "x");
  ASSERT_TRUE(records().remove(Bucket::plans, "p", revision));
  expect_error(records().update(Bucket::plans, "p", "y", revision), Code::conflict);
  expect_error(records().update(Bucket::plans, "never", "y", 1), Code::conflict);
  const auto again = records().create(Bucket::plans, "p", "y");
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_GT(*again, revision);
  EXPECT_EQ((*records().get(Bucket::plans, "p"))->value, "y");
  expect_error(records().create(Bucket::plans, "p", "z"), Code::exists);
}

TEST_P(KeyValueContract, BucketsAreSeparateAndListsSorted) {
  for (const char* key : {"b", "a/x", "c.d", "a=1", "Z-_"}) {
    ASSERT_TRUE(records().create(Bucket::machines, key, key)) << key;
  }
  ASSERT_TRUE(records().create(Bucket::invites, "a", "other"));
  const auto list = records().list(Bucket::machines);
  ASSERT_TRUE(list) << list.error().line();
  std::vector<std::string> keys;
  for (const Record& record : *list) {
    EXPECT_EQ(record.key, record.value);
    EXPECT_GT(record.revision, 0u);
    keys.push_back(record.key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"Z-_", "a/x", "a=1", "b", "c.d"}));
  EXPECT_TRUE(records().list(Bucket::operations)->empty());
  EXPECT_EQ(records().list(Bucket::invites)->size(), 1u);
}

TEST_P(KeyValueContract, ListsAThousandKeys) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(records().create(Bucket::operations, std::format("op{:04}", i), std::to_string(i)));
  }
  const auto list = records().list(Bucket::operations);
  ASSERT_TRUE(list) << list.error().line();
  ASSERT_EQ(list->size(), 1000u);
  for (size_t i = 0; i < 1000; ++i) EXPECT_EQ((*list)[i].value, std::to_string(i));
}

TEST_P(KeyValueContract, ValuesComeBackAsTheyWere) {
  const std::string garbage("\x00\xff{]\r\n\x80", 7);
  const uint64_t revision = *records().create(Bucket::meta, "k", garbage);
  EXPECT_EQ((*records().get(Bucket::meta, "k"))->value, garbage);
  const uint64_t empty = *records().update(Bucket::meta, "k", "", revision);
  ASSERT_TRUE(*records().get(Bucket::meta, "k")) << "an empty value is a value";
  const std::string large(kMaxCommitBytes, '\xee');
  const auto updated = records().update(Bucket::meta, "k", large, empty);
  ASSERT_TRUE(updated) << updated.error().line();
  EXPECT_TRUE((*records().get(Bucket::meta, "k"))->value == large);
  expect_error(records().update(Bucket::meta, "k", large + "x", *updated), Code::invalid);
  EXPECT_TRUE(records().list(Bucket::meta)->front().value == large);
}

TEST_P(KeyValueContract, KeysThatAreNoKeysAreInvalid) {
  for (const std::string& key :
       {std::string(), std::string("a b"), std::string("*"), std::string(">"), std::string(".a"),
        std::string("a."), std::string("a..b"), std::string(201, 'a')}) {
    expect_error(records().create(Bucket::meta, key, "x"), Code::invalid);
    expect_error(records().get(Bucket::meta, key), Code::invalid);
    expect_error(records().remove(Bucket::meta, key, 1), Code::invalid);
  }
  EXPECT_TRUE(records().create(Bucket::meta, std::string(200, 'a'), "x"));
}

TEST_P(KeyValueContract, OfTwoWritersExactlyOneWins) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> won = 0;
    std::atomic<int> lost = 0;
    std::vector<std::function<void()>> writers;
    for (KeyValue* client : {&records(), &world().other_records()}) {
      writers.push_back([&, client] {
        const auto created = client->create(Bucket::leases, "shop", "mine");
        if (created) ++won;
        if (!created && created.error().code == Code::exists) ++lost;
      });
    }
    world().run_parallel(std::move(writers));
    ASSERT_EQ(won, 1);
    ASSERT_EQ(lost, 1);
    const auto lease = records().get(Bucket::leases, "shop");
    ASSERT_TRUE(records().remove(Bucket::leases, "shop", (*lease)->revision));
  }
}

struct Watched {
  Watched(ControlStoreWorld& world, KeyValue& records, Bucket bucket) : seen(world) {
    auto result = records.watch(bucket, [this](Record record, bool removed) {
      EXPECT_GT(record.revision, 0u);
      EXPECT_TRUE(!removed || record.value.empty());
      seen.add(record.key + (removed ? "-" : "=" + record.value));
    });
    EXPECT_TRUE(result);
    if (result) subscription = std::move(*result);
  }
  bool wait_for(const std::string& entry) {
    return seen.wait([&](const auto& values) { return std::ranges::contains(values, entry); });
  }
  Seen<std::string> seen;
  std::unique_ptr<Subscription> subscription;
};

TEST_P(KeyValueContract, WatchTellsThePresentAndEveryChange) {
  const uint64_t gone = *records().create(Bucket::machines, "gone", "x");
  ASSERT_TRUE(records().remove(Bucket::machines, "gone", gone));
  const uint64_t first = *records().create(Bucket::machines, "m1", "1");
  Watched watched(world(), records(), Bucket::machines);
  ASSERT_TRUE(watched.wait_for("m1=1"));
  const uint64_t second = *world().other_records().update(Bucket::machines, "m1", "2", first);
  ASSERT_TRUE(world().other_records().create(Bucket::machines, "m2", "1"));
  ASSERT_TRUE(world().other_records().remove(Bucket::machines, "m1", second));
  ASSERT_TRUE(watched.wait_for("m1-"));
  EXPECT_EQ(watched.seen.values(), (std::vector<std::string>{"m1=1", "m1=2", "m2=1", "m1-"}));
}

TEST_P(KeyValueContract, AnEndedWatchHearsNothing) {
  Watched first(world(), records(), Bucket::machines);
  Watched second(world(), world().other_records(), Bucket::machines);
  first.subscription.reset();
  ASSERT_TRUE(records().create(Bucket::machines, "m1", "1"));
  ASSERT_TRUE(second.wait_for("m1=1"));
  EXPECT_TRUE(first.seen.values().empty());
}

}  // namespace ployz::contract

// What every implementation of Volumes promises about streams from one pool to another.
#pragma once

#include <algorithm>
#include <functional>

#include "contract/volumes_contract.h"

namespace ployz::contract {

class VolumesStreamContract : public VolumesContract {
 protected:
  Volumes& there() { return world_->there(); }

  Result<std::string> send(Volumes& pool, const DatasetId& id, const std::string& name,
                           const std::string& base_guid = "") {
    std::string bytes;
    const Status sent = pool.send({id, SnapshotName(name), base_guid},
                                  [&](std::string_view piece) -> Status {
                                    bytes += piece;
                                    return {};
                                  },
                                  {});
    if (!sent) return std::unexpected(sent.error());
    return bytes;
  }
  // Gives these bytes in uneven pieces.
  static StreamSource source_of(const std::string& bytes) {
    return
        [&bytes, at = size_t{0}, turn = size_t{0}](std::span<char> into) mutable -> Result<size_t> {
          const size_t piece = ++turn % 3 == 0 ? 1 : 7001;
          const size_t size = std::min({into.size(), bytes.size() - at, piece});
          std::copy_n(bytes.data() + at, size, into.data());
          at += size;
          return size;
        };
  }
  Result<DatasetSnapshot> receive(Volumes& pool, const ReceiveRequest& request,
                                  const std::string& bytes) {
    return pool.receive(request, source_of(bytes), {});
  }
  // Whole: a snapshot from pool to pool, as a migration does it.
  Status move(Volumes& from, const DatasetId& id, const std::string& name, Volumes& to,
              const DatasetSpec& spec, const std::string& base_guid = "") {
    const std::string bytes = TRY(send(from, id, name, base_guid));
    const std::string guid = find(from, id)->snapshot(SnapshotName(name))->guid;
    const DatasetSnapshot got = TRY(receive(to, request(spec, id, name, guid, base_guid), bytes));
    EXPECT_EQ(got.guid, guid);
    EXPECT_EQ(got.name, SnapshotName(name));
    return {};
  }
  static ReceiveRequest request(const DatasetSpec& spec, const DatasetId& from,
                                const std::string& name, const std::string& guid,
                                const std::string& base_guid = "") {
    return {spec, SnapshotName(name), guid, base_guid, {from, SnapshotName(name)}};
  }
  std::optional<std::string> get_there(const DatasetId& id, const std::string& file = "data") {
    return world_->read(there(), id, file);
  }
  void put_there(const DatasetId& id, const std::string& text, const std::string& file = "data") {
    const Status written = world_->write(there(), id, file, text);
    EXPECT_TRUE(written) << written.error().line();
  }
  // The pool has nothing of this dataset, seen or unseen.
  void expect_nothing(const DatasetId& id) {
    EXPECT_EQ(find(there(), id), std::nullopt);
    EXPECT_EQ(there().path(id).error().code, Code::not_found);
    EXPECT_EQ(world_->leftovers(there()), 0u);
  }
};

TEST_P(VolumesStreamContract, AWholeSnapshotArrives) {
  const DatasetSpec made = filled("content");
  put(made.id, noise(300'000), "more");
  const DatasetSnapshot sent = take(made.id, "one");
  put(made.id, "later");
  const auto size = here().send_size({made.id, SnapshotName("one"), ""});
  ASSERT_TRUE(size) << size.error().line();
  const auto bytes = send(here(), made.id, "one");
  ASSERT_TRUE(bytes) << bytes.error().line();
  EXPECT_GT(bytes->size(), 300'000u);
  EXPECT_LT(*size, 2 * bytes->size());  // 0: it cannot tell
  DatasetSpec target = spec();
  target.volume = VolumeName("arrived");
  const auto got = receive(there(), request(target, made.id, "one", sent.guid), *bytes);
  ASSERT_TRUE(got) << got.error().line();
  EXPECT_EQ(got->guid, sent.guid);
  const auto found = find(there(), target.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->spec, target);
  EXPECT_EQ(found->origin, (DatasetOrigin{made.id, SnapshotName("one")}));
  EXPECT_EQ(found->snapshots, std::vector<DatasetSnapshot>{*got});
  EXPECT_EQ(get_there(target.id), "content");
  EXPECT_EQ(get_there(target.id, "more"), get(made.id, "more"));
  EXPECT_EQ(world_->leftovers(there()), 0u);
  // It is a dataset like any other: writable, and its snapshot keeps what came.
  put_there(target.id, "changed");
  EXPECT_EQ(get_at(there(), target.id, "one"), "content");
  // Again, while it is in use: it is there already.
  EXPECT_EQ(receive(there(), request(target, made.id, "one", sent.guid), *bytes).value(), *got);
  EXPECT_EQ(get_there(target.id), "changed");
  EXPECT_EQ(find(here(), made.id)->snapshots, std::vector<DatasetSnapshot>{sent});
}

TEST_P(VolumesStreamContract, ALaterRoundSendsTheDifference) {
  const DatasetSpec made = filled("first");
  put(made.id, noise(1'000'000), "big");
  put(made.id, "gone soon", "old");
  const DatasetSnapshot one = take(made.id, "one");
  const DatasetSpec target = spec();
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  put(made.id, "second");
  put(made.id, "", "old");
  const DatasetSnapshot two = take(made.id, "two");
  const auto bytes = send(here(), made.id, "two", one.guid);
  ASSERT_TRUE(bytes) << bytes.error().line();
  EXPECT_LT(bytes->size(), 500'000u);
  const auto got = receive(there(), request(target, made.id, "two", two.guid, one.guid), *bytes);
  ASSERT_TRUE(got) << got.error().line();
  EXPECT_EQ(get_there(target.id), "second");
  EXPECT_EQ(get_there(target.id, "old"), "");
  EXPECT_EQ(get_there(target.id, "big"), get(made.id, "big"));
  EXPECT_EQ(find(there(), target.id)->snapshots.size(), 2u);
  EXPECT_EQ(get_at(there(), target.id, "one"), "first");
  EXPECT_EQ(world_->leftovers(there()), 0u);
  // A repeated step of the first round must not bring the old content back.
  put_there(target.id, "in use");
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  EXPECT_EQ(get_there(target.id), "in use");
  // Nothing changed: the smallest of rounds.
  const DatasetSnapshot three = take(made.id, "three");
  ASSERT_TRUE(move(here(), made.id, "three", there(), target, two.guid));
  EXPECT_EQ(find(there(), target.id)->snapshots.back().guid, three.guid);
}

// What came from there goes back as a difference, though as another dataset.
TEST_P(VolumesStreamContract, BackHomeOnABaseInAnotherDataset) {
  const DatasetSpec made = filled("home");
  put(made.id, noise(1'000'000), "big");
  const DatasetSnapshot one = take(made.id, "one");
  const DatasetSpec away = spec();
  ASSERT_TRUE(move(here(), made.id, "one", there(), away));
  put_there(away.id, "away");
  const DatasetSnapshot two = take(there(), away.id, "two");
  const auto bytes = send(there(), away.id, "two", one.guid);
  ASSERT_TRUE(bytes) << bytes.error().line();
  EXPECT_LT(bytes->size(), 500'000u);
  const DatasetSpec back = spec();
  const Status moved = move(there(), away.id, "two", here(), back, one.guid);
  ASSERT_TRUE(moved) << moved.error().line();
  EXPECT_EQ(get(back.id), "away");
  EXPECT_EQ(get(back.id, "big"), get(made.id, "big"));
  EXPECT_EQ(get(made.id), "home");
  EXPECT_EQ(find(back.id)->snapshots.back().guid, two.guid);
  // Independent of what it was built on.
  ASSERT_TRUE(here().destroy(made.id));
  EXPECT_EQ(get(back.id), "away");
  // And out again on that one.
  put(back.id, "out");
  const DatasetSnapshot three = take(back.id, "three");
  const DatasetSpec out = spec();
  const Status again = move(here(), back.id, "three", there(), out, two.guid);
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_EQ(get_there(out.id), "out");
  EXPECT_EQ(find(there(), out.id)->snapshots.back().guid, three.guid);
  EXPECT_EQ(get_there(away.id), "away");
}

TEST_P(VolumesStreamContract, ACloneIsSentOnWhatItsOriginSharesWithTheReceiver) {
  const DatasetSpec made = filled("origin");
  put(made.id, noise(1'000'000), "big");
  const DatasetSnapshot one = take(made.id, "one");
  const DatasetSpec copy = spec();
  ASSERT_TRUE(here().clone(copy, {made.id, SnapshotName("one")}));
  put(copy.id, "clone");
  take(copy.id, "two");
  const DatasetSpec target = spec();
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  const DatasetSpec target_copy = spec();
  const auto bytes = send(here(), copy.id, "two", one.guid);
  ASSERT_TRUE(bytes) << bytes.error().line();
  EXPECT_LT(bytes->size(), 500'000u);
  const Status moved = move(here(), copy.id, "two", there(), target_copy, one.guid);
  ASSERT_TRUE(moved) << moved.error().line();
  EXPECT_EQ(get_there(target_copy.id), "clone");
  EXPECT_EQ(get_there(target_copy.id, "big"), get(made.id, "big"));
  EXPECT_EQ(get_there(target.id), "origin");
  ASSERT_TRUE(there().destroy(target.id));
  EXPECT_EQ(get_there(target_copy.id), "clone");
}

TEST_P(VolumesStreamContract, WhatIsNotHereIsNotFound) {
  const DatasetSpec made = filled("x");
  const DatasetSnapshot one = take(made.id, "one");
  EXPECT_EQ(send(here(), made.id, "two").error().code, Code::not_found);
  EXPECT_EQ(send(here(), DatasetId("01absent"), "one").error().code, Code::not_found);
  EXPECT_EQ(send(here(), made.id, "one", "no-such-guid").error().code, Code::not_found);
  EXPECT_EQ(here().send_size({made.id, SnapshotName("two"), ""}).error().code, Code::not_found);
  take(made.id, "two");
  const std::string bytes = send(here(), made.id, "two", one.guid).value();
  const DatasetSpec target = spec();
  const std::string guid = find(made.id)->snapshots.back().guid;
  EXPECT_EQ(receive(there(), request(target, made.id, "two", guid, one.guid), bytes).error().code,
            Code::not_found);
  expect_nothing(target.id);
}

TEST_P(VolumesStreamContract, BrokenStreamsAreCorruptAndLeaveNothing) {
  const DatasetSpec made = filled("content");
  put(made.id, noise(400'000), "more");
  const DatasetSnapshot sent = take(made.id, "one");
  const std::string whole = send(here(), made.id, "one").value();
  const DatasetSpec target = spec();
  const auto expect_corrupt = [&](const std::string& bytes, const std::string& what) {
    const auto got = receive(there(), request(target, made.id, "one", sent.guid), bytes);
    ASSERT_FALSE(got) << what;
    EXPECT_EQ(got.error().code, Code::corrupt) << what << ": " << got.error().line();
    EXPECT_EQ(got.error().effect, Effect::none) << what;
    expect_nothing(target.id);
  };
  expect_corrupt("", "empty");
  expect_corrupt(noise(400'000), "garbage");
  expect_corrupt("GET / HTTP/1.1\r\n\r\n", "another protocol");
  for (const size_t left : {whole.size() - 1, whole.size() - 10, whole.size() / 2, size_t{1}}) {
    expect_corrupt(whole.substr(0, left), std::format("cut to {}", left));
  }
  for (const size_t at : {size_t{3}, whole.size() / 3, whole.size() / 2, whole.size() - 5}) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    expect_corrupt(changed, std::format("changed at {} of {}", at, whole.size()));
  }
  expect_corrupt(whole + "more", "with something after its end");
  // And after all that the good one is as good as ever.
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  EXPECT_EQ(get_there(target.id), "content");
}

TEST_P(VolumesStreamContract, AnotherSnapshotThanAskedForIsRefused) {
  const DatasetSpec made = filled("first");
  const DatasetSnapshot one = take(made.id, "one");
  put(made.id, "second");
  const DatasetSnapshot two = take(made.id, "two");
  const DatasetSpec target = spec();
  const std::string bytes = send(here(), made.id, "one").value();
  const auto got = receive(there(), request(target, made.id, "two", two.guid), bytes);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::corrupt) << got.error().line();
  expect_nothing(target.id);
  // A name that is taken by another snapshot; an id, by another volume.
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  const std::string other = send(here(), made.id, "two").value();
  EXPECT_EQ(receive(there(), request(target, made.id, "one", two.guid), other).error().code,
            Code::exists);
  DatasetSpec taken = target;
  taken.volume = VolumeName("other");
  EXPECT_EQ(receive(there(), request(taken, made.id, "two", two.guid), other).error().code,
            Code::exists);
  EXPECT_EQ(find(there(), target.id)->snapshots.size(), 1u);
  EXPECT_EQ(find(there(), target.id)->snapshots[0].guid, one.guid);
}

TEST_P(VolumesStreamContract, ABrokenLaterRoundLeavesTheFormer) {
  const DatasetSpec made = filled("first");
  const DatasetSnapshot one = take(made.id, "one");
  const DatasetSpec target = spec();
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  put(made.id, noise(300'000), "more");
  const DatasetSnapshot two = take(made.id, "two");
  const std::string whole = send(here(), made.id, "two", one.guid).value();
  const auto before = find(there(), target.id);
  std::string changed = whole;
  changed[whole.size() / 2] = static_cast<char>(changed[whole.size() / 2] ^ 1);
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), changed, std::string("?")}) {
    const auto got = receive(there(), request(target, made.id, "two", two.guid, one.guid), bytes);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::corrupt) << got.error().line();
    EXPECT_EQ(find(there(), target.id)->snapshots, before->snapshots);
    EXPECT_EQ(get_there(target.id), "first");
    EXPECT_EQ(get_there(target.id, "more"), std::nullopt);
    EXPECT_EQ(world_->leftovers(there()), 0u);
  }
  ASSERT_TRUE(move(here(), made.id, "two", there(), target, one.guid));
  EXPECT_EQ(get_there(target.id, "more"), get(made.id, "more"));
}

TEST_P(VolumesStreamContract, ErrorsOfTheOtherSideAreTheResult) {
  const DatasetSpec made = filled("content");
  put(made.id, noise(2'000'000), "more");
  const DatasetSnapshot sent = take(made.id, "one");
  const Status refused = here().send(
      {made.id, SnapshotName("one"), ""},
      [](std::string_view) -> Status { return fail(Code::denied, "the sink is closed"); }, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::denied) << refused.error().line();
  const std::string bytes = send(here(), made.id, "one").value();
  const DatasetSpec target = spec();
  const auto lost =
      there().receive(request(target, made.id, "one", sent.guid),
                      [source = source_of(bytes),
                       left = size_t{1'000'000}](std::span<char> into) mutable -> Result<size_t> {
                        if (left == 0) return fail(Code::unavailable, "the peer is gone");
                        const size_t got = TRY(source(into.first(std::min(left, into.size()))));
                        left -= got;
                        return got;
                      },
                      {});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::unavailable) << lost.error().line();
  expect_nothing(target.id);
}

TEST_P(VolumesStreamContract, AStopEndsBothSides) {
  const DatasetSpec made = filled("content");
  put(made.id, noise(2'000'000), "more");
  const DatasetSnapshot sent = take(made.id, "one");
  std::stop_source stop;
  const auto sink = [&](std::string_view) -> Status {
    stop.request_stop();
    return {};
  };
  const Status ended = here().send({made.id, SnapshotName("one"), ""}, sink, stop.get_token());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::canceled) << ended.error().line();
  const std::string bytes = send(here(), made.id, "one").value();
  const DatasetSpec target = spec();
  std::stop_source other;
  const auto got = there().receive(
      request(target, made.id, "one", sent.guid),
      [&, source = source_of(bytes)](std::span<char> into) {
        other.request_stop();
        return source(into);
      },
      other.get_token());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::canceled) << got.error().line();
  expect_nothing(target.id);
}

TEST_P(VolumesStreamContract, APoolThatFillsUpMeanwhileLeavesNothing) {
  const uint64_t free_bytes = there().pool().value().free_bytes;
  const DatasetSpec made = filled("content");
  put(made.id, noise(free_bytes + 4 * kMiB), "more");
  const DatasetSnapshot sent = take(made.id, "one");
  const DatasetSpec target = spec();
  const std::string bytes = send(here(), made.id, "one").value();
  const auto got = receive(there(), request(target, made.id, "one", sent.guid), bytes);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::precondition) << got.error().line();
  EXPECT_FALSE(got.error().hint.empty());
  expect_nothing(target.id);
  // There is room again for what fits.
  world_->settle(there());
  put(made.id, "less", "more");
  take(made.id, "two");
  const Status moved = move(here(), made.id, "two", there(), target);
  EXPECT_TRUE(moved) << moved.error().line();
}

TEST_P(VolumesStreamContract, TheQuotaOfWhatArrivedCountsWhatArrived) {
  const DatasetSpec made = filled("");
  put(made.id, noise(6 * kMiB), "arrives");
  take(made.id, "one");
  DatasetSpec target = spec();
  target.quota_bytes = 12 * kMiB;
  ASSERT_TRUE(move(here(), made.id, "one", there(), target));
  EXPECT_TRUE(world_->write(there(), target.id, "fits", noise(2 * kMiB)));
  EXPECT_FALSE(world_->write(there(), target.id, "too much", noise(8 * kMiB)));
  EXPECT_GE(find(there(), target.id)->used_bytes, 6 * kMiB);
}

TEST_P(VolumesStreamContract, EveryLegalNameIsSent) {
  DatasetSpec made = spec();
  made.id = DatasetId("0_az-9." + std::string(56, 'x'));
  const std::string name = "1-b_c.9" + std::string(56, 's');
  ASSERT_TRUE(here().ensure_dataset(made));
  put(made.id, "content", "name with spaces, \"quotes\" and \xc3\xbc");
  take(made.id, name);
  DatasetSpec target = spec();
  target.id = DatasetId("9" + std::string(62, '-'));
  const Status moved = move(here(), made.id, name, there(), target);
  ASSERT_TRUE(moved) << moved.error().line();
  EXPECT_EQ(get_there(target.id, "name with spaces, \"quotes\" and \xc3\xbc"), "content");
}

}  // namespace ployz::contract

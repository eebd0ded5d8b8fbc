// What every implementation of Transfers promises (ports/transfer.h).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include <gtest/gtest.h>

#include "contract/stream_bytes.h"
#include "ports/transfer.h"

namespace ployz::contract {

struct TransferOptions {
  std::chrono::milliseconds silence{20'000};
  std::chrono::milliseconds key_lifetime = kStreamKeyLifetime;
};

// Two machines: streams are offered by one and dialed by the other, over a network that can fail.
class TransferWorld {
 public:
  virtual ~TransferWorld() = default;
  virtual Transfers& offering() = 0;
  virtual Transfers& dialing() = 0;
  // Where `dialing` reaches `offering`.
  virtual std::string address() = 0;
  // Of the streams there are now: cut, or nothing arrives any more.
  virtual void cut() = 0;
  virtual void silence() = 0;
  virtual void end_offering() = 0;
};

// Captured by value: a handler may outlive the body of the test that offered it.
class Flag {
 public:
  void raise() const {
    const std::lock_guard lock(state_->mutex);
    state_->up = true;
    state_->changed.notify_all();
  }
  bool await(std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, limit, [this] { return state_->up; });
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool up = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

inline size_t peak_memory_kib() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  char line[256];
  size_t peak = 0;
  while (file && std::fgets(line, sizeof line, file)) {
    if (std::strncmp(line, "VmHWM:", 6) == 0) peak = std::strtoul(line + 6, nullptr, 10);
  }
  if (file) std::fclose(file);
  return peak;
}

class TransferContract
    : public testing::TestWithParam<std::unique_ptr<TransferWorld> (*)(TransferOptions)> {
 protected:
  static constexpr std::chrono::milliseconds kShort{400};

  TransferWorld& world(TransferOptions options = {}) {
    if (!world_) world_ = GetParam()(options);
    return *world_;
  }
  std::string offer(StreamHandler handler) {
    auto key = world().offering().offer(purpose_, std::move(handler));
    EXPECT_TRUE(key) << key.error().line();
    return key.value_or("");
  }
  Result<std::unique_ptr<MachineStream>> dial(std::string_view key, std::stop_token stop = {}) {
    return world().dialing().dial(world().address(), key, purpose_, stop);
  }
  std::unique_ptr<MachineStream> dialed(StreamHandler handler, std::stop_token stop = {}) {
    auto stream = dial(offer(std::move(handler)), stop);
    EXPECT_TRUE(stream) << stream.error().line();
    return stream ? std::move(*stream) : nullptr;
  }
  static StreamHandler saying(std::string text) {
    return [text](MachineStream& stream, std::stop_token) { return stream.write(text); };
  }

  const StreamPurpose purpose_{"image", "op-1"};

 private:
  std::unique_ptr<TransferWorld> world_;
};

TEST_P(TransferContract, BytesArriveExactlyAndEnd) {
  const std::string text("one\0two\xff", 8);
  const auto stream = dialed(saying(text));
  ASSERT_TRUE(stream);
  EXPECT_EQ(*read_all(*stream), text);
  char byte = 0;
  EXPECT_EQ(*stream->read({&byte, 1}), 0u);
}

TEST_P(TransferContract, AnEmptyStreamEnds) {
  const auto stream = dialed([](MachineStream&, std::stop_token) { return Status{}; });
  ASSERT_TRUE(stream);
  EXPECT_EQ(*read_all(*stream), "");
}

TEST_P(TransferContract, BothDirectionsAtOnce) {
  const auto stream = dialed([](MachineStream& stream, std::stop_token) -> Status {
    const std::string heard = TRY(read_all(stream));
    return stream.write("you said " + heard);
  });
  ASSERT_TRUE(stream);
  ASSERT_TRUE(stream->write("hel"));
  ASSERT_TRUE(stream->write("lo"));
  ASSERT_TRUE(stream->finish());
  EXPECT_EQ(*read_all(*stream), "you said hello");
  EXPECT_FALSE(stream->write("more"));
}

TEST_P(TransferContract, ALargeStreamNeedsLittleMemory) {
  constexpr uint64_t kSize = 200ull << 20;
  const size_t before = peak_memory_kib();
  const auto stream = dialed([](MachineStream& stream, std::stop_token) -> Status {
    std::string piece(300'000, '\0');
    for (uint64_t at = 0; at < kSize; at += piece.size()) {
      piece.resize(std::min<uint64_t>(piece.size(), kSize - at));
      fill_pattern(piece, at);
      TRY(stream.write(piece));
    }
    return {};
  });
  ASSERT_TRUE(stream);
  std::string piece(70'000, '\0'), wanted;
  uint64_t at = 0;
  while (true) {
    const auto got = stream->read(piece);
    ASSERT_TRUE(got) << got.error().line();
    if (*got == 0) break;
    wanted.resize(*got);
    fill_pattern(wanted, at);
    ASSERT_TRUE(std::string_view(piece).substr(0, *got) == wanted) << "at " << at;
    at += *got;
  }
  EXPECT_EQ(at, kSize);
  EXPECT_LT(peak_memory_kib() - before, 32u << 10);
}

TEST_P(TransferContract, TheHandlersErrorArrives) {
  const Error error{Code::precondition, Effect::none, "no such image", "push it", {{"a", "b"}}};
  const auto stream = dialed([&](MachineStream& stream, std::stop_token) -> Status {
    TRY(stream.write("some"));
    return fail(error);
  });
  ASSERT_TRUE(stream);
  const auto all = read_all(*stream);
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error(), error);
}

TEST_P(TransferContract, AnErrorOfTheReaderEndsTheWriter) {
  const Error error{Code::unavailable, Effect::none, "no space left", "", {}};
  std::promise<Status> written;
  const auto stream = dialed([&](MachineStream& stream, std::stop_token) -> Status {
    const std::string piece(100'000, 'x');
    Status status;
    while (status) status = stream.write(piece);
    written.set_value(status);
    return status;
  });
  ASSERT_TRUE(stream);
  char byte = 0;
  ASSERT_TRUE(stream->read({&byte, 1}));
  ASSERT_TRUE(stream->finish_with(error));
  const Status status = written.get_future().get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error(), error);
}

TEST_P(TransferContract, AWriterThatVanishesIsACut) {
  std::promise<Result<std::string>> heard;
  auto stream = dialed([&](MachineStream& stream, std::stop_token) -> Status {
    heard.set_value(read_all(stream));
    return {};
  });
  ASSERT_TRUE(stream);
  ASSERT_TRUE(stream->write("half of i"));
  stream.reset();
  const auto got = heard.get_future().get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::unavailable) << got.error().line();
}

TEST_P(TransferContract, ACutConnectionIsNoEnd) {
  Flag over;
  const auto stream = dialed([&, over](MachineStream& stream, std::stop_token) -> Status {
    TRY(stream.write("half of i"));
    over.await();
    return {};
  });
  ASSERT_TRUE(stream);
  std::string piece(5, '\0');
  ASSERT_TRUE(stream->read(piece));
  world().cut();
  const auto rest = read_all(*stream);
  over.raise();
  ASSERT_FALSE(rest);
  EXPECT_EQ(rest.error().code, Code::unavailable) << rest.error().line();
}

TEST_P(TransferContract, AWrongKeyIsDenied) {
  const std::string key = offer(saying("secret"));
  std::string wrong = key;
  wrong[63] = wrong[63] == '0' ? '1' : '0';
  const auto stream = dial(wrong);
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Code::denied);
  EXPECT_FALSE(stream.error().line().contains(wrong));
  EXPECT_TRUE(dial(key));
}

TEST_P(TransferContract, AKeyIsGoodOnce) {
  const std::string key = offer(saying("once"));
  EXPECT_EQ(key.size(), 64u);
  const auto first = dial(key);
  ASSERT_TRUE(first);
  const auto second = dial(key);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::denied);
  EXPECT_EQ(*read_all(**first), "once");
}

TEST_P(TransferContract, AKeyIsForOnePurpose) {
  for (const StreamPurpose& other : {StreamPurpose{"logs", "op-1"}, StreamPurpose{"image", "op-2"}}) {
    const std::string key = offer(saying("secret"));
    const auto stream = world().dialing().dial(world().address(), key, other, {});
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().code, Code::denied);
    EXPECT_EQ(dial(key).error().code, Code::denied);  // used up
  }
}

TEST_P(TransferContract, KeysExpireAndAreWithdrawn) {
  world({.key_lifetime = std::chrono::milliseconds(0)});
  EXPECT_EQ(dial(offer(saying("late"))).error().code, Code::denied);
}

TEST_P(TransferContract, AWithdrawnKeyIsDenied) {
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> alive = held;
  const std::string key = offer([held](MachineStream&, std::stop_token) { return Status{}; });
  held.reset();
  world().offering().withdraw(key);
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(dial(key).error().code, Code::denied);
}

TEST_P(TransferContract, NobodyThereIsUnavailable) {
  const std::string key = offer(saying("x"));
  const std::string address = world().address();
  world().end_offering();
  const auto stream = world().dialing().dial(address, key, purpose_, {});
  ASSERT_FALSE(stream);
  EXPECT_NE(stream.error().code, Code::internal) << stream.error().line();
}

TEST_P(TransferContract, EndingTheDriverEndsItsStreams) {
  Flag began;
  std::atomic<bool> stopped = false;
  const auto stream = dialed([&, began](MachineStream& stream, std::stop_token stop) -> Status {
    began.raise();
    char byte = 0;
    const auto got = stream.read({&byte, 1});
    stopped = stop.stop_requested() && !got && got.error().code == Code::canceled;
    return {};
  });
  ASSERT_TRUE(stream);
  ASSERT_TRUE(began.await());
  world().end_offering();
  EXPECT_TRUE(stopped);
}

TEST_P(TransferContract, ASilentPeerIsNoticedByReaderAndWriter) {
  world({.silence = kShort});
  std::promise<Status> written;
  Flag over;
  const auto stream = dialed([&, over](MachineStream& stream, std::stop_token) -> Status {
    TRY(stream.write("x"));
    over.await();
    const std::string piece(1 << 20, 'x');
    Status status;
    for (int i = 0; i < 1000 && status; ++i) status = stream.write(piece);
    written.set_value(status);
    return status;
  });
  ASSERT_TRUE(stream);
  char byte = 0;
  ASSERT_TRUE(stream->read({&byte, 1}));
  world().silence();
  over.raise();
  const auto got = stream->read({&byte, 1});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::timeout) << got.error().line();
  const Status status = written.get_future().get();
  ASSERT_FALSE(status);
  EXPECT_TRUE(status.error().code == Code::timeout || status.error().code == Code::unavailable)
      << status.error().line();
}

// A reader that unpacks, or a log that says nothing: slow is not silent.
TEST_P(TransferContract, ASlowPeerIsWaitedFor) {
  world({.silence = kShort});
  Flag never;
  const auto stream = dialed([&, never](MachineStream& stream, std::stop_token) -> Status {
    TRY(stream.write(std::string(32 << 20, 'x')));
    never.await(3 * kShort);
    return stream.write("y");
  });
  ASSERT_TRUE(stream);
  never.await(3 * kShort);
  const auto all = read_all(*stream);
  ASSERT_TRUE(all) << all.error().line();
  EXPECT_EQ(all->size(), (32u << 20) + 1);
}

TEST_P(TransferContract, AReaderAndAWriterCanBeCanceled) {
  for (const bool writing : {false, true}) {
    std::stop_source stop;
    Flag over;
    const auto stream = dialed(
        [&, over](MachineStream& stream, std::stop_token) -> Status {
          (void)stream.write("x");
          over.await();
          return {};
        },
        stop.get_token());
    ASSERT_TRUE(stream);
    char byte = 0;
    ASSERT_TRUE(stream->read({&byte, 1}));
    auto ended = std::async(std::launch::async, [&]() -> Status {
      if (writing) {
        const std::string piece(1 << 20, 'x');
        while (true) TRY(stream->write(piece));
      }
      (void)TRY(stream->read({&byte, 1}));
      return {};
    });
    stop.request_stop();
    const Status status = ended.get();
    over.raise();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::canceled) << status.error().line();
  }
}

// How the end of a follower reaches the one it follows.
TEST_P(TransferContract, TheHandlerIsStoppedWhenTheDialingEndCloses) {
  std::promise<void> ended;
  auto stream = dialed([&](MachineStream& stream, std::stop_token stop) -> Status {
    (void)stream.write("x");
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [] { return false; });
    ended.set_value();
    return {};
  });
  ASSERT_TRUE(stream);
  stream.reset();
  EXPECT_EQ(ended.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_P(TransferContract, ManyStreamsAtOnce) {
  std::vector<std::future<Result<std::string>>> all;
  for (int i = 0; i < 20; ++i) {
    const std::string key = offer(saying(std::string(100'000, static_cast<char>('a' + i))));
    all.push_back(std::async(std::launch::async, [this, key]() -> Result<std::string> {
      const auto stream = TRY(dial(key));
      return read_all(*stream);
    }));
  }
  for (int i = 0; i < 20; ++i) {
    const auto got = all[static_cast<size_t>(i)].get();
    ASSERT_TRUE(got) << got.error().line();
    EXPECT_TRUE(*got == std::string(100'000, static_cast<char>('a' + i)));
  }
}

}  // namespace ployz::contract

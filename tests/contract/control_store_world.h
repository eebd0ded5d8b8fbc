// What the control store's contract needs from an implementation under test: two clients, a way to
// wait for callbacks, and a store that can be made to fail.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/commit.h"
#include "ports/control_store.h"

namespace ployz::contract {

class ControlStoreWorld {
 public:
  virtual ~ControlStoreWorld() = default;

  // Two clients of one empty store; each is used by several threads.
  virtual CommitLog& commits() = 0;
  virtual KeyValue& records() = 0;
  virtual CommitLog& other_commits() = 0;
  virtual KeyValue& other_records() = 0;

  // Waits until `done` (called with the lock held) or gives up and returns false. Threads: the
  // condition variable. A simulation: runs it, the lock released.
  virtual bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                     const std::function<bool()>& done) = 0;
  // Runs all at once and returns when all have returned.
  virtual void run_parallel(std::vector<std::function<void()>> tasks) = 0;

  // The store's process dies at once and loses what it had not synced; or comes back. The clients
  // stay. False: this world cannot, the test is skipped.
  virtual bool crash() { return false; }
  virtual bool restart() { return false; }
  // The store neither answers nor refuses.
  virtual bool freeze() { return false; }
  virtual bool thaw() { return false; }
};

// Collects what callbacks deliver.
template <class T>
class Seen {
 public:
  explicit Seen(ControlStoreWorld& world) : world_(world) {}

  void add(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  bool wait(const std::function<bool(const std::vector<T>&)>& done) {
    std::unique_lock lock(mutex_);
    return world_.await(lock, changed_, [&] { return done(values_); });
  }
  bool wait_size(size_t size) {
    return wait([size](const std::vector<T>& values) { return values.size() >= size; });
  }
  std::vector<T> values() {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  ControlStoreWorld& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<T> values_;
};

using ControlStoreFactory = std::unique_ptr<ControlStoreWorld> (*)();

class ControlStoreTest : public testing::TestWithParam<ControlStoreFactory> {
 protected:
  void SetUp() override {
    world_ = GetParam()();
    ASSERT_TRUE(world_);
  }
  ControlStoreWorld& world() { return *world_; }
  CommitLog& commits() { return world_->commits(); }
  KeyValue& records() { return world_->records(); }

 private:
  std::unique_ptr<ControlStoreWorld> world_;
};

template <class T>
void expect_error(const Result<T>& result, Code code, Effect effect = Effect::none) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().line();
  EXPECT_EQ(result.error().effect, effect) << result.error().line();
}

inline const NamespaceName kShop{"shop"};
inline const NamespaceName kBlog{"blog"};

}  // namespace ployz::contract

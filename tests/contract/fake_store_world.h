// The control store's contract world of the fake: its store can be away (refuses) or frozen (does
// not answer), as a process that died or hangs.
#pragma once

#include <thread>

#include "contract/control_store_world.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {

class FailingHook final : public sim::Hook {
 public:
  using Fate = sim::Fate;

  void set(Fate fate) {
    const std::lock_guard lock(mutex_);
    fate_ = fate;
    changed_.notify_all();
  }
  Fate enter(std::string_view, std::string_view, sim::Kind) override {
    const std::lock_guard lock(mutex_);
    return fate_;
  }
  void leave(std::string_view, std::string_view) override {}
  void give_up() override {}
  void deliver(std::string_view) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return fate_ == Fate::normal; });
  }
  void later(std::chrono::milliseconds, std::function<void()>) override {}
  uint32_t process() override { return 0; }
  bool alive(uint32_t) override { return true; }
  std::jthread thread_in(uint32_t, std::function<void()> body) override {
    return std::jthread(std::move(body));
  }
  Delivery delivery() override { return {}; }
  bool carries(uint32_t, uint32_t) override { return true; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Fate fate_ = Fate::normal;
};

class FakeStoreWorld final : public ControlStoreWorld {
 public:
  CommitLog& commits() override { return store_; }
  KeyValue& records() override { return store_; }
  CommitLog& other_commits() override { return store_; }
  KeyValue& other_records() override { return store_; }
  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }
  void run_parallel(std::vector<std::function<void()>> tasks) override {
    std::vector<std::jthread> threads;
    for (auto& task : tasks) threads.emplace_back(std::move(task));
  }
  bool crash() override { return become(sim::Fate::refused); }
  bool restart() override { return become(sim::Fate::normal); }
  bool freeze() override { return become(sim::Fate::never); }
  bool thaw() override { return become(sim::Fate::normal); }

 private:
  bool become(sim::Fate fate) {
    hook_.set(fate);
    return true;
  }
  FailingHook hook_;
  sim::FakeStore store_{hook_};
};

}  // namespace ployz::contract

// A Hook for unit tests: remembers the calls that reach the fakes, lets a test wait for them or hold
// them up, and makes calls fail that the test names.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "sim/fakes/no_hook.h"

namespace ployz::sim {

class CountingHook final : public Hook {
 public:
  Fate enter(std::string_view call, std::string_view, Kind) override {
    std::unique_lock lock(mutex_);
    const std::string name(call);
    ++calls_[name];
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_.contains(name); });
    const auto failing = failing_.find(name);
    if (failing == failing_.end() || failing->second == 0) return Fate::normal;
    --failing->second;
    return Fate::refused;
  }
  void leave(std::string_view call, std::string_view) override {
    const std::lock_guard lock(mutex_);
    ++done_[std::string(call)];
    changed_.notify_all();
  }
  void give_up() override {}
  void deliver(std::string_view) override {}
  void later(std::chrono::milliseconds delay, std::function<void()> effect) override {
    inner_.later(delay, std::move(effect));
  }
  uint32_t process() override { return 0; }
  bool alive(uint32_t) override { return true; }
  std::jthread thread_in(uint32_t, std::function<void()> body) override {
    return std::jthread(std::move(body));
  }
  Delivery delivery() override { return {}; }
  bool carries(uint32_t, uint32_t) override { return true; }

  // The next `times` calls of this name are refused.
  void fail(const std::string& call, size_t times) {
    const std::lock_guard lock(mutex_);
    failing_[call] = times;
  }
  // Calls of this name wait until they are let go.
  void hold(const std::string& call) {
    const std::lock_guard lock(mutex_);
    held_.insert(call);
  }
  void let_go(const std::string& call) {
    const std::lock_guard lock(mutex_);
    held_.erase(call);
    changed_.notify_all();
  }
  [[nodiscard]] size_t calls(const std::string& call) {
    const std::lock_guard lock(mutex_);
    return calls_[call];
  }
  // Until so many have arrived. False: not in 20 s.
  [[nodiscard]] bool wait_for_call(const std::string& call, size_t times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return calls_[call] >= times; });
  }
  // Until so many have taken effect.
  [[nodiscard]] bool wait(const std::string& call, size_t times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return done_[call] >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, size_t> calls_, done_, failing_;
  std::set<std::string> held_;
  NoHook inner_;  // last: what it runs later ends first
};

}  // namespace ployz::sim

// The Hook of fakes outside of the simulator: nothing ever goes wrong.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "sim/fakes/hook.h"

namespace ployz::sim {

class NoHook final : public Hook {
 public:
  ~NoHook() override;
  Fate enter(std::string_view, std::string_view, Kind) override { return Fate::normal; }
  void leave(std::string_view, std::string_view) override {}
  void give_up() override {}
  void deliver(std::string_view) override {}
  void later(std::chrono::milliseconds delay, std::function<void()> effect) override;
  uint32_t process() override { return 0; }
  bool alive(uint32_t) override { return true; }
  std::jthread thread_in(uint32_t, std::function<void()> body) override {
    return std::jthread(std::move(body));
  }
  Delivery delivery() override { return {}; }
  bool carries(uint32_t, uint32_t) override { return true; }

 private:
  std::mutex mutex_;
  std::vector<std::jthread> waiting_;
};

}  // namespace ployz::sim

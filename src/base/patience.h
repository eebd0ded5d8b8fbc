// Questions that may hang for longer than somebody wants to wait: each is asked on a thread of its own,
// which outlives the wait. Bounded: beyond kMaxAsked unanswered ones, the next is refused.
#pragma once

#include <atomic>
#include <chrono>
#include <format>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"

namespace ployz {

class Patience {
 public:
  static constexpr size_t kMaxAsked = 16;

  // The question must keep alive what it uses, but for what outlives this object: its destructor waits
  // for every answer.
  template <class T>
  [[nodiscard]] std::future<Result<T>> ask(std::function<Result<T>()> question) {
    auto task = std::make_shared<std::packaged_task<Result<T>()>>(std::move(question));
    auto answer = task->get_future();
    if (start([task] { (*task)(); })) return answer;
    std::promise<Result<T>> refused;
    refused.set_value(fail(Code::unavailable, "earlier questions have not been answered yet"));
    return refused.get_future();
  }

  // `timeout` (effect none) when there is no answer until then.
  template <class T>
  [[nodiscard]] static Result<T> await(std::future<Result<T>>& answer,
                                       std::chrono::milliseconds limit) {
    if (answer.wait_for(limit) != std::future_status::ready) {
      return fail(Code::timeout, std::format("no answer in {} ms", limit.count()));
    }
    return answer.get();
  }

  template <class T>
  [[nodiscard]] Result<T> within(std::chrono::milliseconds limit,
                                 std::function<Result<T>()> question) {
    auto answer = ask<T>(std::move(question));
    return await<T>(answer, limit);
  }

 private:
  struct Asked {
    std::shared_ptr<std::atomic<bool>> done;
    std::jthread thread;
  };
  [[nodiscard]] bool start(std::function<void()> question) {
    const std::lock_guard lock(mutex_);
    std::erase_if(asked_, [](const Asked& one) { return one.done->load(); });
    if (asked_.size() >= kMaxAsked) return false;
    auto done = std::make_shared<std::atomic<bool>>(false);
    asked_.push_back({done, std::jthread([done, question = std::move(question)] {
                        question();
                        done->store(true);
                      })});
    return true;
  }

  std::mutex mutex_;
  std::vector<Asked> asked_;
};

}  // namespace ployz

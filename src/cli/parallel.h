// The same for many things at once, a bounded number at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace ployz::cli {

// Calls work(0) … work(count - 1), each once, and returns when all have ended.
template <class Work>
void in_parallel(size_t count, size_t at_once, const Work& work) {
  std::atomic<size_t> next = 0;
  const auto take = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < std::min(count, at_once); ++i) threads.emplace_back(take);
  take();
}

}  // namespace ployz::cli

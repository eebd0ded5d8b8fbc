// A stack that can be left and entered again: what a simulated thread runs on. All fibers of a
// program share one operating-system thread, so exactly one runs and switching costs no kernel
// scheduling.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>

namespace ployz::sim {

// Deep enough for JSON of kMaxJsonDepth; committed lazily, below it a guard page.
inline constexpr size_t kStackBytes = 256 << 10;

class Fiber {
 public:
  // Does not start: the first switch_to does. `body` must not return; it ends by switching away
  // for ever.
  explicit Fiber(std::function<void()> body);
  // The fiber that is running already: the program's own stack.
  Fiber() = default;
  // Destroying one that has not ended abandons what is on its stack, as a crash does: no
  // destructor of it runs.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Leaves `from`, which must be running, and runs this one. Returns when somebody switches back.
  void switch_from(Fiber& from);

 private:
  static void enter(unsigned high, unsigned low);

  std::function<void()> body_;
  void* stack_ = nullptr;
  ucontext_t context_{};
  // The C++ run-time's caught exceptions are per thread; a fiber takes its own along (Itanium
  // C++ ABI, 2.2.2).
  void* caught_exceptions_ = nullptr;
  unsigned uncaught_exceptions_ = 0;
};

}  // namespace ployz::sim

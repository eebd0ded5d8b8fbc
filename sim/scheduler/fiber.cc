#include "sim/scheduler/fiber.h"

#include <cxxabi.h>
#include <sys/mman.h>

#include <vector>

#include "base/check.h"

namespace ployz::sim {
namespace {

constexpr size_t kGuardBytes = 4096;

// As laid out by the ABI; <cxxabi.h> only declares the name.
struct EhGlobals {
  void* caught_exceptions;
  unsigned uncaught_exceptions;
};

EhGlobals& eh_globals() { return *reinterpret_cast<EhGlobals*>(abi::__cxa_get_globals()); }

// Stacks are reused: mapping and faulting them in again would cost more than the simulation.
std::vector<void*>& free_stacks() {
  static std::vector<void*> stacks;
  return stacks;
}

void* take_stack() {
  if (!free_stacks().empty()) {
    void* stack = free_stacks().back();
    free_stacks().pop_back();
    return stack;
  }
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  check(stack != MAP_FAILED, "out of address space for simulated threads");
  check(mprotect(stack, kGuardBytes, PROT_NONE) == 0, "mprotect failed");
  return stack;
}

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(take_stack()) {
  check(getcontext(&context_) == 0, "getcontext failed");
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

Fiber::~Fiber() {
  if (stack_) free_stacks().push_back(stack_);
}

// makecontext(3) passes only ints.
void Fiber::enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Fiber*>(static_cast<uintptr_t>(high) << 32 | low);
  self->body_();
  check(false, "a fiber returned");
}

void Fiber::switch_from(Fiber& from) {
  EhGlobals& globals = eh_globals();
  from.caught_exceptions_ = globals.caught_exceptions;
  from.uncaught_exceptions_ = globals.uncaught_exceptions;
  globals.caught_exceptions = caught_exceptions_;
  globals.uncaught_exceptions = uncaught_exceptions_;
  check(swapcontext(&from.context_, &context_) == 0, "swapcontext failed");
}

}  // namespace ployz::sim

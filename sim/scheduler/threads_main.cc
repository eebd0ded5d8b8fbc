// POSIX threads, clocks and futexes of a simulating program, on fibers: these definitions take the
// place of glibc's (an executable's symbols come first, ld.so(8)), so that std::thread, std::mutex,
// std::condition_variable, std::stop_token, semaphores and the std::chrono clocks of unchanged
// production code are simulated. Linked into programs (hence the name), never into a library.
//
// Outside of Scheduler::run there is one thread: locks are only marked, clocks are real.
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>

#include "base/check.h"
#include "sim/scheduler/scheduler.h"

namespace {

using ployz::check;
using ployz::sim::Scheduler;

constexpr uint64_t kSecond = 1'000'000'000;
// 2023-11-14: virtual time begins here, so that ids and expiry times look as usual.
constexpr uint64_t kWallOffsetNs = 1'700'000'000 * kSecond;
constexpr uint64_t kSteadyOffsetNs = 1000 * kSecond;
// Of the moments a lock is taken, how many let another thread go first: finds races between
// two port calls at little cost.
constexpr uint64_t kYieldAtLockPpm = 30'000;

// glibc's own layout up to `kind`, which static initialisers of recursive mutexes set.
struct Mutex {
  int lock;
  unsigned count;
  uint32_t owner;
  unsigned users;
  int kind;
};
static_assert(sizeof(Mutex) <= sizeof(pthread_mutex_t));

struct RwLock {
  int readers;
  uint32_t writer;
};
static_assert(sizeof(RwLock) <= sizeof(pthread_rwlock_t));

uint32_t self_id() {
  Scheduler* scheduler = Scheduler::current();
  return static_cast<uint32_t>(scheduler ? scheduler->thread() : 1);
}

void count_lock(int change) {
  if (Scheduler* scheduler = Scheduler::current()) scheduler->locks_held() += change;
}

uint64_t offset_of(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? kWallOffsetNs
                                                                   : kSteadyOffsetNs;
}

uint64_t virtual_deadline(clockid_t clock, const timespec& at) {
  const uint64_t absolute = static_cast<uint64_t>(at.tv_sec) * kSecond +
                            static_cast<uint64_t>(at.tv_nsec);
  const uint64_t offset = offset_of(clock);
  return absolute > offset ? absolute - offset : 0;
}

bool take(Mutex* mutex) {
  const uint32_t self = self_id();
  if (mutex->lock == 0) {
    mutex->lock = 1;
    mutex->owner = self;
    mutex->count = 1;
    count_lock(1);
    return true;
  }
  if (mutex->kind == PTHREAD_MUTEX_RECURSIVE && mutex->owner == self) {
    ++mutex->count;
    return true;
  }
  return false;
}

int lock_until(Mutex* mutex, std::optional<uint64_t> deadline_ns) {
  while (!take(mutex)) {
    Scheduler* scheduler = Scheduler::current();
    check(scheduler != nullptr, "a deadlock outside of the simulation");
    if (!scheduler->park(mutex, deadline_ns, "for a mutex")) return ETIMEDOUT;
  }
  return 0;
}

void release(Mutex* mutex) {
  if (--mutex->count > 0) return;
  mutex->lock = 0;
  mutex->owner = 0;
  count_lock(-1);
  if (Scheduler* scheduler = Scheduler::current()) (void)scheduler->unpark(mutex, 1);
}

int wait_until(pthread_cond_t* condition, pthread_mutex_t* mutex,
               std::optional<uint64_t> deadline_ns) {
  Scheduler* scheduler = Scheduler::current();
  check(scheduler != nullptr, "waiting outside of the simulation");
  release(reinterpret_cast<Mutex*>(mutex));
  const bool woken = scheduler->park(condition, deadline_ns, "for a condition");
  (void)lock_until(reinterpret_cast<Mutex*>(mutex), std::nullopt);
  return woken ? 0 : ETIMEDOUT;
}

size_t notify(const void* address, size_t count) {
  Scheduler* scheduler = Scheduler::current();
  return scheduler ? scheduler->unpark(address, count) : 0;
}

long raw_syscall(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result = number;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// std::atomic::wait, semaphores and latches of libstdc++ (bits/atomic_wait.h).
long simulated_futex(const int* address, int operation, int value) {
  const int command = operation & FUTEX_CMD_MASK;
  if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET) {
    return static_cast<long>(notify(address, static_cast<size_t>(value)));
  }
  check(command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET, "an unknown futex operation");
  if (__atomic_load_n(address, __ATOMIC_SEQ_CST) != value) return -EAGAIN;
  (void)Scheduler::current()->park(address, std::nullopt, "for a futex");
  return 0;
}

}  // namespace

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t*, void* (*body)(void*),
                   void* argument) noexcept {
  Scheduler* scheduler = Scheduler::current();
  check(scheduler != nullptr, "a thread outside of the simulation");
  __libc_single_threaded = 0;  // or libstdc++ skips what only matters with several (stop_token)
  *thread = scheduler->spawn([body, argument] { (void)body(argument); });
  return 0;
}

int pthread_join(pthread_t thread, void**) {
  Scheduler::current()->join(thread);
  return 0;
}

int pthread_detach(pthread_t) noexcept { return 0; }
pthread_t pthread_self() noexcept { return self_id(); }

int pthread_mutex_init(pthread_mutex_t* mutex, const pthread_mutexattr_t*) noexcept {
  *mutex = {};
  return 0;
}
int pthread_mutex_destroy(pthread_mutex_t*) noexcept { return 0; }

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  Scheduler* scheduler = Scheduler::current();
  if (scheduler && scheduler->locks_held() == 0 &&
      scheduler->random().chance_ppm(kYieldAtLockPpm)) {
    scheduler->yield();
  }
  return lock_until(reinterpret_cast<Mutex*>(mutex), std::nullopt);
}
int pthread_mutex_trylock(pthread_mutex_t* mutex) noexcept {
  return take(reinterpret_cast<Mutex*>(mutex)) ? 0 : EBUSY;
}
int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const timespec* at) noexcept {
  return lock_until(reinterpret_cast<Mutex*>(mutex), virtual_deadline(clock, *at));
}
int pthread_mutex_timedlock(pthread_mutex_t* mutex, const timespec* at) noexcept {
  return pthread_mutex_clocklock(mutex, CLOCK_REALTIME, at);
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  release(reinterpret_cast<Mutex*>(mutex));
  return 0;
}

int pthread_cond_init(pthread_cond_t*, const pthread_condattr_t*) noexcept { return 0; }
int pthread_cond_destroy(pthread_cond_t*) noexcept { return 0; }
int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  return wait_until(condition, mutex, std::nullopt);
}
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* at) {
  return wait_until(condition, mutex, virtual_deadline(clock, *at));
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* at) {
  return wait_until(condition, mutex, virtual_deadline(CLOCK_REALTIME, *at));
}
int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  (void)notify(condition, 1);
  return 0;
}
int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  (void)notify(condition, SIZE_MAX);
  return 0;
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  auto* state = reinterpret_cast<RwLock*>(lock);
  while (state->writer != 0) (void)Scheduler::current()->park(lock, std::nullopt, "for a rwlock");
  ++state->readers;
  return 0;
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  auto* state = reinterpret_cast<RwLock*>(lock);
  while (state->writer != 0 || state->readers > 0) {
    (void)Scheduler::current()->park(lock, std::nullopt, "for a rwlock");
  }
  state->writer = self_id();
  return 0;
}
int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
  auto* state = reinterpret_cast<RwLock*>(lock);
  if (state->writer != 0) {
    state->writer = 0;
  } else {
    --state->readers;
  }
  (void)notify(lock, SIZE_MAX);
  return 0;
}

int sched_yield() noexcept {
  if (Scheduler* scheduler = Scheduler::current()) scheduler->yield();
  return 0;
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const Scheduler* scheduler = Scheduler::current();
  if (!scheduler) {
    return static_cast<int>(raw_syscall(SYS_clock_gettime, clock,
                                        reinterpret_cast<long>(now), 0, 0, 0, 0));
  }
  const uint64_t ns = scheduler->now_ns() + offset_of(clock);
  now->tv_sec = static_cast<time_t>(ns / kSecond);
  now->tv_nsec = static_cast<long>(ns % kSecond);
  return 0;
}

int clock_nanosleep(clockid_t, int flags, const timespec* duration, timespec*) {
  check((flags & TIMER_ABSTIME) == 0, "absolute sleeps are not simulated");
  Scheduler::current()->sleep_ns(static_cast<uint64_t>(duration->tv_sec) * kSecond +
                                 static_cast<uint64_t>(duration->tv_nsec));
  return 0;
}
int nanosleep(const timespec* duration, timespec* left) {
  return clock_nanosleep(CLOCK_MONOTONIC, 0, duration, left);
}

long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  long result = 0;
  if (number == SYS_futex && Scheduler::current()) {
    result = simulated_futex(reinterpret_cast<const int*>(a[0]), static_cast<int>(a[1]),
                             static_cast<int>(a[2]));
  } else {
    result = raw_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  }
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

}  // extern "C"

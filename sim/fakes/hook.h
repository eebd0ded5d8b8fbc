// Where the simulator reaches into the fakes: every port call begins and ends at a Hook, which may
// let time pass, let others run, crash the caller, or decide that the call goes wrong. Without a
// simulator (contract suites, unit tests) NoHook does nothing, and the fakes are ordinary
// thread-safe objects.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace ployz::sim {

// What becomes of one call.
enum class Fate {
  normal,
  refused,     // `unavailable`, effect none: the other side does not answer
  never,       // `timeout`, effect unknown: the request was lost
  reply_lost,  // `timeout`, effect unknown: it happened
  late,        // `timeout`, effect unknown: it happens some time after the caller gave up
};

// Which fates a call may have; the others stay `normal`.
enum class Kind {
  local,    // the machine's own engine, gateway, disk: normal or refused
  read,     // over the network: normal, refused or never (reported with effect none)
  write,    // over the network: any
};

class Hook {
 public:
  virtual ~Hook() = default;
  // A call arrives ("store.append", "shop at 3"). Blocks for its travel.
  virtual Fate enter(std::string_view call, std::string_view detail, Kind kind) = 0;
  // Its effect happened; blocks for the way back. Not called for failed fates.
  virtual void leave(std::string_view call, std::string_view result) = 0;
  // The caller of a call whose fate is `never`, `reply_lost` or `late` waits for its time limit.
  virtual void give_up() = 0;
  // Before a subscription delivers one item.
  virtual void deliver(std::string_view subscription) = 0;
  // Runs `effect` later, on nobody's thread; it does not block. Lost when the object owning the
  // hook ends first.
  virtual void later(std::chrono::milliseconds delay, std::function<void()> effect) = 0;
  // The process of the calling thread; and whether one still lives.
  virtual uint32_t process() = 0;
  virtual bool alive(uint32_t process) = 0;
  // A thread of that process.
  virtual std::jthread thread_in(uint32_t process, std::function<void()> body) = 0;
  // For a request: how many times it arrives (1 or 2), and by how much the reply or the second
  // arrival is delayed.
  struct Delivery {
    int copies = 1;
    std::chrono::milliseconds second_after{0};
    std::chrono::milliseconds late_by{0};
  };
  virtual Delivery delivery() = 0;
  // Whether a message gets from a thread of one process to another now.
  virtual bool carries(uint32_t from, uint32_t to) = 0;
};

}  // namespace ployz::sim

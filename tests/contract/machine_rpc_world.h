// Where the contract of MachineRpc is tried, and what its handlers wait for.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "ports/machine_rpc.h"

namespace ployz::contract {

class MachineRpcWorld {
 public:
  virtual ~MachineRpcWorld() = default;
  // Where machine "m1" calls from; and where "m1", "m2", "m3" and their routers serve.
  virtual MachineRpc& caller() = 0;
  virtual MachineRpc& server(const std::string& machine, Target target) = 0;
  // Returns when everybody knows who serves. Where machines have servers of their own that takes a
  // moment, in which a call finds nobody, or is lost.
  virtual void settle() {}
  // What a request may have, at least.
  virtual size_t big_request() { return 7 << 20; }
  // As in ControlStoreWorld.
  virtual bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                     const std::function<bool()>& done) = 0;
};

// Something handlers wait for. Opens when `needed` have arrived, or when told to.
class Gate {
 public:
  Gate(MachineRpcWorld& world, int needed) : world_(world), needed_(needed) {}
  ~Gate() { open(); }
  bool pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    return world_.await(lock, changed_, [this] { return open_ || arrived_ >= needed_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  MachineRpcWorld& world_;
  const int needed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

}  // namespace ployz::contract

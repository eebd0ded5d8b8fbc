// The links between the machines: which are cut, in which direction, until when. Containers and
// gateways talk directly; messages between daemons, and everything that is the store's, pass
// through the servers of the store that the two follow (leaf nodes, ARCHITECTURE.md). A machine that is
// paused or dead is away for everybody.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "sim/scheduler/random.h"

namespace ployz::sim {

using MachineIndex = size_t;
using StoreNumber = size_t;  // of those that were ever made; the first one's is 0

class Network {
 public:
  explicit Network(size_t machines)
      : machines_(machines),
        cut_until_(machines * machines, 0),
        away_until_(machines, 0),
        followed_(machines, 0) {}

  // A partition of a random shape: two sides, one machine alone, one direction of one link, or the
  // machine of the store in force from some others. Nothing with fewer than two machines.
  void partition(Random& random, uint64_t until_ns);
  void away(MachineIndex machine, uint64_t until_ns) {
    away_until_[machine] = std::max(away_until_[machine], until_ns);
    disturbed_ = true;
  }
  // Every link is whole again; who is away stays so.
  void heal() { std::ranges::fill(cut_until_, 0); }

  // Whether there ever was a partition, or anybody away.
  [[nodiscard]] bool was_disturbed() const { return disturbed_; }
  [[nodiscard]] bool is_away(MachineIndex machine, uint64_t now_ns) const {
    return now_ns < away_until_[machine];
  }
  // A packet of a container or gateway.
  [[nodiscard]] bool reaches(MachineIndex from, MachineIndex to, uint64_t now_ns) const {
    return now_ns >= open_at(from, to);
  }
  // A message of a daemon.
  [[nodiscard]] bool carries(MachineIndex from, MachineIndex to, uint64_t now_ns) const;

  // A machine runs a server of a store of so many, or does not any more.
  void serve(StoreNumber store, size_t of, MachineIndex machine);
  void stop_serving(StoreNumber store, MachineIndex machine);
  [[nodiscard]] bool serves(StoreNumber store, MachineIndex machine) const;
  // This machine's daemon and router are connected to that store from now on.
  void follow(MachineIndex machine, StoreNumber store);
  void in_force(StoreNumber store) { in_force_ = store; }
  // Whether a request gets to servers that can answer it, which for a store of several is most of them;
  // and whether an answer gets back.
  [[nodiscard]] bool store_hears(StoreNumber store, MachineIndex from, uint64_t now_ns) const;
  [[nodiscard]] bool store_answers(StoreNumber store, MachineIndex to, uint64_t now_ns) const;
  // What that machine's own store would tell its subscribers.
  [[nodiscard]] bool feeds(MachineIndex to, uint64_t now_ns) const {
    return store_answers(followed_[to], to, now_ns);
  }

 private:
  struct Servers {
    size_t of = 1;
    std::set<MachineIndex> running;
  };
  [[nodiscard]] bool has_most(const Servers& servers, MachineIndex at, uint64_t now_ns) const;
  [[nodiscard]] MachineIndex any_server(Random& random) const;
  [[nodiscard]] uint64_t open_at(MachineIndex from, MachineIndex to) const {
    if (from == to) return 0;
    return std::max({cut_until_[from * machines_ + to], away_until_[from], away_until_[to]});
  }
  void cut(MachineIndex from, MachineIndex to, uint64_t until_ns) {
    uint64_t& until = cut_until_[from * machines_ + to];
    until = std::max(until, until_ns);
    disturbed_ = true;
  }

  size_t machines_;
  std::vector<uint64_t> cut_until_;  // [from * machines + to]
  std::vector<uint64_t> away_until_;
  std::vector<StoreNumber> followed_;  // by machine
  std::map<StoreNumber, Servers> servers_;
  StoreNumber in_force_ = 0;
  bool disturbed_ = false;
};

inline constexpr uint64_t kForEver = std::numeric_limits<uint64_t>::max();

}  // namespace ployz::sim

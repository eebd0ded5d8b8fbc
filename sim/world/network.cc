#include "sim/world/network.h"

namespace ployz::sim {

void Network::partition(Random& random, uint64_t until_ns) {
  if (machines_ < 2) return;
  const uint64_t shape = random.below(5);
  if (shape == 0) {  // one direction of one link
    const MachineIndex from = random.below(machines_);
    const MachineIndex to = (from + 1 + random.below(machines_ - 1)) % machines_;
    cut(from, to, until_ns);
    return;
  }
  std::vector<bool> side(machines_, false);
  bool both_ways = true;
  if (shape == 1) {  // one machine alone
    side[random.below(machines_)] = true;
  } else if (shape == 2) {  // a machine of the store from some, perhaps in one direction
    both_ways = random.coin();
    const bool towards = random.coin();
    const MachineIndex server = any_server(random);
    for (MachineIndex machine = 0; machine < machines_; ++machine) {
      if (machine == server || random.coin()) continue;
      if (both_ways || towards) cut(machine, server, until_ns);
      if (both_ways || !towards) cut(server, machine, until_ns);
    }
    return;
  } else {
    for (MachineIndex machine = 0; machine < machines_; ++machine) side[machine] = random.coin();
    both_ways = shape == 3;
  }
  for (MachineIndex from = 0; from < machines_; ++from) {
    for (MachineIndex to = 0; to < machines_; ++to) {
      if (side[from] == side[to]) continue;
      if (both_ways || side[from]) cut(from, to, until_ns);
    }
  }
}

MachineIndex Network::any_server(Random& random) const {
  const auto& running = servers_.at(in_force_).running;
  if (running.empty()) return 0;
  auto server = running.begin();
  if (running.size() > 1) std::advance(server, random.below(running.size()));
  return *server;
}

bool Network::carries(MachineIndex from, MachineIndex to, uint64_t now_ns) const {
  if (from == to) return true;
  if (followed_[from] != followed_[to]) return false;
  const auto found = servers_.find(followed_[from]);
  if (found == servers_.end()) return false;
  for (const MachineIndex first : found->second.running) {
    if (!reaches(from, first, now_ns)) continue;
    for (const MachineIndex last : found->second.running) {
      if (reaches(first, last, now_ns) && reaches(last, to, now_ns)) return true;
    }
  }
  return false;
}

void Network::serve(StoreNumber store, size_t of, MachineIndex machine) {
  Servers& servers = servers_[store];
  servers.of = of;
  servers.running.insert(machine);
}

void Network::stop_serving(StoreNumber store, MachineIndex machine) {
  servers_[store].running.erase(machine);
}

bool Network::serves(StoreNumber store, MachineIndex machine) const {
  const auto found = servers_.find(store);
  return found != servers_.end() && found->second.running.contains(machine);
}

void Network::follow(MachineIndex machine, StoreNumber store) {
  followed_[machine] = store;
  disturbed_ = true;  // who follows another one does not hear of it for a while
}

bool Network::has_most(const Servers& servers, MachineIndex at, uint64_t now_ns) const {
  size_t connected = 0;
  for (const MachineIndex other : servers.running) {
    if (reaches(at, other, now_ns) && reaches(other, at, now_ns)) ++connected;
  }
  return 2 * connected > servers.of;
}

bool Network::store_hears(StoreNumber store, MachineIndex from, uint64_t now_ns) const {
  const auto found = servers_.find(store);
  if (found == servers_.end()) return false;
  return std::ranges::any_of(found->second.running, [&](MachineIndex server) {
    return reaches(from, server, now_ns) && has_most(found->second, server, now_ns);
  });
}

bool Network::store_answers(StoreNumber store, MachineIndex to, uint64_t now_ns) const {
  const auto found = servers_.find(store);
  if (found == servers_.end()) return false;
  return std::ranges::any_of(found->second.running, [&](MachineIndex server) {
    return reaches(server, to, now_ns) && has_most(found->second, server, now_ns);
  });
}

}  // namespace ployz::sim

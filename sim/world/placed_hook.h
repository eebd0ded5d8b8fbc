// Hooks of what is not at the other end of a daemon's own connection: one store among several, and the
// machines' peer ports.
#pragma once

#include "sim/world/sim_hook.h"

namespace ployz::sim {

class ForwardingHook : public Hook {
 public:
  explicit ForwardingHook(SimHook& hook) : hook_(hook) {}
  Fate enter(std::string_view call, std::string_view detail, Kind kind) override {
    return hook_.enter(call, detail, kind);
  }
  void leave(std::string_view call, std::string_view result) override { hook_.leave(call, result); }
  void give_up() override { hook_.give_up(); }
  void deliver(std::string_view subscription) override { hook_.deliver(subscription); }
  void later(std::chrono::milliseconds delay, std::function<void()> effect) override {
    hook_.later(delay, std::move(effect));
  }
  uint32_t process() override { return hook_.process(); }
  bool alive(uint32_t process) override { return hook_.alive(process); }
  std::jthread thread_in(uint32_t process, std::function<void()> body) override {
    return hook_.thread_in(process, std::move(body));
  }
  Delivery delivery() override { return hook_.delivery(); }
  bool carries(uint32_t from, uint32_t to) override { return hook_.carries(from, to); }

 protected:
  SimHook& hook_;
};

class StoreHook final : public ForwardingHook {
 public:
  StoreHook(SimHook& hook, StoreNumber store) : ForwardingHook(hook), store_(store) {}
  Fate enter(std::string_view call, std::string_view detail, Kind kind) override {
    return hook_.enter_store(store_, call, detail, kind);
  }

 private:
  StoreNumber store_;
};

class PeerHook final : public ForwardingHook {
 public:
  using ForwardingHook::ForwardingHook;
  Fate enter(std::string_view call, std::string_view detail, Kind kind) override {
    return hook_.enter_peer(call, detail, kind);
  }
  bool carries(uint32_t from, uint32_t to) override { return hook_.reaches(from, to); }
};

}  // namespace ployz::sim

// The Hook of the simulated world: every port call of a simulated process takes time, is a moment
// where others go on, and may be hit by a fault.
#pragma once

#include "model/names.h"
#include "sim/fakes/hook.h"
#include "sim/world/faults.h"
#include "sim/world/network.h"
#include "sim/world/trace.h"

namespace ployz::sim {

class SimHook final : public Hook {
 public:
  SimHook(Scheduler& scheduler, Trace& trace, Network& network, Random random)
      : scheduler_(scheduler), trace_(trace), network_(network), random_(random) {}

  // Faults happen from now on, until calm().
  void disturb(const Faults& faults) { faults_ = faults; }
  void calm();
  // What a crash does; does not return when the caller belongs to the process.
  void on_crash(std::function<void(ProcessId)> crash) { crash_ = std::move(crash); }
  // What befalls a whole machine; does not return when the caller runs on it and it dies.
  enum class Calamity { pause, death };
  void on_calamity(std::function<void(Calamity)> calamity) { calamity_ = std::move(calamity); }
  void call_it_router(ProcessId process) { routers_.insert(process); }
  // Where a process runs.
  void place(ProcessId process, MachineIndex machine) { machine_of_[process] = machine; }
  void name(const MachineId& id, MachineIndex machine) { index_of_[id.str()] = machine; }
  // How many faults hit calls of a machine's own engine, gateway, DNS and disk so far.
  [[nodiscard]] uint64_t local_faults() const { return local_faults_; }

  Fate enter(std::string_view call, std::string_view detail, Kind kind) override;
  // A call of one store, and one to a machine's peer port, whatever the two follow.
  Fate enter_store(StoreNumber store, std::string_view call, std::string_view detail, Kind kind);
  Fate enter_peer(std::string_view call, std::string_view detail, Kind kind);
  bool reaches(uint32_t from, uint32_t to);
  [[nodiscard]] bool reaches_both_ways(MachineIndex a, MachineIndex b) const {
    return network_.reaches(a, b, scheduler_.now_ns()) && network_.reaches(b, a, scheduler_.now_ns());
  }
  void leave(std::string_view call, std::string_view result) override;
  void give_up() override;
  void deliver(std::string_view subscription) override;
  void later(std::chrono::milliseconds delay, std::function<void()> effect) override;
  uint32_t process() override { return scheduler_.process(); }
  bool alive(uint32_t process) override { return scheduler_.alive(process); }
  std::jthread thread_in(uint32_t process, std::function<void()> body) override;
  Delivery delivery() override;
  bool carries(uint32_t from, uint32_t to) override;

 private:
  void travel(Kind kind);
  void maybe_crash(std::string_view when);
  void maybe_hang();
  void maybe_strike();
  Fate befall(std::string_view call, std::string_view detail, Kind kind,
              const std::function<std::optional<Fate>()>& cut);
  // What becomes of a call that has to leave this machine; nullopt: the way is free.
  std::optional<Fate> cut_fate(bool there, bool back, Kind kind);
  std::optional<Fate> rpc_cut_fate(std::string_view call, Kind kind);
  [[nodiscard]] std::optional<MachineIndex> destination(std::string_view call) const;
  [[nodiscard]] MachineIndex here() const { return machine_of_.at(scheduler_.process()); }
  Fate fate_of(std::string_view call, Kind kind);
  [[nodiscard]] uint64_t local_rate(std::string_view call) const;
  Fate store_fate(std::string_view call, Kind kind);
  Fate unknown_fate(Kind kind);

  Scheduler& scheduler_;
  Trace& trace_;
  Network& network_;
  Random random_;
  Faults faults_;
  std::function<void(ProcessId)> crash_;
  std::function<void(Calamity)> calamity_;
  std::set<ProcessId> routers_;
  std::map<ProcessId, MachineIndex> machine_of_;
  std::map<std::string, MachineIndex, std::less<>> index_of_;
  uint64_t store_back_at_ns_ = 0;
  uint64_t local_faults_ = 0;
};

}  // namespace ployz::sim

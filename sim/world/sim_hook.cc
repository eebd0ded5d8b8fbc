#include "sim/world/sim_hook.h"

namespace ployz::sim {
namespace {

constexpr uint64_t kMicrosecond = 1'000;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;
// What the NATS driver waits for an answer.
constexpr uint64_t kStoreTimeoutNs = 5 * kSecond;

// The point of no return is one call of some hundred: it gets its share of the faults.
// So do those calls that only some commands make, and few times.
uint64_t weight_of(std::string_view call) {
  if (call == "store.append") return 12;
  if (call == "store.append_transfer") return 6;
  if (call.starts_with("rpc.") && call.contains(".store_") && !call.ends_with("_epoch")) return 3;
  if (call.starts_with("transfers.") || call.starts_with("volumes.receive")) return 10;
  if (call.starts_with("volumes.") && call != "volumes.pool" && call != "volumes.list") return 4;
  if (call == "containers.pause" || call == "containers.unpause") return 5;
  return call.ends_with(".flip") ? 3 : 1;
}

std::string_view name_of(Fate fate) {
  switch (fate) {
    case Fate::normal: return "normal";
    case Fate::refused: return "refused";
    case Fate::never: return "lost";
    case Fate::reply_lost: return "reply lost";
    case Fate::late: return "late";
  }
  return "?";
}

}  // namespace

void SimHook::calm() {
  network_.heal();
  faults_ = {};
  store_back_at_ns_ = 0;
}

void SimHook::travel(Kind kind) {
  const uint64_t most = kind == Kind::local ? 500 * kMicrosecond : 2 * kMillisecond;
  uint64_t time_ns = random_.between(20 * kMicrosecond, most);
  if (random_.chance_ppm(faults_.slow)) time_ns += random_.below(8 * kSecond);
  scheduler_.sleep_ns(time_ns);
}

void SimHook::maybe_crash(std::string_view when) {
  const ProcessId process = scheduler_.process();
  const bool router = routers_.contains(process);
  const uint64_t rate = router ? faults_.crash_router : faults_.crash_daemon;
  if (!random_.chance_ppm(rate * weight_of(when))) return;
  trace_.note("crash", when);
  trace_.counts.add(Count::crashes);
  crash_(process);
}

void SimHook::maybe_hang() {
  if (random_.chance_ppm(faults_.stall)) {
    trace_.note("stall", "");
    trace_.counts.add(Count::hangs);
    scheduler_.sleep_ns(random_.between(5 * kSecond, 60 * kSecond));
  }
  if (!random_.chance_ppm(faults_.pause)) return;
  const ProcessId process = scheduler_.process();
  trace_.note("pause", scheduler_.name_of(process));
  trace_.counts.add(Count::hangs);
  scheduler_.after_ns(random_.between(1 * kSecond, 60 * kSecond),
                      [this, process] { scheduler_.resume_process(process); });
  scheduler_.pause_process(process);
}

void SimHook::maybe_strike() {
  if (random_.chance_ppm(faults_.partition)) {
    trace_.note("partition", "");
    trace_.counts.add(Count::partitions);
    const uint64_t most = random_.below(4) > 0 ? 20 * kSecond : 120 * kSecond;
    network_.partition(random_, scheduler_.now_ns() + random_.between(kSecond / 10, most));
  }
  if (random_.chance_ppm(faults_.machine_pause)) calamity_(Calamity::pause);
  if (random_.chance_ppm(faults_.machine_death)) calamity_(Calamity::death);
}

Fate SimHook::enter(std::string_view call, std::string_view detail, Kind kind) {
  return befall(call, detail, kind, [&] { return rpc_cut_fate(call, kind); });
}

Fate SimHook::enter_store(StoreNumber store, std::string_view call, std::string_view detail,
                          Kind kind) {
  return befall(call, detail, kind, [&] {
    const uint64_t now_ns = scheduler_.now_ns();
    return cut_fate(network_.store_hears(store, here(), now_ns),
                    network_.store_answers(store, here(), now_ns), kind);
  });
}

Fate SimHook::enter_peer(std::string_view call, std::string_view detail, Kind kind) {
  return befall(call, detail, kind, [&]() -> std::optional<Fate> {
    const auto to = destination(call);
    if (!to) return std::nullopt;
    return cut_fate(network_.reaches(here(), *to, scheduler_.now_ns()), true, kind);
  });
}

Fate SimHook::befall(std::string_view call, std::string_view detail, Kind kind,
                     const std::function<std::optional<Fate>()>& cut) {
  trace_.note(call, detail);
  if (scheduler_.process() == kWorld) return Fate::normal;
  travel(kind);
  maybe_crash(call);
  maybe_hang();
  maybe_strike();
  if (const auto lost = cut()) {
    trace_.note(call, "cut");
    trace_.counts.add(Count::cut_calls);
    return *lost;
  }
  const Fate fate = fate_of(call, kind);
  if (fate != Fate::normal) {
    trace_.note(call, name_of(fate));
    if (kind == Kind::local) ++local_faults_;
    if (call == "transfers.read") trace_.counts.add(Count::cut_streams);
    trace_.counts.add(fate == Fate::refused ? Count::refused_calls : Count::unknown_writes);
  }
  return fate;
}

void SimHook::leave(std::string_view call, std::string_view result) {
  if (scheduler_.process() == kWorld) return;
  trace_.note(call, result);
  if (result == "full") trace_.counts.add(Count::full_pools);
  maybe_crash(call);
  travel(Kind::local);
}

void SimHook::give_up() {
  if (scheduler_.process() != kWorld) scheduler_.sleep_ns(kStoreTimeoutNs);
}

void SimHook::deliver(std::string_view subscription) {
  if (scheduler_.process() == kWorld) return;
  travel(Kind::read);
  maybe_crash(subscription);
  maybe_hang();
  if (!subscription.starts_with("store.")) return;
  // A subscription survives while the store is away or cut off, and is silent.
  if (store_back_at_ns_ > scheduler_.now_ns()) {
    scheduler_.sleep_ns(store_back_at_ns_ - scheduler_.now_ns());
  }
  while (!network_.feeds(here(), scheduler_.now_ns())) {
    scheduler_.sleep_ns(kSecond / 5);
  }
}

bool SimHook::carries(uint32_t from, uint32_t to) {
  const auto a = machine_of_.find(from);
  const auto b = machine_of_.find(to);
  if (a == machine_of_.end() || b == machine_of_.end()) return true;
  return network_.carries(a->second, b->second, scheduler_.now_ns());
}

std::optional<MachineIndex> SimHook::destination(std::string_view call) const {
  if (!call.starts_with("rpc.")) return std::nullopt;
  call.remove_prefix(4);
  const auto found = index_of_.find(call.substr(0, call.find('.')));
  if (found == index_of_.end()) return std::nullopt;
  return found->second;
}

// On the way there it is lost, or refused at once when the cut is known already. On the way back
// only the answer is lost; a store's answer shares the fate of its request, an agent's is decided
// when it is given (carries).
std::optional<Fate> SimHook::cut_fate(bool there, bool back, Kind kind) {
  if (!there) {
    const uint64_t choice = random_.below(3);
    if (choice == 0) return Fate::refused;
    return choice == 1 && kind == Kind::write ? Fate::late : Fate::never;
  }
  if (back) return std::nullopt;
  return kind == Kind::write ? Fate::reply_lost : Fate::never;
}

std::optional<Fate> SimHook::rpc_cut_fate(std::string_view call, Kind kind) {
  const auto to = destination(call);
  if (!to) return std::nullopt;
  return cut_fate(network_.carries(here(), *to, scheduler_.now_ns()), true, kind);
}

bool SimHook::reaches(uint32_t from, uint32_t to) {
  const auto a = machine_of_.find(from);
  const auto b = machine_of_.find(to);
  if (a == machine_of_.end() || b == machine_of_.end()) return true;
  return network_.reaches(a->second, b->second, scheduler_.now_ns());
}

void SimHook::later(std::chrono::milliseconds delay, std::function<void()> effect) {
  scheduler_.after_ns(static_cast<uint64_t>(delay.count()) * kMillisecond, std::move(effect));
}

std::jthread SimHook::thread_in(uint32_t process, std::function<void()> body) {
  std::jthread thread;
  scheduler_.as_process(process, [&] { thread = std::jthread(std::move(body)); });
  return thread;
}

Hook::Delivery SimHook::delivery() {
  Delivery delivery;
  if (random_.chance_ppm(faults_.rpc_duplicated)) delivery.copies = 2;
  // Some at once, some after everything is over.
  delivery.second_after = std::chrono::milliseconds(random_.below(random_.coin() ? 20 : 60'000));
  delivery.late_by = std::chrono::milliseconds(random_.between(10, random_.coin() ? 8'000 : 90'000));
  return delivery;
}

Fate SimHook::fate_of(std::string_view call, Kind kind) {
  if (call.starts_with("store.")) return store_fate(call, kind);
  if (call.starts_with("rpc.")) {
    if (random_.chance_ppm(faults_.rpc_refused)) return Fate::refused;
    return random_.chance_ppm(faults_.rpc_lost) ? unknown_fate(kind) : Fate::normal;
  }
  if (!random_.chance_ppm(local_rate(call))) return Fate::normal;
  switch (random_.below(3)) {
    case 0: return Fate::never;
    case 1: return Fate::reply_lost;
    default: return Fate::refused;
  }
}

uint64_t SimHook::local_rate(std::string_view call) const {
  if (call.starts_with("transfers.")) return faults_.stream_broken;
  const bool only_looks = call == "volumes.pool" || call == "volumes.list" || call == "volumes.find";
  if (call.starts_with("volumes.") && !only_looks) return faults_.volumes_failed;
  return faults_.local_failed * weight_of(call);
}

Fate SimHook::store_fate(std::string_view call, Kind kind) {
  if (store_back_at_ns_ > scheduler_.now_ns()) return Fate::refused;
  if (random_.chance_ppm(faults_.store_away)) {
    trace_.note("store", "away");
    store_back_at_ns_ = scheduler_.now_ns() + random_.between(kSecond / 10, 40 * kSecond);
    return Fate::refused;
  }
  if (random_.chance_ppm(faults_.store_refused)) return Fate::refused;
  const uint64_t rate = faults_.store_lost * weight_of(call);
  return random_.chance_ppm(rate) ? unknown_fate(kind) : Fate::normal;
}

Fate SimHook::unknown_fate(Kind kind) {
  if (kind == Kind::read) return Fate::never;
  switch (random_.below(3)) {
    case 0: return Fate::never;
    case 1: return Fate::reply_lost;
    default: return Fate::late;
  }
}

}  // namespace ployz::sim

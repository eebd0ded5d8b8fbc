// One machine by itself: does it answer, its units, clock, network, disk and pool.
#include <algorithm>
#include <format>

#include "doctor/findings.h"
#include "ports/containers.h"

namespace ployz::doctor {
namespace {

const PeerFacts* peer_of(const Checkup& checkup, const Machine& machine) {
  const auto it =
      std::ranges::find(checkup.peers, machine.wireguard_public_key, &PeerFacts::public_key);
  return it == checkup.peers.end() ? nullptr : &*it;
}

const MachineView* view_of(const ClusterView& view, const MachineId& id) {
  const auto it =
      std::ranges::find(view.machines, id, [](const MachineView& one) { return one.machine.id; });
  return it == view.machines.end() ? nullptr : &*it;
}

// ", last handshake with m1 42 s ago": what the asking machine's tunnel says of a silent one.
std::string tunnel_text(const ClusterView& view, const Machine& silent) {
  const MachineView* self = view_of(view, view.self);
  if (self == nullptr || !self->checkup || silent.id == view.self) return "";
  const PeerFacts* peer = peer_of(*self->checkup, silent);
  if (peer == nullptr || !peer->handshake_age_ms) return "; no handshake with it";
  return std::format("; last handshake with it {} ago", duration_text(*peer->handshake_age_ms));
}

// What the one who asks knows the store's epoch as; 0: unknown.
uint64_t our_epoch(const ClusterView& view) {
  const MachineView* self = view_of(view, view.self);
  return view.epoch != 0 || self == nullptr || !self->checkup ? view.epoch : self->checkup->epoch;
}

// It answers on its peer port, which needs no NATS.
void say_alive(const ClusterView& view, const MachineView& machine, Findings& findings) {
  const PeerHello& hello = *machine.hello;
  const bool stores = machine.machine.stores;
  std::string what;
  if (!hello.connected) {
    what = std::format("is alive, but {}: NATS does not answer there",
                       stores ? "without its store" : "cut off from the store");
  } else if (view.store_silent && !stores) {
    what = "is alive; more cannot be asked while the store does not answer";
  } else {
    what = std::format("is alive{}: NATS answers there, but nothing of it arrives here",
                       stores ? "" : ", but cut off from the store");
  }
  const uint64_t ours = our_epoch(view);
  const bool elsewhere = ours != 0 && hello.epoch != ours;
  if (elsewhere) {
    what += std::format("; it knows epoch {} of the store, and this machine epoch {}", hello.epoch,
                        ours);
  }
  const bool explained = view.store_silent && !stores && hello.connected && !elsewhere;
  findings.on_it(explained ? Severity::warning : Severity::error, "machine", std::move(what),
                 "systemctl status ployz-nats ployz-wireguard");
}

// ", nor on its peer port (…)".
std::string peer_port_text(const MachineView& machine) {
  if (!machine.peer_silent) return "";
  return std::format(", nor on its peer port ({})", machine.peer_silent->message);
}

void say_silent(const ClusterView& view, const MachineView& machine, Findings& findings) {
  const Error error = machine.silent.value_or(
      Error{Code::unavailable, Effect::none, "nothing is known of it", "", {}});
  if (error.code == Code::unsupported) {
    findings.on_it(Severity::warning, "version",
                   "runs a version of Ployz that cannot be examined: " + error.message,
                   "ployzctl --version");
  } else if (machine.answers_ping) {
    findings.on_it(Severity::error, "machine",
                   "its daemon answers, but not all of its parts do: " + error.message,
                   "journalctl -u ployzd -u docker -n 50");
  } else if (machine.hello) {
    say_alive(view, machine, findings);
  } else if (machine.peer_silent && machine.peer_silent->code == Code::denied) {
    findings.on_it(
        Severity::error, "machine",
        "is alive, but does not take this machine for a member: " + machine.peer_silent->message,
        "ployzctl machine ls");
  } else {
    findings.on_it(Severity::error, "machine",
                   std::format("does not answer{}: {}{}", peer_port_text(machine), error.message,
                               tunnel_text(view, machine.machine)),
                   "systemctl status ployzd ployz-nats ployz-wireguard");
  }
}

void look_at_unit(const UnitFacts& unit, uint64_t now_ms, Findings& findings) {
  const std::string log = std::format("journalctl -u {} -n 50", unit.name);
  const uint64_t since = now_ms > unit.since_ms ? now_ms - unit.since_ms : 0;
  if (unit.active_state == "active") {
    if (unit.restarts == 0 || unit.since_ms == 0 || since >= kUnsteadyMs) return;
    findings.on_it(Severity::warning, "unit",
                   std::format("{} has ended by itself {} times, the last time {} ago", unit.name,
                               unit.restarts, duration_text(since)),
                   log);
  } else if (unit.sub_state == "auto-restart") {
    findings.on_it(
        Severity::error, "unit",
        std::format("{} ends whenever it is started ({} times)", unit.name, unit.restarts), log);
  } else if (unit.active_state == "activating" || unit.active_state == "reloading") {
    findings.on_it(
        Severity::warning, "unit",
        std::format("{} is {} for {}", unit.name, unit.active_state, duration_text(since)), log);
  } else {
    findings.on_it(Severity::error, "unit",
                   std::format("{} is {} ({})", unit.name, unit.active_state, unit.sub_state),
                   "systemctl start " + unit.name, Fix{FixKind::start_unit, unit.name});
  }
}

// Of a clock that was read at some moment between asking and the last answer.
void look_at_clock(const ClusterView& view, const Checkup& checkup, Findings& findings) {
  const uint64_t clock = checkup.facts.clock_ms;
  const bool ahead = clock > view.answered_at_ms;
  const uint64_t off = ahead                      ? clock - view.answered_at_ms
                       : clock < view.asked_at_ms ? view.asked_at_ms - clock
                                                  : 0;
  if (off < kClockWarningMs) return;
  findings.on_it(off < kClockErrorMs ? Severity::warning : Severity::error, "clock",
                 std::format("its clock is {:.1f} s {} that of the machine that asks",
                             static_cast<double>(off) / 1000, ahead ? "ahead of" : "behind"),
                 "timedatectl set-ntp true");
}

void look_at_peers(const ClusterView& view, const MachineView& machine, Findings& findings) {
  if (machine.checkup->errors.contains("peers")) return;
  for (const Machine& other : view.members) {
    if (other.id == machine.machine.id) continue;
    const MachineView* there = view_of(view, other.id);
    if (there != nullptr && !there->checkup && !there->answers_ping) continue;  // said already
    const PeerFacts* peer = peer_of(*machine.checkup, other);
    if (peer == nullptr) {
      findings.on_it(Severity::error, "peer",
                     std::format("its tunnel does not know {}", other.name),
                     "systemctl restart ployzd");
    } else if (!peer->handshake_age_ms || *peer->handshake_age_ms > kHandshakeLimitMs) {
      findings.on_it(
          Severity::error, "peer",
          std::format("no handshake with {} {} (endpoint {})", other.name,
                      peer->handshake_age_ms ? "for " + duration_text(*peer->handshake_age_ms)
                                             : std::string("yet"),
                      peer->endpoint.empty() ? "unknown" : peer->endpoint),
          "ping -c 3 " + other.overlay_address);
    }
  }
}

void look_at_routes(const ClusterView& view, const MachineView& machine, Findings& findings) {
  if (machine.checkup->errors.contains("routes")) return;
  const auto leads = [&](std::string_view destination, bool bridge) {
    return std::ranges::any_of(machine.checkup->routes, [&](const NetworkRoute& route) {
      return route.destination == destination && (route.device == kContainerBridge) == bridge;
    });
  };
  if (!leads(machine.machine.subnet, true)) {
    findings.on_it(Severity::error, "route",
                   std::format("no route to its containers: {} does not lead to the bridge {}",
                               machine.machine.subnet, kContainerBridge),
                   "ployzctl mesh start");
  }
  if (!leads(view.cluster_cidr, false)) {
    findings.on_it(Severity::error, "route",
                   std::format("no route to the other machines: {} does not lead into the tunnel",
                               view.cluster_cidr),
                   "ployzctl mesh start");
  }
}

void look_at_disk(const Checkup& checkup, Findings& findings) {
  if (checkup.errors.contains("disk")) return;
  const uint64_t free = checkup.facts.disk_free_bytes;
  if (free >= kDiskWarningBytes) return;
  findings.on_it(free < kDiskErrorBytes ? Severity::error : Severity::warning, "disk",
                 std::format("{} are free on the disk of Ployz's data", bytes_text(free)),
                 "docker system df");
}

void look_at_pool(const Checkup& checkup, Findings& findings) {
  if (!checkup.facts.pool || checkup.facts.pool->size_bytes == 0) return;
  const StoragePool& pool = *checkup.facts.pool;
  const auto percent = static_cast<uint64_t>(100.0 * static_cast<double>(pool.free_bytes) /
                                             static_cast<double>(pool.size_bytes));
  if (percent >= kPoolWarningPercent) return;
  findings.anywhere(percent < kPoolErrorPercent ? Severity::error : Severity::warning, "pool",
                    std::format("{} of {} ({}%) are free in its pool of volumes",
                                bytes_text(pool.free_bytes), bytes_text(pool.size_bytes), percent),
                    "ployzctl volume ls --unreferenced");
}

// With the store away that is what is said, but for a copy that cannot become the store.
void look_at_copy(const ClusterView& view, const CopyFacts& copy, Findings& findings) {
  if (copy.whole && !view.store_silent && copy.behind_ms >= kCopyWarningMs) {
    findings.on_it(
        copy.behind_ms < kCopyErrorMs ? Severity::warning : Severity::error, "copy",
        std::format("its copy of the store was last seen to have everything {} ago: it has commit "
                    "{} of {}",
                    duration_text(copy.behind_ms), copy.commits, copy.stored_commits),
        "journalctl -u ployzd -u 'ployz-nats*' -n 50");
  } else if (!copy.whole && (view.store_silent || copy.behind_ms >= kCopyWarningMs)) {
    findings.on_it(Severity::error, "copy",
                   "its copy of the store is not whole: it cannot become the store",
                   "journalctl -u ployzd -u 'ployz-nats*' -n 50");
  }
}

struct Remedy {
  std::string_view topic;
  std::string_view what;
  std::string_view run;
};

Remedy remedy_of(const std::string& part) {
  if (part == "containers") return {"containers", "its containers", "systemctl restart docker"};
  if (part == "pool") return {"pool", "its pool of volumes", "systemctl restart ployz-pool"};
  if (part == "datasets") return {"pool", "its datasets", "journalctl -u ployzd -n 50"};
  if (part == "peers") return {"peer", "its tunnel", "systemctl restart ployz-wireguard"};
  if (part == "disk") return {"disk", "its disk", "df -h"};
  if (part == "memory") return {"machine", "its memory", "cat /proc/meminfo"};
  if (part == "routes") return {"route", "its routes", "ip route"};
  return {"unit", part, "systemctl daemon-reload"};
}

}  // namespace

void look_at_machine(const ClusterView& view, const MachineView& machine, Findings findings) {
  if (!machine.checkup) return say_silent(view, machine, findings);
  const Checkup& checkup = *machine.checkup;
  for (const auto& [part, why] : checkup.errors) {
    const Remedy remedy = remedy_of(part);
    findings.on_it(Severity::error, std::string(remedy.topic),
                   std::format("{} cannot be looked at: {}", remedy.what, why),
                   std::string(remedy.run));
  }
  for (const UnitFacts& unit : checkup.units) {
    look_at_unit(unit, checkup.facts.clock_ms, findings);
  }
  look_at_clock(view, checkup, findings);
  look_at_peers(view, machine, findings);
  look_at_routes(view, machine, findings);
  look_at_disk(checkup, findings);
  look_at_pool(checkup, findings);
  if (checkup.copy) look_at_copy(view, *checkup.copy, findings);
  if (view.epoch != 0 && checkup.epoch != view.epoch) {
    findings.on_it(
        Severity::error, "store",
        std::format("knows epoch {} of the store, which is at {}", checkup.epoch, view.epoch),
        "systemctl restart ployzd");
  }
}

}  // namespace ployz::doctor

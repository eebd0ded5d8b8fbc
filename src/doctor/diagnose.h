// From what was read to what is wrong. Pure: no clock, no I/O; the same view gives the same findings.
//
// A view is read in this order: members, then the machines' facts, then commits and operations. What
// changes meanwhile is no finding: of a namespace with an operation that was unfinished, or ended
// while the machines were asked, nothing is said but that operation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "doctor/checkup.h"
#include "doctor/finding.h"
#include "model/admission.h"
#include "model/commit.h"
#include "model/invite.h"
#include "model/machine.h"
#include "model/operation.h"
#include "ports/peer_calls.h"
#include "ports/router_status.h"

namespace ployz {

// A peer without a handshake for longer has no session (REJECT_AFTER_TIME in
// wireguard.com/papers/wireguard.pdf, 6.1); keepalives renew it every two minutes.
inline constexpr uint64_t kHandshakeLimitMs = 180'000;
// A machine whose clock is further off is not let in (mesh/newcomer.h); a member's may drift there.
inline constexpr uint64_t kClockWarningMs = 2'000;
inline constexpr uint64_t kClockErrorMs = 5'000;
// How long a unit must have run to be called steady again.
inline constexpr uint64_t kUnsteadyMs = 10 * 60'000;
inline constexpr uint64_t kDiskWarningBytes = 2ull << 30;
inline constexpr uint64_t kDiskErrorBytes = 256ull << 20;
// Of the pool's size. Copy-on-write needs room even to delete.
inline constexpr uint64_t kPoolWarningPercent = 10;
inline constexpr uint64_t kPoolErrorPercent = 3;

// A copy of the store looks every two seconds; after the store was away it comes back within half a
// minute (docs/adr/0014), a few times in a row if that restarts again, and one that is made has
// everything within as much.
inline constexpr uint64_t kCopyWarningMs = 3 * 60'000;
inline constexpr uint64_t kCopyErrorMs = 60 * 60'000;
// An invite that nobody has come by is named when a quarter of its life is left, and no more than this;
// an admission when this is left.
inline constexpr uint64_t kInviteSoonMs = 10 * 60'000;
inline constexpr uint64_t kAdmissionSoonMs = 5 * 60'000;

struct MachineView {
  Machine machine;
  std::optional<Checkup> checkup;
  std::optional<Error> silent;  // when there is none: why
  bool answers_ping = false;    // its agent did, whether or not all of its parts do
  // Of a machine that is silent over NATS, what came of asking its peer port; neither: not asked.
  std::optional<PeerHello> hello;
  std::optional<Error> peer_silent;
  std::optional<RouterStatus> router;
  std::optional<Error> router_silent;
};

struct PreparedView {
  OperationId id;
  std::string kind;
  NamespaceName name_space;
  uint64_t expires_at_ms = 0;
};

struct ClusterView {
  MachineId self;  // who asked
  std::string cluster_cidr;
  uint64_t asked_at_ms = 0;     // by self's clock
  uint64_t answered_at_ms = 0;  // when the last of them had answered
  std::optional<Error> store_silent;  // then what follows is what was known without it
  uint64_t epoch = 0;                 // that the store says; 0: unknown
  std::vector<Machine> members;  // with the store silent: as this machine saw them last
  std::vector<MachineView> machines;  // of those that were to be looked at
  bool whole = true;                  // all of them
  std::map<NamespaceName, CommitEntry> newest;  // tombstones too
  std::vector<std::string> unreadable;          // commits that do not parse: where and why
  std::vector<Operation> operations;
  std::vector<PreparedView> prepared;
  std::vector<Invite> invites;
  std::vector<Admission> admissions;
  std::map<NamespaceName, std::vector<CommitEntry>> history;  // that histories_to_read() wanted
};

// The namespaces whose former commits may explain datasets and snapshots that nothing else does. Of
// one that then is not in `history`, nothing is said.
[[nodiscard]] std::set<NamespaceName> histories_to_read(const ClusterView& view);

// Sorted: errors first, then by machine. What concerns no single machine only of a `whole` view.
[[nodiscard]] std::vector<Finding> diagnose(const ClusterView& view);
// That, and who was looked at.
[[nodiscard]] DoctorReport report_of(const ClusterView& view);

}  // namespace ployz

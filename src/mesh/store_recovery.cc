#include "mesh/store_recovery.h"

#include <algorithm>
#include <format>
#include <tuple>

namespace ployz {
namespace {

Status check_gone(const StoreEpoch& store, const Machine& machine, const MirrorReach& reach) {
  if (reach.epoch > store.epoch) {
    return fail(Code::precondition,
                std::format("machine {} follows epoch {} of the store, this one {}", machine.name,
                            reach.epoch, store.epoch),
                "the store has moved: this machine follows in a moment");
  }
  if (!store.includes(machine.id)) return {};
  return fail(Code::precondition,
              std::format("machine {} holds the store, and it is alive", machine.name),
              "nothing has to be lost; there: systemctl status ployz-nats ployz-nats-b");
}

std::string reach_text(const MirrorReach& reach) {
  return std::format("commit {} and {} writes of records", reach.commits, reach.records);
}

Status check_here(const Machine& self, const CopyFound& best, const MirrorReach* own) {
  if (best.machine == self.id) return {};
  const std::string here = own != nullptr && own->complete ? "this one's " + reach_text(*own)
                                                           : "this one's is not complete";
  return fail(Code::precondition,
              std::format("the copy of machine {} is the most advanced: it has {}; {}", best.name,
                          reach_text(best.reach), here),
              "run this there: ployzctl machine storage recover on " + best.name);
}

}  // namespace

Result<RecoveryReport> plan_recovery(const Machine& self, const StoreEpoch& store,
                                     const std::vector<Machine>& members,
                                     const std::map<MachineId, MirrorReach>& answers) {
  RecoveryReport report;
  report.before = store;
  StoreReach stored;
  for (const Machine& machine : members) {
    const auto answer = answers.find(machine.id);
    if (answer == answers.end()) {
      report.silent.push_back(machine.name);
      continue;
    }
    const MirrorReach& reach = answer->second;
    TRY(check_gone(store, machine, reach));
    if (reach.recovering && machine.id != self.id) {
      return fail(Code::conflict, std::format("machine {} is restoring the store", machine.name),
                  "wait for that; if it ended without success, run it again there");
    }
    // Of an older epoch it is a copy of another store, whose sequences say nothing here.
    if (!reach.complete || reach.epoch != store.epoch) {
      report.incomplete.push_back(machine.name);
      continue;
    }
    report.copies.push_back({machine.id, machine.name, reach});
    stored.commits = std::max(stored.commits, reach.stored_commits);
    stored.records = std::max(stored.records, reach.stored_records);
  }
  std::ranges::sort(report.copies, {}, [&](const CopyFound& found) {
    return std::tuple(~found.reach.commits, ~found.reach.records, found.machine != self.id,
                      found.machine);
  });
  if (report.copies.empty()) {
    return fail(Code::precondition, "no machine that answers has a complete copy of the store",
                "bring back one that does, or the store's own machine");
  }
  const CopyFound& best = report.copies.front();
  const auto own = answers.find(self.id);
  TRY(check_here(self, best, own == answers.end() ? nullptr : &own->second));
  report.missing = {stored.commits - best.reach.commits,
                    stored.records > best.reach.records ? stored.records - best.reach.records : 0};
  report.after = {store.epoch + 1, {{self.id, self.overlay_address}}};
  return report;
}

}  // namespace ployz

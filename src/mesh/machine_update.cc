#include "mesh/machine_update.h"

#include <algorithm>
#include <format>
#include <set>
#include <utility>

#include "base/join.h"
#include "base/ulid.h"
#include "engine/session.h"
#include "mesh/machine_state.h"
#include "mesh/roster.h"

namespace ployz {
namespace {

using Fate = MachineUpdated::Fate;
using std::chrono::milliseconds;

// A daemon that has just started answers before it is connected to all around it.
constexpr uint64_t kSettleMs = 10'000;
// A package of some 20 MB, over a slow line.
constexpr milliseconds kFetch{120'000};
constexpr milliseconds kAsk{5'000};
constexpr milliseconds kPoll{2'000};
// Each is lost only to somebody who changed this very record.
constexpr std::string_view kArrow = " → ";

RpcAddress agent(const MachineId& machine, std::string_view command) {
  return {machine, Target::agent, std::string(command)};
}

// The journal's entry: who is meant, and from which version to which.
class Update : public MachineOperation {
 public:
  Update(KeyValue& records, Clock& clock, Operation fresh, std::vector<Change> changes)
      : MachineOperation(records, clock, std::move(fresh), std::move(changes)) {}
  Update(KeyValue& records, Clock& clock, JournaledOperation found)
      : MachineOperation(records, clock, std::move(found)) {}

  static Update of(KeyValue& records, Clock& clock, const OperationId& id, const MachineId& self,
                   const std::vector<MachineUpdated>& steps) {
    Operation fresh = begin(kMachineUpdate, id, self, steps.front().machine);
    fresh.plan.claims.clear();
    std::vector<Change> changes;
    for (const MachineUpdated& step : steps) {
      Claim claim;
      claim.machine = step.machine;
      fresh.plan.claims.push_back(std::move(claim));
      fresh.plan.machine_names[step.machine] = step.name;
      changes.push_back({step.fate == Fate::unchanged ? Change::Kind::keep : Change::Kind::replace,
                         "machine " + step.name,
                         std::format("{}{}{}", step.from, kArrow, step.to)});
    }
    return {records, clock, std::move(fresh), std::move(changes)};
  }

  // What was asked for, to be asked again.
  [[nodiscard]] UpdateRequest request() const {
    UpdateRequest request;
    for (const Claim& claim : operation().plan.claims) {
      request.machines.push_back(claim.machine.str());
    }
    if (operation().plan.changes.empty()) return request;
    const std::string& detail = operation().plan.changes.front().detail;
    const size_t arrow = detail.find(kArrow);
    if (arrow != std::string::npos) request.version = detail.substr(arrow + kArrow.size());
    return request;
  }
};

// Of the same version for the same machines.
bool asks_the_same(const UpdateRequest& earlier, const std::string& version,
                   const std::vector<MachineUpdated>& steps) {
  std::set<std::string> now;
  for (const MachineUpdated& step : steps) now.insert(step.machine.str());
  return earlier.version == version &&
         std::set<std::string>(earlier.machines.begin(), earlier.machines.end()) == now;
}

}  // namespace

struct MachineUpdate::Run {
  UpdateReport report;
  std::vector<Holder> holders;
  std::optional<Update> journal;
  const Events& events;
  std::stop_token cancel;
};

void MachineUpdate::note(const Run& run, std::string text, Event::Kind kind) {
  if (!run.events) return;
  run.events({run.report.operation, ports_.clock.wall_ms(), Phase::apply, kind, std::move(text)});
}

Result<std::vector<UpdateMember>> MachineUpdate::ask_members() {
  const Roster roster = TRY(read_roster(ports_.records));
  std::vector<UpdateMember> members;
  for (const Machine& machine : roster.machines) members.push_back({machine, {}, {}});
  const uint64_t until = ports_.clock.steady_ms() + kSettleMs;
  while (true) {
    std::vector<UpdateMember*> asked;
    std::vector<MachineRpc::Call> calls;
    for (UpdateMember& member : members) {
      if (member.state && member.state->problems.empty()) continue;
      asked.push_back(&member);
      calls.push_back({agent(member.machine.id, kUpdateState), {{"examine", true}}});
    }
    if (asked.empty()) return members;
    const auto answers = ports_.rpc.call_all(calls, config_.ask);
    bool well = true;
    for (size_t i = 0; i < asked.size(); ++i) {
      const Result<Json>& answer = answers[i];
      auto state = answer ? update_state_from_json(*answer)
                          : Result<UpdateState>(fail(answer.error()));
      asked[i]->state.reset();
      asked[i]->silent.reset();
      if (state) {
        asked[i]->state = *std::move(state);
      } else {
        asked[i]->silent = std::move(state).error();
      }
      well = well && asked[i]->state && asked[i]->state->problems.empty();
    }
    if (well || ports_.clock.steady_ms() >= until) return members;
    ports_.clock.sleep_for(config_.again, {});
  }
}

// This machine's own first: then a package that was just given is the one that is meant.
Result<std::vector<MachineUpdate::Holder>> MachineUpdate::find_package(
    const UpdateRequest& request, const std::vector<UpdateMember>& members) {
  if (request.preview && !request.architecture.empty()) {
    return std::vector{Holder{config_.self, {request.version, request.architecture, "", 0}}};
  }
  std::vector<MachineRpc::Call> calls;
  for (const UpdateMember& member : members) {
    if (member.state) calls.push_back({agent(member.machine.id, kPackageList), Json::object()});
  }
  const auto answers = ports_.rpc.call_all(calls, config_.ask);
  std::vector<Holder> holders;
  std::set<std::string> kept;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!answers[i]) continue;
    for (const Json& json : TRY(get_array(*answers[i], "packages"))) {
      Package package = TRY(package_from_json(json));
      kept.insert(package.version);
      if (package.version == request.version) {
        holders.push_back({calls[i].to.machine, std::move(package)});
      }
    }
  }
  if (holders.empty()) {
    return fail(Code::not_found,
                std::format("no machine keeps a package of version {}", request.version),
                kept.empty() ? "give one: --deb FILE"
                             : std::format("give one: --deb FILE; kept are: {}", join(kept)));
  }
  std::ranges::stable_partition(
      holders, [&](const Holder& holder) { return holder.machine == config_.self; });
  return holders;
}

Result<UpdateReport> MachineUpdate::run(const UpdateRequest& request, const Events& events,
                                        std::stop_token cancel) {
  Run run{{}, {}, {}, events, std::move(cancel)};
  UpdateReport& report = run.report;
  report.version = request.version;
  report.preview = request.preview;
  UpdateView view;
  view.self = config_.self;
  view.version = request.version;
  view.machines = request.machines;
  const auto unfinished = TRY(unfinished_of(ports_.records, kMachineUpdate));
  if (!unfinished.empty()) view.going_on = unfinished.front().operation.id;
  view.members = TRY(ask_members());
  run.holders = TRY(find_package(request, view.members));
  view.architecture = run.holders.front().package.architecture;
  report.machines = TRY(plan_update(view));
  const bool nothing = std::ranges::all_of(
      report.machines, [](const MachineUpdated& step) { return step.fate == Fate::unchanged; });
  if (request.preview) {
    for (MachineUpdated& step : report.machines) {
      if (step.fate == Fate::waiting) step.fate = Fate::planned;
    }
    return std::move(report);
  }
  // Of those that were updated when nobody was there to write it.
  for (const MachineUpdated& step : report.machines) {
    if (step.fate == Fate::unchanged) (void)record_version(step.machine, step.to);
  }
  if (nothing && unfinished.empty()) return std::move(report);
  TRY(begin(run));
  Status done = work(run);
  if (!done && done.error().effect == Effect::unknown) return fail(std::move(done).error());
  if (!done) report.error = std::move(done).error();
  report.outcome = !report.error                         ? Outcome::committed
                   : report.error->code == Code::canceled ? Outcome::aborted
                                                          : Outcome::failed;
  if (run.journal->was_taken_over()) return std::move(report);
  if (Status ended = run.journal->end(report.outcome, report.error); !ended && !report.error) {
    report.error = std::move(ended).error();
  }
  return std::move(report);
}

// Goes on with the same one that was cut off; another one that was is over, as far as it came.
Status MachineUpdate::begin(Run& run) {
  for (JournaledOperation& found : TRY(unfinished_of(ports_.records, kMachineUpdate))) {
    Update earlier(ports_.records, ports_.clock, std::move(found));
    TRY(earlier.take_over(config_.self));
    if (!run.journal && asks_the_same(earlier.request(), run.report.version, run.report.machines)) {
      run.report.operation = earlier.id();
      run.journal.emplace(std::move(earlier));
      continue;
    }
    TRY(earlier.end(Outcome::aborted, Error{Code::canceled, Effect::none,
                                            "given up for another update", "", {}}));
  }
  if (!run.journal) {
    run.report.operation = OperationId(new_ulid(ports_.clock, ports_.entropy));
    run.journal.emplace(Update::of(ports_.records, ports_.clock, run.report.operation, config_.self,
                                   run.report.machines));
    TRY(run.journal->save());
  }
  note(run, std::format("version {} for {} machines", run.report.version,
                        run.report.machines.size()));
  return {};
}

Status MachineUpdate::work(Run& run) {
  const auto waits = [](const MachineUpdated& step) { return step.fate == Fate::waiting; };
  for (MachineUpdated& step : run.report.machines) {
    if (!waits(step)) continue;
    if (Status sent = send(run, step); !sent) {
      Error error = std::move(sent).error().at("sending the package to machine " + step.name);
      error.effect = Effect::none;  // a package too many harms nobody
      return fail(std::move(error));
    }
  }
  for (MachineUpdated& step : run.report.machines) {
    if (run.cancel.stop_requested()) return fail(Code::canceled, "canceled");
    if (!waits(step)) continue;
    // Whoever took this over has the next write refused here, before a machine is touched.
    TRY(run.journal->save());
    note(run, std::format("{}: {}{}{}", step.name, step.from, kArrow, step.to),
         Event::Kind::step_started);
    Status updated = update(run, step);
    if (!updated && updated.error().effect == Effect::unknown) return updated;
    if (!updated) {
      note(run, std::format("{}: {}", step.name, updated.error().line()), Event::Kind::step_failed);
      step.error = updated.error();
      return fail(std::move(updated).error().at("machine " + step.name));
    }
    step.fate = Fate::updated;
    note(run, std::format("{}: {} is installed and healthy", step.name, step.to),
         Event::Kind::step_done);
  }
  return {};
}

Status MachineUpdate::send(Run& run, const MachineUpdated& step) {
  const Package& package = run.holders.front().package;
  const bool has = std::ranges::any_of(run.holders, [&](const Holder& holder) {
    return holder.machine == step.machine && holder.package == package;
  });
  if (has) return {};
  const std::string transfer =
      std::format("{}-{}-{}", run.report.operation.str(), step.machine.str(),
                  run.journal->operation().attempt);
  const Json offered =
      TRY(ports_.rpc.call(agent(run.holders.front().machine, kPackageOffer),
                          {{"transfer", transfer}, {"version", package.version}}, kAsk));
  const PackageFetch fetch{transfer, package, TRY(get_string(offered, "key")),
                           TRY(get_string(offered, "address"))};
  TRY(ports_.rpc.call(agent(step.machine, kPackageFetch), to_json(fetch), kFetch));
  note(run, std::format("{}: has the package", step.name));
  return {};
}

// Over NATS, or else over the peer port.
Result<UpdateState> MachineUpdate::state_of(const MachineId& machine) {
  auto answer = ports_.rpc.call(agent(machine, kUpdateState), {{"examine", false}}, kPoll);
  if (!answer) answer = ports_.peers.call(agent(machine, kUpdateState), Json::object(), kPoll);
  return update_state_from_json(TRY(std::move(answer)));
}

// What its daemon does not hear may have been begun all the same, so it is asked again until it says so.
Status MachineUpdate::install(Run& run, const MachineUpdated& step) {
  const UpdateInstall install{run.report.operation, step.to};
  const uint64_t until = ports_.clock.steady_ms() + static_cast<uint64_t>(config_.machine.count());
  while (true) {
    const auto begun =
        ports_.rpc.call(agent(step.machine, kUpdateInstall), to_json(install), kAsk);
    if (begun) return {};
    const Code code = begun.error().code;
    const bool again =
        code == Code::conflict || code == Code::unavailable || code == Code::timeout;
    if (!again || ports_.clock.steady_ms() >= until) {
      Error error = begun.error();
      error.effect = Effect::none;  // the next call finds out
      return fail(std::move(error));
    }
    if (!ports_.clock.sleep_for(config_.again, run.cancel)) {
      return fail(Code::canceled, "canceled");
    }
  }
}

Status MachineUpdate::update(Run& run, MachineUpdated& step) {
  const bool self = step.machine == config_.self;
  const auto interrupted = [&]() -> Status {
    if (self) {
      return fail(Code::unavailable, "this machine's daemon is being replaced",
                  "the same command goes on", Effect::unknown);
    }
    step.fate = Fate::failed;
    return fail(Code::canceled, std::format("canceled; machine {} ends its update by itself",
                                            step.name));
  };
  if (Status begun = install(run, step); !begun) {
    if (begun.error().code == Code::canceled) return interrupted();
    step.fate = Fate::failed;
    return begun;
  }
  const uint64_t until = ports_.clock.steady_ms() + static_cast<uint64_t>(config_.machine.count());
  while (true) {
    const auto state = state_of(step.machine);
    const bool ours = state && state->last && state->last->operation == run.report.operation;
    if (ours && has_ended(state->last->stage)) {
      const UpdateNote& last = *state->last;
      if (last.stage == UpdateStage::done) {
        // That it serves is certain; a record that could not be written is only not up to date.
        (void)record_version(step.machine, step.to);
        return {};
      }
      step.fate = last.stage == UpdateStage::back ? Fate::back : Fate::failed;
      return fail(Code::precondition,
                  last.stage == UpdateStage::back
                      ? std::format("it is of version {} again: {}", last.from, last.error)
                      : last.error,
                  "on that machine: journalctl -u ployz-update -u ployzd");
    }
    // Its updater was stopped, such as by a restart of the machine: begun again, it goes on.
    if (state && !state->updating) (void)install(run, step);
    if (ports_.clock.steady_ms() >= until) {
      step.fate = Fate::failed;
      return fail(Code::unavailable, "nothing was heard of its update for five minutes",
                  "on that machine: journalctl -u ployz-update -u ployzd");
    }
    if (!ports_.clock.sleep_for(config_.again, run.cancel)) return interrupted();
  }
}

Status MachineUpdate::record_version(const MachineId& id, const std::string& version) {
  const auto change = [&](Machine& now) -> Result<bool> {
    return std::exchange(now.version, version) != version;
  };
  const auto recorded = change_machine(ports_.records, ports_.clock, id, change);
  if (recorded || recorded.error().code == Code::not_found) return {};
  return fail(recorded.error());
}

Result<Operation> MachineUpdate::resume(const OperationId& id, const Events& events,
                                        std::stop_token cancel) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  if (found->operation.ended()) return std::move(found->operation);
  TRY(run(Update(ports_.records, ports_.clock, *found).request(), events, std::move(cancel)));
  auto now = TRY(find_operation(ports_.records, id));
  return now ? std::move(now->operation) : std::move(found->operation);
}

Result<Operation> MachineUpdate::abort(const OperationId& id) {
  auto found = TRY(find_operation(ports_.records, id));
  if (!found) return fail(Code::not_found, std::format("no operation {}", id.str()));
  if (found->operation.ended()) return std::move(found->operation);
  Update update(ports_.records, ports_.clock, *std::move(found));
  TRY(update.take_over(config_.self));
  TRY(update.end(Outcome::aborted,
                 Error{Code::canceled, Effect::none, "canceled",
                       "which machine has which version: ployzctl machine ls", {}}));
  return update.operation();
}

}  // namespace ployz

// Reads what doctor looks at, and changes nothing. In this order (doctor/diagnose.h): members, the
// machines' facts, commits and operations. Each has a bound, so that whoever is silent is named
// within two seconds (product.md), and nobody is waited for longer. With the store away, who is a
// member is what this machine saw last.
#include <algorithm>
#include <cstdlib>
#include <format>

#include "backend.h"
#include "doctor/diagnose.h"
#include "engine/prepared.h"
#include "mesh/roster.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStorePatience{700};     // for each of the readings, at least
constexpr milliseconds kMachinePatience{1200};  // for all machines at once
constexpr milliseconds kPeerPatience{1100};     // over the peer port, at the same time
constexpr milliseconds kGrace{100};             // for an answer that is as good as there
constexpr milliseconds kAllPatience{1900};      // what nobody else needed is left to the store
constexpr size_t kDoctorOperations = 1000;
constexpr size_t kDoctorHistory = 1000;  // commits of a namespace that may explain its datasets

milliseconds left_of(std::chrono::steady_clock::time_point began) {
  const auto elapsed = std::chrono::steady_clock::now() - began;
  return std::max(kStorePatience, std::chrono::ceil<milliseconds>(kAllPatience - elapsed));
}

// Every member, or those with these names or ids.
Result<std::vector<Machine>> chosen(const std::vector<Machine>& members,
                                    const std::vector<std::string>& names) {
  if (names.empty()) return members;
  std::vector<Machine> machines;
  for (const std::string& name : names) {
    const auto found = std::ranges::find_if(members, [&](const Machine& machine) {
      return machine.name == name || machine.id.str() == name;
    });
    if (found == members.end()) {
      return fail(Code::not_found, std::format("no machine '{}'", name), "ployzctl machine ls");
    }
    if (!std::ranges::contains(machines, found->id, &Machine::id)) machines.push_back(*found);
  }
  return machines;
}

template <class T>
void keep(Result<T> answer, std::optional<T>& value, std::optional<Error>& silent) {
  if (answer) {
    value = *std::move(answer);
  } else {
    silent = std::move(answer).error();
  }
}

// What of a view the store says.
struct StoreReading {
  uint64_t epoch = 0;
  std::map<NamespaceName, CommitEntry> newest;
  std::vector<std::string> unreadable;
  std::vector<Operation> operations;
  std::vector<PreparedView> prepared;
};

Status read_commits(CommitLog& commits, StoreReading& reading) {
  for (const StoredCommit& stored : TRY(commits.newest_of_all())) {
    auto commit = decode_commit(stored.bytes);
    if (commit) {
      reading.newest[stored.name_space] = {stored.sequence, *std::move(commit)};
    } else {
      reading.unreadable.push_back(std::format("commit {} of {} does not parse: {}",
                                               stored.sequence, stored.name_space.str(),
                                               commit.error().message));
    }
  }
  return {};
}

Status read_records(KeyValue& records, StoreReading& reading) {
  if (const auto epoch = TRY(records.get(Bucket::meta, kStoreEpochKey))) {
    reading.epoch = std::strtoull(epoch->value.c_str(), nullptr, 10);  // 0: unknown
  }
  for (const Record& record : TRY(records.list(Bucket::plans))) {
    const auto prepared = decode_prepared(record.value);
    if (!prepared) continue;  // a newer Ployz may know it
    reading.prepared.push_back(
        {prepared->id, prepared->plan.kind, prepared->plan.name_space, prepared->expires_at_ms});
  }
  return {};
}

using Histories = std::map<NamespaceName, std::vector<CommitEntry>>;

Result<Histories> read_histories(CommitLog& commits, const std::set<NamespaceName>& names) {
  Histories histories;
  for (const NamespaceName& name : names) {
    auto& history = histories[name];
    for (const StoredCommit& stored : TRY(commits.history(name, kDoctorHistory))) {
      if (auto commit = decode_commit(stored.bytes)) {
        history.push_back({stored.sequence, *std::move(commit)});
      }
    }
  }
  return histories;
}

// What came of asking the others' peer ports: in the order of the machines, this one's included.
using Hellos = std::vector<Result<Json>>;

// At the same time as over NATS, because who is silent there is known only when the time is up.
std::future<Result<Hellos>> ask_peers(const std::shared_ptr<Member>& member,
                                      const std::vector<Machine>& machines, Patience& patience) {
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : machines) {
    calls.push_back({{machine.id, Target::agent, std::string(kPeerHello)}, Json::object()});
  }
  return patience.ask<Hellos>([member, calls = std::move(calls)]() -> Result<Hellos> {
    return member->peers().call_all(calls, kPeerPatience);
  });
}

void hear_peers(std::future<Result<Hellos>> asked, milliseconds limit, ClusterView& view) {
  const auto is_silent = [&](const MachineView& one) {
    return !one.checkup && !one.answers_ping && one.machine.id != view.self;
  };
  if (!std::ranges::any_of(view.machines, is_silent)) return;
  auto hellos = Patience::await<Hellos>(asked, limit);
  if (!hellos) return;  // too many questions hang: nothing is said of it
  for (size_t i = 0; i < view.machines.size(); ++i) {
    MachineView& one = view.machines[i];
    if (is_silent(one)) {
      keep(std::move((*hellos)[i]).and_then(peer_hello_from_json), one.hello, one.peer_silent);
    }
  }
}

// This machine is asked without the network, so that it is known when that is what is broken.
void ask_machines(const std::shared_ptr<Member>& member, const std::vector<Machine>& machines,
                  Patience& patience, ClusterView& view) {
  std::future<Result<Checkup>> here;
  if (std::ranges::contains(machines, view.self, &Machine::id)) {
    here = patience.ask<Checkup>([member]() -> Result<Checkup> { return member->checkup(); });
  }
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : machines) {
    calls.push_back({{machine.id, Target::agent, std::string(kCheckup)}, Json::object()});
    calls.push_back({{machine.id, Target::agent, "ping"}, Json::object()});
    calls.push_back({{machine.id, Target::router, "status"}, Json::object()});
  }
  const auto began = std::chrono::steady_clock::now();
  auto hellos = ask_peers(member, machines, patience);
  auto answers = member->rpc().call_all(calls, kMachinePatience);
  for (size_t i = 0; i < machines.size(); ++i) {
    MachineView one;
    one.machine = machines[i];
    const bool self = one.machine.id == view.self;
    keep(self ? Patience::await<Checkup>(here, kGrace)
              : std::move(answers[3 * i]).and_then(checkup_from_json),
         one.checkup, one.silent);
    one.answers_ping = self || answers[3 * i + 1].has_value();
    keep(std::move(answers[3 * i + 2]).and_then(router_status_from_json), one.router,
         one.router_silent);
    view.machines.push_back(std::move(one));
  }
  const auto elapsed = std::chrono::steady_clock::now() - began;
  hear_peers(std::move(hellos),
             std::chrono::ceil<milliseconds>(kMachinePatience - elapsed) + kGrace, view);
}

// The members as this machine saw them last; itself at the least.
std::vector<Machine> last_seen(Member& member) {
  std::vector<Machine> machines = *member.last_seen();
  const Machine& self = member.identity().machine;
  if (!std::ranges::contains(machines, self.id, &Machine::id)) machines.push_back(self);
  return machines;
}

}  // namespace

Result<DoctorReport> Backend::doctor(const std::vector<std::string>& names) {
  return report_of(TRY(look_at(names)));
}

Result<ClusterView> Backend::look_at(const std::vector<std::string>& names) {
  const auto began = std::chrono::steady_clock::now();
  const auto member = TRY(node_.member());
  ClusterView view;
  view.self = member->identity().machine.id;
  view.cluster_cidr = node_.config().cluster_cidr;
  view.whole = names.empty();
  auto roster =
      patience_.within<Roster>(kStorePatience, [member] { return read_roster(member->records()); });
  if (roster) {
    view.members = std::move(roster->machines);
    for (auto& recorded : roster->invites) view.invites.push_back(std::move(recorded.invite));
    for (auto& recorded : roster->admissions) {
      view.admissions.push_back(std::move(recorded.admission));
    }
  } else {
    view.store_silent = std::move(roster).error();
    view.members = last_seen(*member);
  }
  const auto machines = TRY(chosen(view.members, names));
  view.asked_at_ms = node_.drivers().clock.wall_ms();
  ask_machines(member, machines, patience_, view);
  view.answered_at_ms = node_.drivers().clock.wall_ms();
  if (!view.store_silent) read_store(member, began, view);
  return view;
}

void Backend::read_store(const std::shared_ptr<Member>& member,
                         std::chrono::steady_clock::time_point began, ClusterView& view) {
  auto reading = patience_.within<StoreReading>(left_of(began), [member]() -> Result<StoreReading> {
    StoreReading fresh;
    TRY(read_commits(member->commits(), fresh));
    TRY(read_records(member->records(), fresh));
    fresh.operations = TRY(member->engine().operations(kDoctorOperations));
    member->admissions().tell_outcomes(fresh.operations);
    return fresh;
  });
  if (!reading) {
    view.store_silent = std::move(reading).error();
    return;
  }
  view.epoch = reading->epoch;
  view.newest = std::move(reading->newest);
  view.unreadable = std::move(reading->unreadable);
  view.operations = std::move(reading->operations);
  view.prepared = std::move(reading->prepared);
  const auto wanted = histories_to_read(view);
  if (wanted.empty()) return;
  // Without them nothing is said of what only they explain.
  if (auto histories = patience_.within<Histories>(
          left_of(began), [member, wanted] { return read_histories(member->commits(), wanted); })) {
    view.history = *std::move(histories);
  }
}

}  // namespace ployz

// The part of the API that is about the network and its machines.
#include <algorithm>
#include <chrono>
#include <format>

#include "backend.h"
#include "components.h"
#include "mesh/roster.h"
#include "mesh/rtt.h"
#include "ports/step_request.h"

namespace ployz {
namespace {

// A machine that does not answer is shown as silent within 2 s (product.md).
constexpr auto kMachineTimeout = std::chrono::milliseconds(1500);

struct Answers {
  Result<Json> facts;
  Result<Json> ping;
};

MachineReport report_of(const Machine& machine, const Answers& answers) {
  MachineReport report;
  report.machine = machine;
  auto facts = answers.facts ? machine_facts_from_json(*answers.facts)
                             : Result<MachineFacts>(fail(answers.facts.error()));
  if (!facts) {
    report.silent = std::move(facts).error();
    return report;
  }
  facts->machine = machine.id;
  facts->router_answers = answers.ping.has_value();
  report.facts = *std::move(facts);
  return report;
}

// How long the agent of each machine took to answer a question that costs it nothing, in
// microseconds, each on a thread of its own; 0: it did not. `beside` runs meanwhile.
std::vector<uint64_t> measure_round_trips(const std::vector<Machine>& machines, MachineRpc& rpc,
                                          Executor& executor, std::function<void()> beside) {
  std::vector<uint64_t> trips(machines.size(), 0);
  std::vector<std::function<void()>> tasks{std::move(beside)};
  for (size_t i = 0; i < machines.size(); ++i) {
    tasks.push_back([&, i] {
      const auto began = std::chrono::steady_clock::now();
      const auto answer = rpc.call({machines[i].id, Target::agent, "ping"}, Json::object(),
                                   kMachineTimeout);
      if (!answer) return;
      const auto took = std::chrono::steady_clock::now() - began;
      const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
      trips[i] = std::max<uint64_t>(static_cast<uint64_t>(us), 1);
    });
  }
  executor.run_all(std::move(tasks), kMachineTimeout, {});
  return trips;
}

void add_tunnel(MachineReport& report, const std::vector<PeerStatus>& peers) {
  const auto peer = std::ranges::find(peers, report.machine.wireguard_public_key,
                                      &PeerStatus::public_key);
  if (peer == peers.end()) return;
  report.endpoint = peer->endpoint;
  report.handshake_age_ms = peer->handshake_age_ms;
}

}  // namespace

Progress Backend::progress_to(const EventSink& events) {
  return [this, &events](std::string text) {
    events(Event{{}, node_.drivers().clock.wall_ms(), Phase::apply, Event::Kind::note,
                 std::move(text)});
  };
}

Result<MeshReport> Backend::mesh_init(const MeshInitRequest& request, const EventSink& events) {
  const bool created = TRY(node_.found_network(request.name, progress_to(events)));
  MeshReport report = TRY(mesh());
  report.created = created;
  return report;
}

Result<MeshReport> Backend::mesh_join(const JoinBundle& bundle, const EventSink& events) {
  const bool created = TRY(node_.join_network(bundle, progress_to(events)));
  MeshReport report = TRY(mesh());
  report.created = created;
  return report;
}

Result<bool> Backend::mesh_stop(bool force, const EventSink& events) {
  return node_.stop_network(force, progress_to(events));
}

Result<bool> Backend::mesh_start(const EventSink& events) {
  return node_.start_network(progress_to(events));
}

Status Backend::mesh_destroy(bool force, bool keep_data, const EventSink& events) {
  return node_.leave_network(force, keep_data, progress_to(events));
}

Result<MeshReport> Backend::mesh() {
  const auto member = TRY(node_.member());
  const Config config = node_.config();
  MeshReport report;
  report.name = member->identity().network;
  report.cluster_cidr = config.cluster_cidr;
  report.cluster_domain = config.cluster_domain;
  report.gateway_domain = config.gateway_domain;
  report.gateway_address =
      std::format("{}:{}", config.gateway_listen_addr.host, config.gateway_listen_addr.port);
  report.epoch = member->identity().store.epoch;
  if (const auto roster = read_roster(member->records())) {
    report.machines = roster->machines.size();
    report.store_machines =
        static_cast<uint64_t>(std::ranges::count(roster->machines, true, &Machine::stores));
  }
  for (const ComponentReport& part : components_of(*member, node_.drivers())) {
    if (!part.healthy) report.not_ready.push_back(part.name + ": " + part.detail);
  }
  return report;
}

Result<std::vector<MachineReport>> Backend::machines() {
  const Reading from = TRY(reading());
  const auto& member = from.member;
  const Roster roster = TRY(read_roster(from.store.records));
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : roster.machines) {
    calls.push_back({{machine.id, Target::agent, "facts"}, to_json(FactsRequest{})});
    calls.push_back({{machine.id, Target::router, "ping"}, Json::object()});
  }
  std::vector<Result<Json>> answers;
  const std::vector<uint64_t> trips = measure_round_trips(
      roster.machines, member->rpc(), node_.drivers().executor,
      [&] { answers = member->rpc().call_all(calls, kMachineTimeout); });
  const auto peers = node_.drivers().overlay.peers();
  std::vector<MachineReport> reports;
  for (size_t i = 0; i < roster.machines.size(); ++i) {
    MachineReport report =
        report_of(roster.machines[i], {answers[2 * i], answers[2 * i + 1]});
    if (report.facts) report.round_trip_us = trips[i];
    report.self = report.machine.id == member->identity().machine.id;
    if (peers) add_tunnel(report, *peers);
    reports.push_back(std::move(report));
  }
  std::ranges::sort(reports, {}, [](const MachineReport& report) { return report.machine.name; });
  return reports;
}

Result<SelfRecord> Backend::self_record() { return node_.self_record(); }

Result<JoinBundle> Backend::machine_admit(const AdmitRequest& request, const EventSink& events,
                                          std::stop_token cancel) {
  return TRY(node_.member())
      ->admissions()
      .admit(request.record, request.name, events, std::move(cancel));
}

Result<MachineReport> Backend::machine_activate(const MachineId& machine, const EventSink& events,
                                                std::stop_token cancel) {
  const auto member = TRY(node_.member());
  MachineReport report;
  report.machine = TRY(member->admissions().activate(machine, events, std::move(cancel)));
  // It is a member now, whatever becomes of this question.
  if (auto all = machines()) {
    for (MachineReport& each : *all) {
      if (each.machine.id == machine) report = std::move(each);
    }
  }
  return report;
}

Status Backend::machine_withdraw(const MachineId& machine) {
  return TRY(node_.member())->admissions().withdraw(machine);
}

Result<std::vector<RttReport>> Backend::machine_rtt() {
  const auto member = TRY(node_.member());
  const Roster roster = TRY(read_roster(member->records()));
  std::vector<RttReport> reports;
  for (RoundTrips& trips : round_trips(roster.machines, member->rpc())) {
    reports.push_back({trips.from, trips.to, trips.median_us, trips.deviation_us, trips.samples,
                       trips.lost, std::move(trips.error)});
  }
  return reports;
}

}  // namespace ployz

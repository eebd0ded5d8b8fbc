// A healthy cluster of two machines as doctor sees it, for its tests to damage.
#pragma once

#include <format>
#include <string>
#include <utility>
#include <vector>

#include "doctor/diagnose.h"

namespace ployz::testing {

inline constexpr uint64_t kAskedMs = 1'700'000'000'000;

inline Checkup healthy_checkup(int number) {
  Checkup checkup;
  checkup.facts.machine = MachineId(std::format("machine-{}", number));
  checkup.facts.version = "1.0";
  checkup.facts.clock_ms = kAskedMs + 5;
  checkup.facts.disk_free_bytes = 50ull << 30;
  checkup.facts.pool = StoragePool{"btrfs", false, 100ull << 30, 60ull << 30, 1000};
  checkup.keeps_volumes = true;
  checkup.epoch = 1;
  checkup.units = {{"ployz-haproxy.service", "active", "running", 0, kAskedMs - 3'600'000}};
  checkup.peers = {{std::format("key-{}", 3 - number), "192.0.2.7:51820", 30'000}};
  checkup.routes = {{"10.101.0.0/16", "ployz-wg"},
                    {std::format("10.101.{}.0/24", number), "ployz0"}};
  return checkup;
}

inline MachineView healthy_machine(int number) {
  MachineView view;
  view.machine.id = MachineId(std::format("machine-{}", number));
  view.machine.name = std::format("m{}", number);
  view.machine.subnet = std::format("10.101.{}.0/24", number);
  view.machine.overlay_address = std::format("10.101.{}.1", number);
  view.machine.wireguard_public_key = std::format("key-{}", number);
  view.checkup = healthy_checkup(number);
  view.answers_ping = true;
  view.router = RouterStatus{"1.0", true, {}, {}, "", "", {}};
  return view;
}

// Namespace shop at commit 7: instance i1 of web on m1, with dataset d1 for volume data.
inline CommitEntry shop_commit() {
  CommitEntry entry;
  entry.sequence = 7;
  entry.commit.id = CommitId("commit-7");
  entry.commit.name_space = NamespaceName("shop");
  CommittedService web;
  web.service.name = ServiceName("web");
  web.instances = {{InstanceId("i1"), MachineId("machine-1"), "10.101.1.2"}};
  entry.commit.services = {web};
  CommittedVolume volume;
  volume.spec.name = VolumeName("data");
  volume.dataset = DatasetId("d1");
  volume.machine = MachineId("machine-1");
  entry.commit.volumes = {volume};
  return entry;
}

inline FoundInstance found_instance(std::string id) {
  FoundInstance found;
  found.id = InstanceId(std::move(id));
  found.name_space = NamespaceName("shop");
  found.service = ServiceName("web");
  found.operation = OperationId("op-1");
  found.state = InstanceState::running;
  return found;
}

inline Dataset found_dataset(std::string id, std::vector<std::string> snapshots) {
  Dataset dataset;
  dataset.spec.id = DatasetId(std::move(id));
  dataset.spec.name_space = NamespaceName("shop");
  dataset.spec.volume = VolumeName("data");
  dataset.spec.operation = OperationId("op-1");
  for (std::string& name : snapshots) {
    dataset.snapshots.push_back({SnapshotName(std::move(name)), "guid", kAskedMs});
  }
  return dataset;
}

inline ClusterView healthy_cluster() {
  ClusterView view;
  view.self = MachineId("machine-1");
  view.cluster_cidr = "10.101.0.0/16";
  view.asked_at_ms = kAskedMs;
  view.answered_at_ms = kAskedMs + 100;
  view.epoch = 1;
  view.machines = {healthy_machine(1), healthy_machine(2)};
  const NamespaceName shop("shop");
  for (MachineView& machine : view.machines) {
    view.members.push_back(machine.machine);
    machine.router->gateway[shop] = 7;
    machine.router->dns[shop] = 7;
  }
  view.newest[shop] = shop_commit();
  MachineFacts& facts = view.machines[0].checkup->facts;
  facts.instances = {found_instance("i1")};
  facts.datasets = {found_dataset("d1", {"commit-7"})};
  return view;
}

inline Operation operation_of(Outcome outcome) {
  Operation operation;
  operation.id = OperationId("op-9");
  operation.kind = "deploy";
  operation.name_space = NamespaceName("shop");
  operation.outcome = outcome;
  operation.ended_at_ms = operation.ended() ? kAskedMs - 60'000 : 0;
  return operation;
}

}  // namespace ployz::testing

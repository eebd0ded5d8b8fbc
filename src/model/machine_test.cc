#include "model/machine.h"

#include <gtest/gtest.h>

#include "model/testing.h"

namespace ployz {
namespace {

Machine sample_machine() {
  Machine machine;
  machine.id = MachineId("01arz3ndektsv4rrffq69g5fav");
  machine.name = "m1";
  machine.subnet = "10.101.0.0/24";
  machine.overlay_address = "10.101.0.1";
  machine.endpoints = {"192.0.2.7:51820"};
  machine.state = MachineState::draining;
  machine.stores = true;
  machine.nats_public_key = "UABC";
  machine.wireguard_public_key = "key=";
  machine.version = "0.1.0";
  machine.created_at_ms = 1'700'000'000'000;
  return machine;
}

MachineFacts sample_facts() {
  MachineFacts facts;
  facts.machine = MachineId("01arz3ndektsv4rrffq69g5fav");
  facts.version = "0.1.0";
  facts.clock_ms = 1'700'000'000'000;
  facts.instances = {{InstanceId("i1"), NamespaceName("shop"), ServiceName("web"),
                      RevisionId("sha256:ab"), OperationId("o1"), "10.101.0.7",
                      InstanceState::exited, -9, 1'700'000'000'000,
                      {{VolumeName("uploads"), testing::sample_dataset_spec().id}}}};
  facts.addresses_in_use = {"10.101.0.7"};
  facts.host_ports_in_use = {22, 65535};
  facts.images = {{"shop/web:1", testing::kImageId}};
  facts.pullable = {{"shop/db:1", "no such host"}, {"shop/web:2", ""}};
  facts.memory_free_bytes = 1ULL << 34;
  facts.disk_free_bytes = 1ULL << 40;
  facts.router_answers = true;
  facts.pool = StoragePool{"btrfs", false, 20ULL << 30, 10ULL << 30, 1500};
  facts.datasets = {{testing::sample_dataset_spec(), testing::sample_dataset_origin(),
                     1'700'000'000'000, 4096,
                     {{SnapshotName("01arz3ndektsv4rrffq69g5fav"), "8a1f", 1'700'000'000'000}}}};
  return facts;
}

TEST(Machine, Goldens) {
  testing::expect_golden("machine/v1.json", to_json(sample_machine()));
  testing::expect_golden("machine_facts/v1.json", to_json(sample_facts()));
  for (const Json& golden : testing::goldens("machine")) EXPECT_TRUE(machine_from_json(golden));
  for (const Json& golden : testing::goldens("machine_facts")) {
    EXPECT_TRUE(machine_facts_from_json(golden));
  }
}

TEST(Machine, RoundTrip) {
  EXPECT_EQ(machine_from_json(to_json(sample_machine())), sample_machine());
  EXPECT_EQ(machine_facts_from_json(to_json(sample_facts())), sample_facts());
  const FoundInstance instance = sample_facts().instances[0];
  EXPECT_EQ(found_instance_from_json(to_json(instance)), instance);
}

TEST(Machine, StatesHaveNames) {
  EXPECT_EQ(to_string(MachineState::standby), "standby");
  EXPECT_EQ(to_string(InstanceState::running), "running");
}

TEST(Machine, BadRecordsAreRefused) {
  Json machine = to_json(sample_machine());
  machine["state"] = "asleep";
  EXPECT_EQ(machine_from_json(machine).error().message,
            "state: must be active, draining, drained, standby or leaving");
  Json facts = to_json(sample_facts());
  facts["host_ports_in_use"][1] = 65536;
  EXPECT_EQ(machine_facts_from_json(facts).error().message,
            "host_ports_in_use: [1]: must be at most 65535");
  Json instance = to_json(sample_facts().instances[0]);
  for (const Json& code : {Json(1ULL << 31), Json(UINT64_MAX), Json(INT64_MIN), Json(1.5)}) {
    instance["exit_code"] = code;
    EXPECT_FALSE(found_instance_from_json(instance)) << code;
  }
}

}  // namespace
}  // namespace ployz

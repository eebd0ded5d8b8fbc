// For tests: one full value of every type, and golden files.
//
// src/model/testdata/<type>/v<n>.json is what version n of the wire format looks like. The newest
// must be what is written today (PLOYZ_UPDATE_GOLDENS=1 rewrites it); all must still parse.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/machine.h"
#include "model/operation.h"

namespace ployz::testing {

inline const std::filesystem::path kTestdata = "src/model/testdata";

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// `file` relative to testdata.
inline void expect_golden(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path path = kTestdata / file;
  if (std::getenv("PLOYZ_UPDATE_GOLDENS") != nullptr) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  EXPECT_EQ(read_text(path), text) << path << ": PLOYZ_UPDATE_GOLDENS=1 rewrites it";
}

inline void expect_golden(const std::filesystem::path& file, const Json& json) {
  expect_golden(file, json.dump(2) + "\n");
}

// Every golden of a type, the oldest first.
inline std::vector<Json> goldens(const std::string& type) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kTestdata / type)) {
    paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  std::vector<Json> all;
  for (const auto& path : paths) all.push_back(Json::parse(read_text(path)));
  return all;
}

inline constexpr const char* kImageId =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
inline constexpr const char* kSecret = "hunter2";  // must never be in a message or a record

inline Service sample_service() {
  Service service;
  service.name = ServiceName("web");
  ContainerSpec& spec = service.container;
  spec.image = "shop/web:1.4";
  spec.image_id = kImageId;
  spec.entrypoint = {"/entry"};
  spec.command = {"serve", "--verbose"};
  spec.env = {{"PASSWORD", kSecret}, {"PORT", "8080"}};
  spec.restart = RestartPolicy::on_failure;
  spec.stop_grace_period = std::chrono::milliseconds(2500);
  spec.ports = {{"dns", 53, Protocol::udp}, {"http", 8080, Protocol::tcp}};
  spec.mounts = {{VolumeName("uploads"), "/uploads", true}};
  spec.readiness.kind = Readiness::Kind::http;
  spec.readiness.path = "/healthz";
  spec.readiness.port = "http";
  spec.resources = {512ULL << 20, 1500};
  service.placement = {false, 2, {"m1", "m2"}};
  service.publish = {{80, 8080}};
  service.routes = {{{"shop.example.com", "www.example.com"}, "http", "/"}};
  return service;
}

inline Commit sample_commit() {
  Commit commit;
  commit.id = CommitId("01arz3ndektsv4rrffq69g5fav");
  commit.name_space = NamespaceName("shop");
  commit.operation = OperationId("01arz3ndektsv4rrffq69g5faw");
  commit.parent_sequence = 41;
  commit.created_at_ms = 1'700'000'000'000;
  commit.manifest_digest = kImageId;
  const Service service = sample_service();
  commit.services = {{service,
                      revision_of(service.container),
                      {{InstanceId("01arz3ndektsv4rrffq69g5fax"), MachineId("m1"), "10.101.0.7"},
                       {InstanceId("01arz3ndektsv4rrffq69g5fay"), MachineId("m2"), ""}}}};
  commit.volumes = {{{VolumeName("uploads"), VolumeScope::shared, 20ULL << 30, "0750", "999:999"},
                     DatasetId("01arz3ndektsv4rrffq69g5faz"),
                     MachineId("m1")}};
  commit.from = CommitOrigin{NamespaceName("pr-1"), CommitId("01arz3ndektsv4rrffq69g5fat")};
  return commit;
}

// One of every action.
inline DatasetSpec sample_dataset_spec() {
  return {DatasetId("01arz3ndektsv4rrffq69g5faz"),   NamespaceName("shop"), VolumeName("uploads"),
          OperationId("01arz3ndektsv4rrffq69g5faw"), 20ULL << 30,           "0750",
          "999:999"};
}

inline DatasetOrigin sample_dataset_origin() {
  return {DatasetId("01arz3ndektsv4rrffq69g5fa0"), SnapshotName("01arz3ndektsv4rrffq69g5fav")};
}

inline std::vector<Action> sample_actions() {
  using std::chrono::milliseconds;
  const InstanceId instance("01arz3ndektsv4rrffq69g5fax");
  const Service service = sample_service();
  return {EnsureImage{"shop/web:1.4", kImageId},
          RunInstance{instance, NamespaceName("shop"), service.name, revision_of(service.container),
                      "10.101.0.7", service.container,
                      {{VolumeName("uploads"), DatasetId("01arz3ndektsv4rrffq69g5faz")}}},
          AwaitReady{instance, "10.101.0.7", service.container.readiness, 8080},
          StopInstance{instance, milliseconds(2500)},
          StartInstance{instance},
          RemoveInstance{instance, milliseconds(0)},
          PrepareRoutes{},
          DiscardRoutes{},
          DrainRoutes{NamespaceName("shop"), milliseconds(10000)},
          AwaitRoutes{NamespaceName("shop"), milliseconds(5000)},
          EnsureDataset{sample_dataset_spec()},
          SnapshotDatasets{{sample_dataset_spec().id}, SnapshotName("01arz3ndektsv4rrffq69g5fav"),
                           {instance}},
          CloneDataset{sample_dataset_spec(), sample_dataset_origin()},
          ReceiveDataset{sample_dataset_spec(), MachineId("m2"), sample_dataset_origin(), true},
          DestroyDataset{sample_dataset_spec().id},
          DestroySnapshots{{sample_dataset_spec().id}, sample_dataset_origin().snapshot},
          SetQuota{sample_dataset_spec().id, 1 << 30},
          PauseInstances{{instance}, milliseconds(2000)},
          ResumeInstances{{instance}}};
}

inline Plan sample_plan() {
  Plan plan;
  plan.kind = "deploy";
  plan.name_space = NamespaceName("shop");
  plan.expected_sequence = 41;
  plan.changes = {{Change::Kind::replace, "service web", "image sha256:ab… → sha256:cd…"}};
  plan.claims = {{MachineId("m1"), {"10.101.0.7"}, {80}, {kImageId}, {"shop/web:1.4"}, true,
                  {sample_dataset_spec().id}}};
  const auto actions = sample_actions();
  const MachineId machine("m1");
  plan.apply = {{StepId("a01"), machine, Target::agent, actions[0], {}, {}},
                {StepId("a02"), machine, Target::agent, actions[1], {actions[5]}, {StepId("a01")}},
                {StepId("a03"), machine, Target::agent, actions[2], {}, {StepId("a02")}},
                {StepId("a04"), machine, Target::router, actions[6], {actions[7]}, {}}};
  plan.commit = sample_commit();
  plan.cleanup = {{StepId("c01"), machine, Target::router, actions[8], {}, {}},
                  {StepId("c02"), machine, Target::agent, actions[5], {}, {StepId("c01")}}};
  return plan;
}

inline Operation sample_operation() {
  Operation operation;
  operation.id = OperationId("01arz3ndektsv4rrffq69g5faw");
  operation.kind = "deploy";
  operation.name_space = NamespaceName("shop");
  operation.coordinator = MachineId("m1");
  operation.attempt = 2;
  operation.phase = Phase::cleanup;
  operation.outcome = Outcome::committed_cleanup_pending;
  operation.started_at_ms = 1'700'000'000'000;
  operation.ended_at_ms = 1'700'000'001'000;
  operation.plan = sample_plan();
  operation.steps[StepId("a01")] = {StepState::done, {}, 1'700'000'000'100, 1'700'000'000'200,
                                    {{"bytes", 1024}}};
  operation.steps[StepId("c01")] = {
      StepState::failed,
      Error{Code::timeout, Effect::unknown, "m1 did not answer", "try again", {{"machine", "m1"}}},
      0, 0, Json::object()};
  operation.committed_sequence = 42;
  operation.unconfirmed = {"m2"};
  operation.phase_ms = {{"apply", 900}, {"plan", 3}};
  operation.error = operation.steps[StepId("c01")].error;
  return operation;
}

}  // namespace ployz::testing

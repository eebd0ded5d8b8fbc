#include "model/service.h"

#include <gtest/gtest.h>

#include "base/digest.h"
#include "model/testing.h"

namespace ployz {
namespace {

using testing::sample_service;

TEST(Service, Golden) {
  testing::expect_golden("service/v1.json", to_json(sample_service()));
  for (const Json& golden : testing::goldens("service")) EXPECT_TRUE(service_from_json(golden));
}

TEST(Service, RoundTrip) {
  const Service service = sample_service();
  EXPECT_EQ(service_from_json(to_json(service)), service);
  EXPECT_EQ(container_spec_from_json(to_json(service.container)), service.container);
  EXPECT_EQ(service_from_json(to_json(Service{})), Service{});
}

TEST(Service, FindsItsPorts) {
  const Service service = sample_service();
  ASSERT_NE(service.port("http"), nullptr);
  EXPECT_EQ(service.port("http")->container, 8080);
  EXPECT_EQ(service.port("https"), nullptr);
}

TEST(Revision, IsADigestThatLeavesOutTheTag) {
  ContainerSpec spec = sample_service().container;
  const RevisionId revision = revision_of(spec);
  EXPECT_TRUE(is_sha256_digest(revision.value));
  spec.image = "shop/web:latest";
  EXPECT_EQ(revision_of(spec), revision);
  spec.image_id = "sha256:other";
  EXPECT_NE(revision_of(spec), revision);
}

TEST(Revision, FollowsEveryOtherField) {
  const ContainerSpec base = sample_service().container;
  std::set<RevisionId> revisions{revision_of(base)};
  const auto change = [&](auto edit) {
    ContainerSpec spec = base;
    edit(spec);
    EXPECT_TRUE(revisions.insert(revision_of(spec)).second);
  };
  change([](auto& s) { s.entrypoint.reset(); });
  change([](auto& s) { s.entrypoint->clear(); });
  change([](auto& s) { s.command = {"serve"}; });
  change([](auto& s) { s.env["PORT"] = "8081"; });
  change([](auto& s) { s.network = NetworkMode::none; });
  change([](auto& s) { s.restart = RestartPolicy::no; });
  change([](auto& s) { s.stop_grace_period = std::chrono::milliseconds(1); });
  change([](auto& s) { s.ports.pop_back(); });
  change([](auto& s) { s.mounts[0].read_only = false; });
  change([](auto& s) { s.readiness.path = "/"; });
  change([](auto& s) { s.resources.milli_cpus.reset(); });
}

// A digest that changes with the build would replace every container after an upgrade.
TEST(Revision, StaysTheSameOverReleases) {
  EXPECT_EQ(revision_of(ContainerSpec{}).value, "sha256:322b2d2f61cdca9a34a1b0bc326fdee28423d7d8a1449f00a037f21865717013");
  EXPECT_EQ(revision_of(sample_service().container).value,
            "sha256:17692c6bb2f7eff54fd1609b5141ddaf6cf592dd187826bd68b1e6fd4351a492");
}

struct BadField {
  const char* pointer;  // JSON pointer of what is replaced
  Json value;           // discarded: the field is removed
  const char* message;
};

class BadService : public ::testing::TestWithParam<BadField> {};

TEST_P(BadService, IsRefusedByPath) {
  Json json = to_json(sample_service());
  const Json::json_pointer pointer(GetParam().pointer);
  if (GetParam().value.is_discarded()) {
    json[pointer.parent_pointer()].erase(pointer.back());
  } else {
    json[pointer] = GetParam().value;
  }
  const auto service = service_from_json(json);
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, Code::invalid);
  EXPECT_EQ(service.error().message, GetParam().message);
}

const Json kAbsent(Json::value_t::discarded);

INSTANTIATE_TEST_SUITE_P(
    All, BadService,
    ::testing::Values(
        BadField{"/colour", 1, "unknown field 'colour'"},
        BadField{"/name", kAbsent, "name: is missing"},
        BadField{"/name", 1, "name: must be a string, not number"},
        BadField{"/name", nullptr, "name: must be a string, not null"},
        BadField{"/container", Json::array(), "container: must be an object, not array"},
        BadField{"/container/colour", 1, "container: unknown field 'colour'"},
        BadField{"/container/ports/0/container", 65536,
                 "container: ports: [0]: container: must be at most 65535"},
        BadField{
            "/container/ports/0/container", -1,
            "container: ports: [0]: container: must be a whole number of at least 0, not number"},
        BadField{"/container/ports/1/protocol", "sctp",
                 "container: ports: [1]: protocol: must be tcp or udp"},
        BadField{"/container/network", "bridge",
                 "container: network: must be overlay, host or none"},
        BadField{"/container/env/PASSWORD", 7,
                 "container: env: PASSWORD: must be a string, not number"},
        BadField{"/container/env", Json::array(), "container: env: must be an object, not array"},
        BadField{
            "/container/stop_grace_period_ms", 1e18,
            "container: stop_grace_period_ms: must be a whole number of at least 0, not number"},
        BadField{"/container/stop_grace_period_ms", 4000000000000000,
                 "container: stop_grace_period_ms: must be at most 31622400000 ms"},
        BadField{"/container/command", "serve", "container: command: must be an array, not string"},
        BadField{"/placement/global", "yes",
                 "placement: global: must be true or false, not string"},
        BadField{"/routes/0", "x", "routes: [0]: must be an object, not string"}));

TEST(BadServices, OtherShapes) {
  for (const char* text : {"null", "[]", "1", "\"x\"", "{}"}) {
    EXPECT_FALSE(service_from_json(Json::parse(text))) << text;
  }
}

}  // namespace
}  // namespace ployz

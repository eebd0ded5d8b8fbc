#include "router/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ployz {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

CommittedService service(const std::string& name, const std::vector<std::string>& addresses) {
  CommittedService committed;
  committed.service.name = ServiceName(name);
  committed.service.container.ports = {{"dns", 53, Protocol::udp}, {"http", 8080, Protocol::tcp}};
  int n = 0;
  for (const std::string& address : addresses) {
    committed.instances.push_back({InstanceId(name + std::to_string(n++)), MachineId("m"), address});
  }
  return committed;
}

CommitEntry entry(const std::string& name, uint64_t sequence,
                  std::vector<CommittedService> services) {
  CommitEntry entry;
  entry.sequence = sequence;
  entry.commit.name_space = NamespaceName(name);
  entry.commit.services = std::move(services);
  return entry;
}

Projection project_all(const std::vector<CommitEntry>& entries) {
  std::map<NamespaceName, CommitEntry> newest;
  for (const CommitEntry& e : entries) newest[e.commit.name_space] = e;
  return project(newest, {"cluster.local", "ployz.local", 80});
}

std::vector<std::string> hostnames(const Projection& projection) {
  std::vector<std::string> names;
  for (const HostRoute& route : projection.routes.hosts) {
    names.push_back(route.hostname + route.path_prefix + " " + route.backend.name_space.str());
  }
  return names;
}

TEST(Projection, EveryServiceHasAGeneratedNameAndDnsRecords) {
  const Projection got = project_all({entry("shop", 7, {service("web", {"10.0.0.3", "10.0.0.2"})})});
  EXPECT_THAT(hostnames(got), ElementsAre("web.shop.ployz.local/ shop"));
  ASSERT_THAT(got.backends, SizeIs(1));
  EXPECT_THAT(got.backends[0].servers, ElementsAre("10.0.0.2:8080", "10.0.0.3:8080"));
  EXPECT_EQ(got.backends[0].key.mode, BackendMode::http);
  EXPECT_EQ(got.records, (DnsRecords{{"web.shop", {"10.0.0.2", "10.0.0.3"}}}));
  EXPECT_EQ(got.routes.sequences.at(NamespaceName("shop")), 7u);
}

TEST(Projection, PublishedPortsAreTcpAndTheGatewaysOwnIsTheDefaultRoute) {
  auto web = service("web", {"10.0.0.2"});
  web.service.publish = {{80, 8080}, {5432, 8080}};
  const Projection got = project_all({entry("shop", 1, {web})});
  EXPECT_THAT(hostnames(got), ElementsAre("*/ shop", "web.shop.ployz.local/ shop"));
  ASSERT_TRUE(got.routes.ports.contains(5432));
  EXPECT_FALSE(got.routes.ports.contains(80));
  EXPECT_EQ(got.routes.ports.at(5432).mode, BackendMode::tcp);
  EXPECT_THAT(got.backends, SizeIs(2));  // one port, two modes
}

TEST(Projection, RoutesNeedATcpPortAndAnAddress) {
  auto web = service("web", {""});
  web.service.routes = {{{"shop.example.com"}, "http", "/"}};
  auto api = service("api", {"10.0.0.4"});
  api.service.routes = {{{"x.example.com"}, "dns", "/"}, {{"y.example.com"}, "none", "/"},
                        {{"z.example.com"}, "http", "/v1/"}, {{"z.example.com"}, "http", "/v1"}};
  const Projection got = project_all({entry("shop", 1, {api, web})});
  EXPECT_THAT(hostnames(got), ElementsAre("api.shop.ployz.local/ shop", "z.example.com/v1 shop"));
  EXPECT_FALSE(got.records.contains("web.shop"));
}

TEST(Projection, TheOlderOfTwoClaimsWins) {
  auto web = service("web", {"10.0.0.2"});
  web.service.routes = {{{"a.example.com"}, "http", "/"}};
  web.service.publish = {{9000, 8080}};
  auto other = service("web", {"10.0.0.9"});
  other.service.routes = {{{"a.example.com"}, "http", "/other"}};
  other.service.publish = {{9000, 8080}};
  const Projection got = project_all({entry("b", 4, {web}), entry("a", 5, {other})});
  EXPECT_THAT(hostnames(got), ElementsAre("a.example.com/ b", "web.a.ployz.local/ a",
                                          "web.b.ployz.local/ b"));
  EXPECT_EQ(got.routes.ports.at(9000).name_space, NamespaceName("b"));
}

TEST(Projection, ATombstoneServesNothingButCounts) {
  CommitEntry gone = entry("shop", 9, {});
  gone.commit.removed = true;
  const Projection got = project_all({gone});
  EXPECT_THAT(got.backends, IsEmpty());
  EXPECT_EQ(got.routes.sequences.at(NamespaceName("shop")), 9u);
}

TEST(Projection, TheGenerationIsTheSetOfServers) {
  const auto generation = [](const std::vector<std::string>& addresses) {
    return project_all({entry("shop", 1, {service("web", addresses)})}).backends[0].key.generation;
  };
  EXPECT_EQ(generation({"10.0.0.2", "10.0.0.3"}), generation({"10.0.0.3", "10.0.0.2"}));
  EXPECT_NE(generation({"10.0.0.2"}), generation({"10.0.0.2", "10.0.0.3"}));
}

}  // namespace
}  // namespace ployz

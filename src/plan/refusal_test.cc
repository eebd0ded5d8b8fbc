// What planners refuse, and in which words: one row a case.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/deploy.h"
#include "plan/testing/world.h"

namespace ployz {
namespace {

using ployz::testing::kImage1;
using ployz::testing::kImage2;
using ployz::testing::test_request;
using ployz::testing::test_service;
using ployz::testing::World;

struct Refusal {
  std::string name;
  std::function<void(World&, DeployRequest&)> make;
  Code code;
  std::string says;  // part of the line
};

Service& web_of(DeployRequest& request) {
  return request.manifest.services[0];
}

void occupy(World& world, const std::function<void(Service&)>& change) {
  Service other = test_service("web");
  change(other);
  world.execute(*world.plan(test_request({other}, "other")));
}

const std::vector<Refusal> kImagesAndRoutes = {
    {"ImageAbsent",
     [](World& w, DeployRequest& r) {
       web_of(r).container.image = "shop/none:1";
       for (int i : {1, 2}) w.facts(i).pullable["shop/none:1"] = "no such host";
     },
     Code::precondition,
     "image shop/none:1 is neither on a machine nor pullable: no such host (push it with: ployzctl "
     "image push shop/none:1 --to m1)"},
    {"ImagePullableOnly",
     [](World& w, DeployRequest& r) {
       web_of(r).container.image = "shop/none:1";
       w.facts(1).pullable["shop/none:1"] = "";
     },
     Code::precondition, "is on no machine yet"},
    {"ImageAmbiguous",
     [](World& w, DeployRequest&) { w.facts(2).images["shop/web:1"] = std::string(kImage2); },
     Code::precondition,
     "is not the same on every machine: 111111111111 on m1, 222222222222 on m2"},
    {"HostnameOfAnotherNamespace",
     [](World& w, DeployRequest& r) {
       occupy(w, [](Service& s) { s.routes = {{{"a.example.com"}, "http", "/"}}; });
       web_of(r).routes = {{{"a.example.com"}, "http", "/api"}};
     },
     Code::precondition, "hostname a.example.com is served by service web of namespace other"},
    {"PortOfAnotherNamespace",
     [](World& w, DeployRequest& r) {
       occupy(w, [](Service& s) { s.publish = {{9000, 8080}}; });
       web_of(r).publish = {{9000, 8080}};
     },
     Code::precondition, "port 9000 is published by service web of namespace other"},
    {"PortInUse",
     [](World& w, DeployRequest& r) {
       w.facts(2).host_ports_in_use = {9000};
       web_of(r).publish = {{9000, 8080}};
     },
     Code::precondition, "published port 9000 of service web is in use on machine m2"},
};

const std::vector<Refusal> kPortsAndNetworks = {
    {"HostPortInUse",
     [](World& w, DeployRequest& r) {
       w.facts(1).host_ports_in_use = {8080};
       web_of(r).container.network = NetworkMode::host;
       web_of(r).placement.machines = {"m1"};
     },
     Code::precondition, "host port 8080 of service web is in use on machine m1"},
    {"HostNetworkTwiceOnOneMachine",
     [](World&, DeployRequest& r) {
       web_of(r).container.network = NetworkMode::host;
       web_of(r).placement.replicas = 3;
     },
     Code::precondition, "no machine can take another instance of service web"},
    {"GatewayDomain",
     [](World&, DeployRequest& r) { web_of(r).routes = {{{"x.ployz.local"}, "http", "/"}}; },
     Code::precondition, "lies in the gateway's own domain ployz.local"},
    {"TwoServicesOneRoute",
     [](World&, DeployRequest& r) {
       web_of(r).routes = {{{"a.example.com"}, "http", "/"}};
       r.manifest.services.push_back(test_service("web"));
       r.manifest.services[1].name = ServiceName("web2");
       r.manifest.services[1].routes = web_of(r).routes;
     },
     Code::invalid, "services web and web2 both claim the route a.example.com/"},
    {"RouteWithoutOverlay",
     [](World&, DeployRequest& r) {
       web_of(r).container.network = NetworkMode::host;
       web_of(r).publish = {{9000, 8080}};
     },
     Code::invalid, "is not on the overlay network"},
};

const std::vector<Refusal> kMachinesAndSections = {
    {"UnknownPin", [](World&, DeployRequest& r) { web_of(r).placement.machines = {"m9"}; },
     Code::precondition, "pinned to machine 'm9', which does not exist"},
    {"DrainedPin",
     [](World& w, DeployRequest& r) {
       w.machine(2).state = MachineState::drained;
       web_of(r).placement.machines = {"m2"};
     },
     Code::precondition, "m2 is drained"},
    {"NoMachineActive",
     [](World& w, DeployRequest&) {
       w.machine(1).state = MachineState::standby;
       w.silence(2, "no responders");
     },
     Code::precondition, "m1 is standby; m2 does not answer: no responders"},
    {"GlobalWithASilentMachine",
     [](World& w, DeployRequest& r) {
       w.silence(2, "no responders");
       web_of(r).placement.global = true;
     },
     Code::precondition, "m2 does not answer"},
    {"InstanceOnASilentMachine",
     [](World& w, DeployRequest& r) {
       web_of(r).placement.machines = {"m2"};
       w.execute(*w.plan(r));
       w.silence(2);
       web_of(r).placement.machines = {"m1"};
     },
     Code::precondition, "machine m2, which runs service web, does not answer"},
    {"RouterSilent", [](World& w, DeployRequest&) { w.facts(2).router_answers = false; },
     Code::precondition, "the router of machine m2 does not answer"},
    {"SubnetFull",
     [](World& w, DeployRequest& r) {
       for (int i : {1, 2}) {
         w.machine(i).subnet = std::format("10.101.{}.0/30", i);
         w.facts(i).addresses_in_use = {std::format("10.101.{}.2", i)};
       }
       web_of(r).placement.replicas = 1;
     },
     Code::precondition, "has no free address left"},
    {"Promote",
     [](World&, DeployRequest& r) { r.manifest.promote = PromoteSection{NamespaceName("b"), {}}; },
     Code::not_found, "namespace b does not exist"},
    {"Volumes",
     [](World&, DeployRequest& r) {
       r.manifest.volumes.resize(1);
       r.manifest.volumes[0].name = VolumeName("data");
     },
     Code::precondition, "no machine can keep volume data"},
};

class PlanRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(PlanRefusal, SaysWhy) {
  World world(2);
  world.image("shop/web:1", kImage1);
  DeployRequest request = test_request({test_service("web")});
  GetParam().make(world, request);
  const auto plan = world.plan(request);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, GetParam().code);
  EXPECT_EQ(plan.error().effect, Effect::none);
  EXPECT_THAT(plan.error().line(), ::testing::HasSubstr(GetParam().says));
}

std::string name_of(const ::testing::TestParamInfo<Refusal>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Images, PlanRefusal, ::testing::ValuesIn(kImagesAndRoutes), name_of);
INSTANTIATE_TEST_SUITE_P(Ports, PlanRefusal, ::testing::ValuesIn(kPortsAndNetworks), name_of);
INSTANTIATE_TEST_SUITE_P(Machines, PlanRefusal, ::testing::ValuesIn(kMachinesAndSections), name_of);

}  // namespace
}  // namespace ployz

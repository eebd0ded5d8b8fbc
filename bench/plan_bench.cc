// How long the pure planners take on a large cluster: plan_bench [MACHINES [INSTANCES]]. Exit
// status 1 when one of the plans takes longer than the limit of the tracker, 50 ms.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "base/check.h"
#include "bench/scale/big_cluster.h"
#include "router/projection.h"

namespace ployz::bench {
namespace {

constexpr double kLimitMs = 50;
constexpr int kRuns = 15;

// Planners neither wait nor start threads, so their own processor time is what they take, and is
// the same on a busy machine.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Processor time, too, grows when others take the caches: the least says what the code costs.
double least_ms(const std::function<void()>& body) {
  std::vector<double> times;
  for (int i = 0; i < kRuns; ++i) {
    const double began = cpu_ms();
    body();
    times.push_back(cpu_ms() - began);
  }
  return *std::ranges::min_element(times);
}

bool show(const char* what, double ms, bool limited) {
  std::printf("%-58s %8.2f ms%s\n", what, ms, limited && ms > kLimitMs ? "  OVER 50" : "");
  return !limited || ms <= kLimitMs;
}

bool plan(const char* what, const DeployRequest& request, const Snapshot& snapshot) {
  const auto run = [&] { return plan_deploy(request, snapshot, {OperationId("op"), 7}); };
  const auto first = run();
  if (!first) {
    std::printf("%s: %s\n", what, first.error().line().c_str());
    return false;
  }
  const double ms = least_ms([&] { check(run().has_value(), "planned before"); });
  const bool fine = show(what, ms, true);
  std::printf("    %zu steps, %zu machines claimed, %zu changes\n", first->apply.size(),
              first->claims.size(), first->changes.size());
  return fine;
}

// What comes before the plan: commits and facts as they arrive.
void parse(const BigCluster& cluster) {
  std::vector<std::string> commits;
  std::vector<std::string> facts;
  for (const Commit& commit : cluster.commits) commits.push_back(encode(commit));
  for (const Machine& machine : cluster.machines) {
    facts.push_back(to_text(to_json(cluster.facts(machine))));
  }
  show("decode the newest commits of all namespaces", least_ms([&] {
         for (const std::string& bytes : commits) check(decode_commit(bytes).has_value(), "ours");
       }),
       false);
  show("decode the facts of all machines", least_ms([&] {
         for (const std::string& bytes : facts) {
           check(machine_facts_from_json(*parse_json(bytes)).has_value(), "ours");
         }
       }),
       false);
}

int run(const Size& size) {
  const BigCluster cluster(size);
  const Snapshot snapshot = cluster.snapshot();
  std::printf("%zu machines, %zu instances, %zu namespaces\n", size.machines, size.instances,
              size.namespaces);
  bool fine = plan("unchanged namespace", cluster.request(3), snapshot);
  DeployRequest update = cluster.request(3);
  for (Service& service : update.manifest.services) service.container.image = "shop/web:2";
  fine &= plan("new image for every instance of a namespace", update, snapshot);
  DeployRequest wide;
  wide.manifest.name_space = NamespaceName("wide");
  wide.manifest.services = {big_service(0, "shop/web:1", static_cast<uint32_t>(size.machines))};
  fine &= plan("new namespace, as many replicas as machines", wide, snapshot);
  DeployRequest global = wide;
  global.manifest.services[0].placement.global = true;
  fine &= plan("new namespace, global", global, snapshot);
  DeployRequest large = wide;
  large.manifest.services[0].placement.replicas = 2000;
  fine &= plan("new namespace, 2000 replicas", large, snapshot);
  parse(cluster);
  show("project every namespace (a router's pass)", least_ms([&] {
         check(!project(snapshot.newest, snapshot.config).routes.hosts.empty(), "routes");
       }),
       false);
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace ployz::bench

int main(int argc, char** argv) {
  ployz::bench::Size size;
  if (argc > 1) size.machines = std::strtoull(argv[1], nullptr, 10);
  size.instances = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : size.machines * 50;
  return ployz::bench::run(size);
}

// make bench-scale: 200 simulated machines behind real RPC over one real nats-server, 10,000
// instances in the store. scale_bench [MACHINES]. Exit status 1 when a limit of the tracker is
// missed: `machine ls` 100 ms, planning 50 ms (the planner alone; plan_bench has more of it).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "bench/scale/agents.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/rpc.h"
#include "drivers/nats/streams.h"
#include "drivers/os/system_clock.h"
#include "drivers/os/thread_executor.h"
#include "engine/engine.h"
#include "ports/step_request.h"

namespace ployz::bench {
namespace {

constexpr int kRuns = 21;
constexpr double kMachineLsLimitMs = 100;

struct Times {
  double median;
  double least;
};

Times measure(int runs, const std::function<void()>& body) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto began = std::chrono::steady_clock::now();
    body();
    times.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
            .count());
  }
  std::ranges::sort(times);
  return {times[static_cast<size_t>(runs / 2)], times.front()};
}

double median_ms(int runs, const std::function<void()>& body) {
  return measure(runs, body).median;
}

void row(const std::string& what, double value, const char* unit, const std::string& note = "") {
  std::printf("%-52s %10.1f %-4s %s\n", what.c_str(), value, unit, note.c_str());
  std::fflush(stdout);
}

double resident_mb(pid_t pid) {
  std::ifstream status(std::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

double folder_mb(const std::string& path) {
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return static_cast<double>(bytes) / (1 << 20);
}

void allow_many_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

class Bench {
 public:
  Bench(const BigCluster& cluster, NatsProcess& nats, pid_t agents)
      : cluster_(cluster),
        nats_(nats),
        agents_(agents),
        connection_(nats.connect(cluster.machines.front().id.str(), NatsRole::daemon)),
        log_(*connection_),
        records_(*connection_),
        rpc_(*connection_) {}

  void fill_store();
  [[nodiscard]] bool fan_out();
  void plan();
  void deploy();
  void sizes();

 private:
  Engine::Ports ports() { return {log_, records_, rpc_, clock_, entropy_, executor_}; }
  EngineConfig config() const {
    EngineConfig config;
    config.self = cluster_.machines.front().id;
    return config;
  }
  void all_must_answer(const std::vector<Result<Json>>& answers);

  const BigCluster& cluster_;
  NatsProcess& nats_;
  pid_t agents_;
  std::unique_ptr<NatsConnection> connection_;
  NatsCommitLog log_;
  NatsKeyValue records_;
  NatsRpc rpc_;
  SystemClock clock_;
  SystemEntropy entropy_;
  ThreadExecutor executor_;
};

void Bench::fill_store() {
  check(ensure_streams(*connection_, 1).has_value(), "a fresh server takes the streams");
  size_t bytes = 0;
  const double ms = median_ms(1, [&] {
    for (const Machine& machine : cluster_.machines) {
      check(records_.create(Bucket::machines, machine.id.str(), to_text(to_json(machine)))
                .has_value(),
            "a fresh store takes a machine");
    }
    for (const Commit& commit : cluster_.commits) {
      const std::string text = encode(commit);
      bytes += text.size();
      check(log_.append(commit.name_space, 0, text).has_value(), "a fresh log takes a commit");
    }
  });
  row("write the machines and commits", ms, "ms",
      std::format("{} records, {} commits of {} kB", cluster_.machines.size(),
                  cluster_.commits.size(), bytes / cluster_.commits.size() / 1024));
}

void Bench::all_must_answer(const std::vector<Result<Json>>& answers) {
  for (const auto& answer : answers) {
    if (!answer) std::printf("no answer: %s\n", answer.error().line().c_str());
    check(answer.has_value(), "every machine of the benchmark answers");
  }
}

bool Bench::fan_out() {
  const size_t count = cluster_.machines.size();
  std::vector<NatsRequest> bare;
  std::vector<MachineRpc::Call> pings;
  std::vector<MachineRpc::Call> facts;
  for (size_t i = 0; i < count; ++i) {
    bare.push_back({"ployz.rpc." + bare_name(i) + ".router.bare", "{}", {}});
    const MachineId& id = cluster_.machines[i].id;
    pings.push_back({{id, Target::agent, "ping"}, Json::object()});
    pings.push_back({{id, Target::router, "ping"}, Json::object()});
    facts.push_back({{id, Target::agent, "facts"}, to_json(FactsRequest{{"shop/web:2"}})});
  }
  const auto timeout = std::chrono::milliseconds(5000);
  const auto [floor_ms, floor_least] = measure(kRuns, [&] {
    for (const auto& answer : connection_->request_all(bare, timeout)) {
      check(answer.has_value(), "bare requests are answered");
    }
  });
  row(std::format("floor: {} bare NATS requests at once", count), floor_ms, "ms",
      std::format("least {:.1f}", floor_least));
  const auto [ls_ms, ls_least] = measure(kRuns, [&] {
    const auto records = records_.list(Bucket::machines);
    check(records && records->size() == count, "all machine records are listed");
    all_must_answer(rpc_.call_all(pings, timeout));
  });
  row("machine ls: the records, and ping of agent and router", ls_ms, "ms",
      std::format("least {:.1f}; {:.1f} × floor; limit {:.0f} ms{}", ls_least, ls_ms / floor_ms,
                  kMachineLsLimitMs, ls_ms > kMachineLsLimitMs ? "  MISSED" : ""));
  const auto [facts_ms, facts_least] =
      measure(kRuns, [&] { all_must_answer(rpc_.call_all(facts, timeout)); });
  row("facts of every machine (50 containers each)", facts_ms, "ms",
      std::format("least {:.1f}; {:.1f} × floor", facts_least, facts_ms / floor_ms));
  return ls_ms <= kMachineLsLimitMs;
}

void Bench::plan() {
  Engine engine(config(), ports());
  const double same_ms = median_ms(5, [&] {
    const auto plan = engine.preview(cluster_.request(3));
    check(plan && plan->unchanged(), "the benchmark's namespace is as committed");
  });
  row("preview, unchanged: read everything and plan", same_ms, "ms");
  DeployRequest update = cluster_.request(3);
  for (Service& service : update.manifest.services) service.container.image = "shop/web:2";
  const double update_ms =
      median_ms(5, [&] { check(engine.preview(update).has_value(), "an update can be planned"); });
  row("preview, every instance of a namespace anew", update_ms, "ms");
}

void Bench::deploy() {
  Engine engine(config(), ports());
  DeployRequest wide;
  wide.manifest.name_space = NamespaceName("wide");
  wide.manifest.services = {
      big_service(0, "shop/web:1", static_cast<uint32_t>(cluster_.machines.size()))};
  const auto deploy = [&](const std::string& what) {
    Result<Operation> done = Operation{};
    const double ms = median_ms(1, [&] { done = engine.run(wide, {}, {}); });
    if (!done) std::printf("deploy: %s\n", done.error().line().c_str());
    check(done.has_value(), "the deploy runs");
    if (done->error) std::printf("deploy: %s\n", done->error->line().c_str());
    check(done->outcome == Outcome::committed, "the deploy commits");
    std::string phases;
    for (const auto& [phase, took] : done->phase_ms) phases += std::format(" {} {}", phase, took);
    row(what, ms, "ms",
        std::format("{} steps;{}", done->plan.apply.size() + done->plan.cleanup.size(), phases));
  };
  deploy(std::format("deploy {} replicas, each ready after {} ms", cluster_.machines.size(),
                     kReadyAfterMs));
  wide.manifest.services[0].container.image = "shop/web:2";
  deploy("update all of them (blue/green)");
}

void Bench::sizes() {
  row("store on disk", folder_mb(nats_.directory()), "MB");
  row("memory of the coordinator", resident_mb(getpid()), "MB");
  row("memory of nats-server", resident_mb(nats_.pid()), "MB",
      std::format("{} connections", 3 * cluster_.machines.size() + 1));
  row("memory of all agents together", resident_mb(agents_), "MB",
      std::format("{:.2f} MB each, with their containers",
                  resident_mb(agents_) / static_cast<double>(cluster_.machines.size())));
}

int run(const Size& size) {
  allow_many_files();
  const BigCluster cluster(size);
  NatsProcess nats(cluster.machines, size.machines);
  if (const Status started = nats.start(); !started) {
    std::printf("nats-server: %s\n", started.error().line().c_str());
    return 1;
  }
  int ready[2];
  int stop[2];
  check(pipe(ready) == 0 && pipe(stop) == 0, "pipes can be made");
  const pid_t agents = fork();
  if (agents == 0) {
    close(stop[1]);
    return serve_agents(cluster, nats, size.machines, ready[1], stop[0]);
  }
  close(ready[1]);
  char byte = 0;
  check(read(ready[0], &byte, 1) == 1, "the agents come up");
  bool fine = true;
  {
    Bench bench(cluster, nats, agents);
    std::printf("%zu machines, %zu instances, %zu namespaces, one nats-server, %ld CPUs\n",
                size.machines, size.instances, size.namespaces, sysconf(_SC_NPROCESSORS_ONLN));
    bench.fill_store();
    fine = bench.fan_out();
    bench.plan();
    bench.deploy();
    bench.sizes();
  }
  close(stop[1]);
  waitpid(agents, nullptr, 0);
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace ployz::bench

int main(int argc, char** argv) {
  ployz::bench::Size size;
  if (argc > 1) size.machines = std::strtoull(argv[1], nullptr, 10);
  size.instances = size.machines * 50;
  return ployz::bench::run(size);
}

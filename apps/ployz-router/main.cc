// ployz-router: keeps this machine's gateway and DNS equal to the newest commits. Wiring only.
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include <spdlog/spdlog.h>

#include "base/files.h"
#include "base/version.h"
#include "drivers/haproxy/haproxy_gateway.h"
#include "drivers/knot/knot_config.h"
#include "drivers/knot/knot_dns.h"
#include "drivers/nats/commit_log.h"
#include "drivers/nats/rpc.h"
#include "drivers/nats/server_config.h"
#include "drivers/os/projection_file.h"
#include "drivers/os/system_clock.h"
#include "router/router.h"
#include "router/router_config.h"

namespace ployz {
namespace {

constexpr int kUsageExit = 2;
// The log is followed from the first connection on; until then the cache is served.
constexpr auto kFollowRetry = std::chrono::milliseconds(200);

int complain(const Error& error, int code) {
  std::fprintf(stderr, "ployz-router: %s\n", error.line().c_str());
  return code;
}

int block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

Result<RouterConfig> load(const std::string& path) {
  const auto bytes = TRY(read_file(path));
  if (!bytes) {
    return fail(Code::precondition, path + " does not exist", "found a network: ployzctl mesh init");
  }
  return router_config_from_json(TRY(parse_json(*bytes)));
}

HaproxyConfig haproxy_config(const RouterConfig& config) {
  HaproxyConfig haproxy;
  haproxy.directory = config.data_dir / "haproxy";
  haproxy.listen_host = config.gateway.host;
  haproxy.listen_port = config.gateway.port;
  haproxy.threads = config.gateway_threads;
  return haproxy;
}

KnotDnsConfig knot_config(const RouterConfig& config) {
  KnotDnsConfig knot;
  knot.zone = config.cluster.cluster_domain;
  knot.zone_file = config.data_dir / "knot" / kZoneFileName;
  return knot;
}

Result<std::unique_ptr<NatsConnection>> connect(const RouterConfig& config) {
  const auto seed = TRY(read_file(config.seed_file));
  if (!seed) return fail(Code::corrupt, config.seed_file.string() + " is missing");
  NatsConfig nats;
  nats.urls = {config.nats_url};
  nats.seed = *seed;
  nats.name = "ployz-router";
  nats.inbox_prefix = inbox_prefix(config.machine, NatsRole::router);
  return NatsConnection::open(std::move(nats));
}

// Feeds the router from the log. A store that is away at first is tried again: the router serves
// from its cache meanwhile.
std::unique_ptr<Subscription> follow(CommitLog& commits, Router& router, Clock& clock,
                                     std::stop_token stop) {
  while (!stop.stop_requested()) {
    auto followed = commits.follow([&](StoredCommit commit) { router.on_commit(commit); },
                                   [&] { router.on_caught_up(); });
    if (followed) return *std::move(followed);
    spdlog::warn("cannot follow the commits yet: {}", followed.error().line());
    clock.sleep_for(kFollowRetry, stop);
  }
  return nullptr;
}

int serve(const RouterConfig& config, int signals) {
  SystemClock clock;
  auto gateway = HaproxyGateway::open(haproxy_config(config));
  if (!gateway) return complain(gateway.error(), 1);
  KnotDns dns(knot_config(config));
  ProjectionFile cache(config.data_dir / "router/commits.json");
  auto connection = connect(config);
  if (!connection) return complain(connection.error(), 1);
  NatsCommitLog commits(**connection);
  NatsRpc rpc(**connection);

  Router router(config.cluster, {**gateway, dns, cache, clock,
                                 [](const std::string& line) { spdlog::info("{}", line); }});
  if (const Status started = router.start(); !started) return complain(started.error(), 1);
  const auto commands = rpc.serve(config.machine, Target::router,
                                  [&](const std::string& command, const Json& request) {
                                    return router.handle(command, request);
                                  });
  if (!commands) return complain(commands.error(), 1);
  std::unique_ptr<Subscription> feed;
  std::jthread follower([&](std::stop_token stop) { feed = follow(commits, router, clock, stop); });
  sd_notify(0, "READY=1");
  spdlog::info("ployz-router {} of machine {}", version(), config.machine.str());

  signalfd_siginfo received;
  while (::read(signals, &received, sizeof received) < 0 && errno == EINTR) {
  }
  sd_notify(0, "STOPPING=1");
  follower.request_stop();
  follower.join();
  feed.reset();
  return 0;
}

int run(int argc, char** argv) {
  std::string path = kRouterConfigPath;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--version") {
      std::printf("ployz-router %s\n", std::string(version()).c_str());
      return 0;
    }
    if (argument != "--config" || i + 1 == argc) {
      std::fputs("usage: ployz-router [--config FILE]\n\n"
                 "Keeps this machine's gateway and DNS equal to the newest commits. Started by\n"
                 "systemd (ployz-router.service) after ployzctl mesh init.\n",
                 argument == "--help" ? stdout : stderr);
      return argument == "--help" ? 0 : kUsageExit;
    }
    path = argv[++i];
  }
  const auto config = load(path);
  if (!config) return complain(config.error(), kUsageExit);
  return serve(*config, block_signals());
}

}  // namespace
}  // namespace ployz

int main(int argc, char** argv) { return ployz::run(argc, argv); }

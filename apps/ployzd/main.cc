// ployzd: the daemon of one machine. Wiring only.
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include <spdlog/spdlog.h>

#include "api/server.h"
#include "backend.h"
#include "base/version.h"
#include "drivers/docker/docker_api.h"
#include "drivers/docker/docker_containers.h"
#include "drivers/docker/docker_images.h"
#include "drivers/docker/docker_network.h"
#include "drivers/os/icmp_echo.h"
#include "drivers/os/proc_host_facts.h"
#include "drivers/os/system_clock.h"
#include "drivers/os/tcp_prober.h"
#include "drivers/os/thread_executor.h"
#include "drivers/systemd/systemd_units.h"
#include "drivers/wireguard/wireguard_overlay.h"
#include "node.h"

namespace ployz {
namespace {

constexpr auto kDefaultConfig = "/etc/ployz/config.toml";
constexpr int kUsageExit = 2;  // usage or configuration, as ployzctl
constexpr auto kUsage =
    "usage: ployzd [--config FILE]\n\n"
    "The daemon of one machine: control socket, engine and agent. Started by systemd\n"
    "(ployzd.service); talk to it with ployzctl.\n\n"
    "  --config FILE   default /etc/ployz/config.toml, which may be absent\n"
    "  --version       print the version\n";

int complain(const Error& error, int code) {
  std::fprintf(stderr, "ployzd: %s\n", error.line().c_str());
  return code;
}

// SIGTERM and SIGINT become readable on a descriptor; blocked before any thread starts.
int block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

int serve(const Config& config, int signals) {
  auto units = SystemdUnits::connect();
  if (!units) return complain(units.error(), 1);
  DockerApi docker;
  DockerContainers containers(docker);
  DockerImages images(docker);
  DockerNetwork network(docker);
  TcpProber prober;
  ProcHostFacts host({"/proc", config.data_dir, {config.gateway_listen_addr.port}});
  SystemClock clock;
  SystemEntropy entropy;
  ThreadExecutor executor;
  IcmpEcho echo;
  Storage storage(config, **units);
  WireguardOverlay overlay(**units, clock, {config.data_dir / "wireguard"});
  Node node(config, Paths{config.data_dir},
            {containers, images, network, **units, prober, echo, overlay, host, clock, entropy,
             executor, storage});
  if (const Status started = node.start(); !started) return complain(started.error(), 1);

  Backend backend(node);
  auto server = ApiServer::start({config.socket.string()}, backend);
  if (!server) return complain(server.error(), 1);
  sd_notify(0, "READY=1");
  spdlog::info("ployzd {} listens on {}", version(), config.socket.string());

  signalfd_siginfo received;
  while (::read(signals, &received, sizeof received) < 0 && errno == EINTR) {
  }
  sd_notify(0, "STOPPING=1");
  // Operations that run are aborted: undone, or finished if they are past their commit.
  (*server)->live().abort_all();
  return 0;
}

int run(int argc, char** argv) {
  std::string config_path = kDefaultConfig;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--version") {
      std::printf("ployzd %s\n", std::string(version()).c_str());
      return 0;
    }
    if (argument == "--help" || argument == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument != "--config" || i + 1 == argc) {
      std::fputs(kUsage, stderr);
      return kUsageExit;
    }
    config_path = argv[++i];
  }
  const auto config = load_config(config_path);
  if (!config) return complain(config.error(), kUsageExit);
  return serve(*config, block_signals());
}

}  // namespace
}  // namespace ployz

int main(int argc, char** argv) { return ployz::run(argc, argv); }

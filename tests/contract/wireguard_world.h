// The real overlay's surroundings: this machine with its systemd and engine, another machine in a
// network namespace behind an "Internet" of one veth pair, and an instance on the bridge of this
// machine, in a namespace of its own. What the other machine does is done by hand, with wg(8).
//
//   instance 10.101.0.7 ── ployz0 ── this machine 192.0.2.1 ── 192.0.2.2 other machine 10.101.1.1,
//   .5
#pragma once

#include <chrono>
#include <filesystem>
#include <format>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/subprocess.h"
#include "contract/docker_machine.h"
#include "contract/overlay_contract.h"
#include "drivers/os/system_clock.h"
#include "drivers/systemd/systemd_units.h"
#include "drivers/wireguard/wireguard_key.h"
#include "drivers/wireguard/wireguard_overlay.h"

namespace ployz::contract {

// A line of sh(1): its output, and a failure of the test when it fails.
inline std::string sh(const std::string& script) {
  const auto done = run({.argv = {"sh", "-c", script}});
  EXPECT_TRUE(done && done->ok()) << script << "\n" << (done ? done->err : done.error().line());
  return done ? done->out : "";
}
// Whether it succeeds.
inline bool succeeds(const std::string& script) {
  const auto done = run({.argv = {"sh", "-c", script}});
  return done && done->ok();
}

inline constexpr auto kOverlayUnit = "ployz-wireguard.service";
inline const std::string kOther = "ip netns exec pc-other ";
inline const std::string kInstance = "ip netns exec pc-instance ";

class WireguardWorld {
 public:
  WireguardWorld() {
    clean();
    sh("mkdir -p /run/systemd/system /var/lib/ployz && "
       "cp /src/packaging/systemd/ployz-wireguard.service /run/systemd/system/ && "
       "systemctl daemon-reload");
    auto connected = SystemdUnits::connect(std::chrono::seconds(20));
    EXPECT_TRUE(connected) << connected.error().line();
    if (connected) units = std::move(*connected);
    overlay = std::make_unique<WireguardOverlay>(*units, clock);
    sh("ip netns add pc-other && "
       "ip link add pc-here type veth peer name pc-there netns pc-other && "
       "ip addr add 192.0.2.1/24 dev pc-here && ip link set pc-here up && " +
       kOther + "ip addr add 192.0.2.2/24 dev pc-there && " + kOther +
       "ip link set pc-there up && " + kOther + "ip link set lo up && " + kOther +
       "ip addr add 10.101.1.1/32 dev lo && " + kOther + "ip addr add 10.101.1.5/32 dev lo");
    start_other();
  }
  ~WireguardWorld() {
    if (overlay) (void)overlay->remove();
    clean();
  }

  // The bridge, as the engine makes it, and a machine's worth of network namespace on it.
  void start_instance() {
    const Status made = bridge.ensure_network("10.101.0.0/24");
    ASSERT_TRUE(made) << made.error().line();
    sh("ip netns add pc-instance && "
       "ip link add pc-inst type veth peer name eth0 netns pc-instance && "
       "ip link set pc-inst mtu 1420 master ployz0 up && " +
       kInstance + "ip link set eth0 mtu 1420 up && " + kInstance +
       "ip addr add 10.101.0.7/24 dev eth0 && " + kInstance +
       "ip route add default via 10.101.0.1 && "
       // What the engine does on a host where it turned forwarding on itself.
       "iptables -w -P FORWARD DROP");
  }

  [[nodiscard]] OverlayConfig config() const {
    return {.private_key = private_key,
            .address = "10.101.0.1",
            .subnet = "10.101.0.0/24",
            .cluster_cidr = "10.101.0.0/16"};
  }
  [[nodiscard]] Peer other() const {
    return {wireguard_public_key(other_key).value_or(""), "10.101.1.0/24", {"192.0.2.2:51820"}};
  }
  [[nodiscard]] static bool await(const std::function<bool()>& is_true) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      if (is_true()) return true;
      (void)succeeds("ping -c 1 -W 0.2 10.101.1.1 >/dev/null 2>&1");
    }
    return false;
  }

  // Counts what arrives at the other machine by the underlay: "tunnel", "range" (packets of the
  // cluster's range in the clear) and "rest".
  static void start_counting() {
    sh(kOther +
       "nft -f - <<'EOF'\n"
       "table ip pc\ndelete table ip pc\ntable ip pc {\n"
       "  counter tunnel {}\n  counter range {}\n  counter rest {}\n"
       "  chain in { type filter hook prerouting priority -400;\n"
       "    iifname != \"pc-there\" accept\n"
       "    ip saddr 10.101.0.0/16 counter name range accept\n"
       "    ip daddr 10.101.0.0/16 counter name range accept\n"
       "    udp dport 51820 counter name tunnel accept\n    counter name rest\n  }\n}\nEOF");
  }
  static uint64_t counted(const std::string& what) {
    const std::string text = sh(kOther + "nft list counter ip pc " + what);
    const size_t at = text.find("packets ");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + 8));
  }

  SystemClock clock;
  std::unique_ptr<SystemdUnits> units;
  std::unique_ptr<WireguardOverlay> overlay;
  DockerApi api;
  DockerNetwork bridge{api, {"ployz-contract-overlay", "ployz0", 1420}};
  const std::string private_key = generate_wireguard_key();
  const std::string other_key = generate_wireguard_key();

 private:
  void start_other() const {
    const std::string us = wireguard_public_key(private_key).value_or("");
    sh(kOther +
       "env LOG_LEVEL=silent sh -c 'ip link add dev pc-wg type wireguard 2>/dev/null || "
       "wireguard-go pc-wg >/dev/null 2>&1' && echo " +
       other_key + " | " + kOther + "wg set pc-wg private-key /dev/stdin listen-port 51820 peer " +
       us + " allowed-ips 10.101.0.0/24 && " + kOther + "ip link set pc-wg mtu 1420 up && " +
       kOther + "ip route add 10.101.0.0/16 dev pc-wg src 10.101.1.1");
  }
  void clean() {
    (void)succeeds(
        "iptables -w -P FORWARD ACCEPT; nft delete table ip pc-ports; "
        "ip netns exec pc-other ip link delete pc-wg; ip netns delete pc-other; "
        "ip netns delete pc-instance; ip link delete pc-here; ip link delete pc-inst; "
        "ip route delete 10.101.0.0/16 metric 4000");
    (void)bridge.remove_network();
  }
};

}  // namespace ployz::contract

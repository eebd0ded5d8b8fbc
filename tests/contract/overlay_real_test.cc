// The Overlay contract on real WireGuard, and what only a real one has: traffic.

#include <arpa/inet.h>
#include <sys/socket.h>

#include "contract/wireguard_world.h"
#include "drivers/haproxy/port_redirect.h"
#include "model/invite.h"
#include "ports/peer_calls.h"

namespace ployz::contract {
namespace {

using std::chrono_literals::operator""s;

OverlayUnderTest make() {
  auto world = std::make_shared<WireguardWorld>();
  OverlayUnderTest result;
  result.overlay = world->overlay.get();
  result.config = world->config();
  result.answers = world->other();
  result.dead_endpoint = "192.0.2.9:51820";
  result.await = &WireguardWorld::await;
  result.owner = world;
  return result;
}

class WireguardOverlayTest : public testing::Test {
 protected:
  void SetUp() override {
    bring_up();
    world_.start_instance();
    ASSERT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  }
  void bring_up() {
    const Status up = world_.overlay->ensure_up(world_.config());
    ASSERT_TRUE(up) << up.error().line();
    const Status set = world_.overlay->set_peers({world_.other()});
    ASSERT_TRUE(set) << set.error().line();
  }
  static bool pings(const std::string& from, const std::string& to,
                    const std::string& options = "") {
    return succeeds(from + "ping -c 1 -W 1 " + options + " " + to);
  }
  // The address that a listener at `where` sees of a connection that `from` opens to `to`.
  static std::string seen_source(const std::string& where, const std::string& from,
                                 const std::string& to, int port, int listen_port) {
    auto listener = Child::start(
        {.argv = {"sh", "-c",
                  "exec " + where +
                      "perl -MIO::Socket::INET -e '$|=1; $l=IO::Socket::INET->new(Listen=>5,"
                      "ReuseAddr=>1,LocalPort=>" +
                      std::to_string(listen_port) +
                      ") or die; print \"ready\\n\"; alarm 10; $c=$l->accept; "
                      "print $c->peerhost, \"\\n\"'"}},
        {});
    EXPECT_TRUE(listener) << listener.error().line();
    std::string output = read_line(listener->out);
    EXPECT_EQ(output, "ready");
    (void)succeeds(from + "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(PeerAddr=>\"" + to +
                   "\",PeerPort=>" + std::to_string(port) + ",Timeout=>3) or exit 1'");
    output = read_line(listener->out);
    (void)listener->terminate();
    return output;
  }
  static std::string read_line(const Fd& from) {
    std::string line;
    char byte = 0;
    while (::read(from.get(), &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
  }

  WireguardWorld world_;
};

TEST_F(WireguardOverlayTest, TrafficPassesBothWaysWithItsSourceAndOnlyEncrypted) {
  WireguardWorld::start_counting();
  EXPECT_EQ(seen_source(kOther, kInstance, "10.101.1.5", 7001, 7001), "10.101.0.7");
  EXPECT_EQ(seen_source(kInstance, kOther, "10.101.0.7", 7002, 7002), "10.101.1.1");
  EXPECT_EQ(seen_source(kOther, "", "10.101.1.1", 7003, 7003), "10.101.0.1") << "from the host";
  EXPECT_TRUE(pings(kOther, "10.101.0.1")) << "to the host, on its bridge's address";
  EXPECT_GT(WireguardWorld::counted("tunnel"), 5u);
  EXPECT_EQ(WireguardWorld::counted("range"), 0u);
  EXPECT_EQ(WireguardWorld::counted("rest"), 0u);
}

TEST_F(WireguardOverlayTest, FullSizedPacketsPassUnfragmented) {
  EXPECT_TRUE(pings(kInstance, "10.101.1.5", "-M do -s 1392"));  // 1420 with IP and ICMP headers
  EXPECT_TRUE(pings(kOther, "10.101.0.7", "-M do -s 1392"));
  EXPECT_FALSE(pings(kInstance, "10.101.1.5", "-M do -s 1393"));
}

TEST_F(WireguardOverlayTest, TheOutsideSeesTheMachinesAddress) {
  EXPECT_EQ(seen_source(kOther, kInstance, "192.0.2.2", 7004, 7004), "192.0.2.1");
}

TEST_F(WireguardOverlayTest, AGuestReachesThePeerPortAndNothingElse) {
  Peer guest = world_.other();
  guest.subnet = guest_subnet(1);
  ASSERT_TRUE(world_.overlay->set_peers({guest}));
  sh(kOther + "ip addr add " + guest_address(1) + "/32 dev pc-wg");
  sh(kOther + "ip route replace 10.101.0.0/16 dev pc-wg src " + guest_address(1));
  const int peer_port = kPeerPort;
  EXPECT_EQ(seen_source("", kOther, "10.101.0.1", peer_port, peer_port), guest_address(1));
  EXPECT_EQ(seen_source("", kOther, "10.101.0.1", 7005, 7005), "");
  EXPECT_FALSE(pings(kOther, "10.101.0.1"));
  EXPECT_FALSE(pings(kOther, "10.101.0.7")) << "no container";
  EXPECT_FALSE(pings(kInstance, guest_address(1))) << "and no container reaches it";
}

TEST_F(WireguardOverlayTest, WhoWasRemovedReachesThePeerPortAtItsFormerAddressAndNothingElse) {
  const Peer member = world_.other();
  ASSERT_TRUE(world_.overlay->set_peers({{member.public_key, "10.101.1.0/30", {}, true}}));
  EXPECT_EQ(world_.overlay->peers().value().at(0).endpoint, "") << "nobody looks for it";
  const auto come_back = [&] {  // as a machine that knows where its peers are
    const std::string us = wireguard_public_key(world_.private_key).value_or("");
    sh(kOther + "wg set pc-wg peer " + us + " remove");
    sh(kOther + "wg set pc-wg peer " + us +
       " endpoint 192.0.2.1:51820 persistent-keepalive 1 allowed-ips 10.101.0.0/24");
  };
  const int peer_port = kPeerPort;
  const auto expect_confined = [&] {
    come_back();
    EXPECT_TRUE(WireguardWorld::await([&] {
      return seen_source("", kOther, "10.101.0.1", peer_port, peer_port) == "10.101.1.1";
    }));
    EXPECT_EQ(seen_source("", kOther, "10.101.0.1", 7005, 7005), "");
    EXPECT_FALSE(pings(kOther, "10.101.0.1"));
    EXPECT_FALSE(pings(kOther, "10.101.0.7")) << "no container";
    EXPECT_FALSE(pings(kInstance, "10.101.1.1")) << "and no container reaches it";
  };
  expect_confined();
  // Over a restart of the daemon, which brings up what it has, and of the machine.
  ASSERT_TRUE(world_.overlay->ensure_up(world_.config()));
  expect_confined();
  sh(std::string("systemctl stop ") + kOverlayUnit + "; nft delete table ip ployz-overlay");
  sh(std::string("systemctl start ") + kOverlayUnit);
  expect_confined();
  // Its subnet is another machine's now.
  ASSERT_TRUE(world_.overlay->set_peers({member}));
  come_back();
  EXPECT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  EXPECT_TRUE(pings(kOther, "10.101.0.7"));
}

TEST_F(WireguardOverlayTest, WithoutTheTunnelNothingOfTheRangeLeavesOrEnters) {
  sh("ip route add 10.101.0.0/16 via 192.0.2.2 metric 4000");  // where a default route would lead
  sh(kOther + "ip route add 10.101.0.0/16 via 192.0.2.1 metric 4000");
  sh(std::string("systemctl stop ") + kOverlayUnit);
  WireguardWorld::start_counting();
  EXPECT_FALSE(pings(kInstance, "10.101.1.5"));
  EXPECT_FALSE(pings("", "10.101.1.5"));
  EXPECT_EQ(WireguardWorld::counted("range"), 0u);
  sh(kOther + "ip link delete pc-wg");
  EXPECT_FALSE(pings(kOther, "10.101.0.1")) << "nobody gets in by the underlay";
  // The test can tell: without our table they do leave.
  sh("nft delete table ip ployz-overlay");
  (void)pings("", "10.101.1.5");
  EXPECT_GT(WireguardWorld::counted("range"), 0u);
}

TEST_F(WireguardOverlayTest, ARunningFlowDoesNotNoticeRepetitionsAndNewPeers) {
  auto flow = Child::start(
      {.argv = {"sh", "-c", kInstance + "ping -q -i 0.01 -c 300 -W 1 10.101.1.5"}}, {});
  ASSERT_TRUE(flow);
  for (int i = 0; i < 15; ++i) {
    bring_up();
    Peer more{std::string(42, static_cast<char>('b' + i)) + "A=",
              std::format("10.101.{}.0/24", i + 2),
              {}};
    const Status set = world_.overlay->set_peers({more, world_.other()});
    ASSERT_TRUE(set) << set.error().line();
  }
  std::string output;
  while (!output.contains("packet loss") && !output.contains("unreachable")) {
    const std::string line = read_line(flow->out);
    if (line.empty() && output.ends_with("\n\n\n")) break;  // it ended
    output += line + "\n";
  }
  EXPECT_NE(output.find(" 0% packet loss"), std::string::npos) << output;
}

TEST_F(WireguardOverlayTest, APeerThatWasRemovedIsCutOff) {
  ASSERT_TRUE(world_.overlay->set_peers({}));
  EXPECT_FALSE(pings(kInstance, "10.101.1.5"));
  EXPECT_FALSE(pings(kOther, "10.101.0.7"));
  bring_up();
  EXPECT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
}

TEST_F(WireguardOverlayTest, TheUnitAloneBringsItBack) {
  world_.overlay.reset();  // no daemon
  sh(std::string("systemctl restart ") + kOverlayUnit);
  EXPECT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  const bool of_kernel = sh("ip -d link show ployz-wg").contains("wireguard");
  const auto status = world_.units->status(kOverlayUnit);
  ASSERT_TRUE(status);
  ASSERT_NE(status->main_pid, 0u);
  sh("kill -9 " + std::to_string(status->main_pid));
  EXPECT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  if (!of_kernel) {  // of the kernel's interface nobody would notice
    sh("ip link delete ployz-wg");
    EXPECT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  }
  // As after a boot: no rules, no chain, no bridge, no interface.
  sh(std::string("systemctl stop ") + kOverlayUnit +
     "; nft delete table ip ployz-overlay; iptables -w -F DOCKER-USER");
  sh(std::string("systemctl start ") + kOverlayUnit);
  EXPECT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  EXPECT_EQ(seen_source(kOther, kInstance, "192.0.2.2", 7005, 7005), "192.0.2.1");
}

TEST_F(WireguardOverlayTest, ARestartOfTheEngineChangesNothing) {
  sh("systemctl reset-failed docker.service; systemctl restart docker.service");
  sh("iptables -w -P FORWARD DROP");
  EXPECT_TRUE(pings(kInstance, "10.101.1.5"));
  EXPECT_EQ(seen_source(kInstance, kOther, "10.101.0.7", 7006, 7006), "10.101.1.1");
}

// The address must be there before the engine makes the bridge, and the route survive its removal.
TEST_F(WireguardOverlayTest, TheAddressIsThereWithoutTheBridge) {
  sh("ip netns delete pc-instance; ip link delete pc-inst 2>/dev/null || true");
  const Status removed = world_.bridge.remove_network();
  ASSERT_TRUE(removed) << removed.error().line();
  EXPECT_EQ(seen_source("", kOther, "10.101.0.1", 7007, 7007), "10.101.1.1");
  EXPECT_EQ(seen_source(kOther, "", "10.101.1.1", 7008, 7008), "10.101.0.1");
  world_.start_instance();
  EXPECT_TRUE(pings(kInstance, "10.101.0.1"));
  EXPECT_TRUE(pings(kInstance, "10.101.1.5"));
}

TEST_F(WireguardOverlayTest, PublishedPortsAnswerByTunnelUnderlayAndBridge) {
  const PortRedirect redirect("pc-ports", 7010);
  ASSERT_TRUE(redirect.set_ports({7011}));
  EXPECT_EQ(seen_source("", kOther, "10.101.0.1", 7011, 7010), "10.101.1.1");
  EXPECT_EQ(seen_source("", kOther, "192.0.2.1", 7011, 7010), "192.0.2.2");
  EXPECT_EQ(seen_source("", kInstance, "10.101.0.1", 7011, 7010), "10.101.0.7");
}

TEST_F(WireguardOverlayTest, IsFastEnough) {
  const auto ms_of = [](const auto& call) {
    const auto before = std::chrono::steady_clock::now();
    call();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before)
        .count();
  };
  const double again = ms_of([&] { bring_up(); });
  ASSERT_TRUE(world_.overlay->remove());
  const double first = ms_of([&] { bring_up(); });
  ASSERT_TRUE(WireguardWorld::await([] { return pings(kInstance, "10.101.1.5"); }));
  Result<Child> sink = Child::start(
      {.argv = {"sh", "-c",
                "exec " + kOther +
                    "perl -MIO::Socket::INET -e '$|=1; $l=IO::Socket::INET->new(Listen=>5,"
                    "ReuseAddr=>1,LocalPort=>7020) or die; print \"ready\\n\"; $c=$l->accept; "
                    "1 while $n=sysread($c,$b,1<<20); print \"end\\n\"'"}},
      {});
  ASSERT_TRUE(sink);
  ASSERT_EQ(read_line(sink->out), "ready");
  constexpr int kMegabytes = 64;
  const double sent = ms_of([&] {
    sh(kInstance +
       "perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(PeerAddr=>\"10.101.1.5\","
       "PeerPort=>7020) or die; $b=\"x\" x (1<<20); for (1.." +
       std::to_string(kMegabytes) +
       ") { $o=0; while ($o<length $b) { $o+=syswrite($s,$b,length($b)-$o,$o) } }'");
    EXPECT_EQ(read_line(sink->out), "end");
  });
  const double mbit = kMegabytes * 8.388608 / (sent / 1000);
  std::printf("overlay: up in %.0f ms, again in %.0f ms; tunnel %.0f Mbit/s\n", first, again, mbit);
  EXPECT_LT(first, 10'000);
  EXPECT_LT(again, 3'000);
  EXPECT_GT(mbit, 20);  // far below any measurement: it works at all, on a loaded machine
}

TEST_F(WireguardOverlayTest, RemovedLeavesNothing) {
  ASSERT_TRUE(world_.overlay->remove());
  EXPECT_FALSE(succeeds("ip link show ployz-wg"));
  EXPECT_FALSE(succeeds("nft list table ip ployz-overlay"));
  EXPECT_EQ(sh("iptables -w -S DOCKER-USER").find("ployz"), std::string::npos);
  EXPECT_EQ(sh("ip route").find("10.101.0.0/16"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("/var/lib/ployz/wireguard"));
  EXPECT_FALSE(succeeds(std::string("systemctl is-active -q ") + kOverlayUnit));
}

TEST_F(WireguardOverlayTest, TheKeysAreThoseOfWg) {
  EXPECT_EQ(sh("echo " + world_.other_key + " | wg pubkey"), world_.other().public_key + "\n");
  EXPECT_EQ(sh("stat -c %a /var/lib/ployz/wireguard/wg.conf"), "600\n");
}

TEST_F(WireguardOverlayTest, AChangedKeyPortOrAddressTakesEffect) {
  OverlayConfig changed = world_.config();
  changed.port = 51999;
  changed.mtu = 1300;
  const Status up = world_.overlay->ensure_up(changed);
  ASSERT_TRUE(up) << up.error().line();
  EXPECT_EQ(sh("wg show ployz-wg listen-port"), "51999\n");
  EXPECT_EQ(sh("cat /sys/class/net/ployz-wg/mtu"), "1300\n");
  changed.address = "10.101.0.2";
  ASSERT_TRUE(world_.overlay->ensure_up(changed));
  EXPECT_EQ(sh("ip -br addr show ployz-wg | tr -s ' ' | cut -d' ' -f3"), "10.101.0.2/32\n");
  EXPECT_TRUE(WireguardWorld::await([] { return pings("", "10.101.1.5"); }));
}

TEST(WireguardOverlay, APortInUseIsAPrecondition) {
  WireguardWorld world;
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(kOverlayPort);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  const Status up = world.overlay->ensure_up(world.config());
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Code::precondition);
  EXPECT_NE(up.error().line().find("51820"), std::string::npos) << up.error().line();
  EXPECT_FALSE(std::filesystem::exists("/var/lib/ployz/wireguard/wg.conf"));
}

// What one machine made before there were many.
TEST(ContainerBridge, AnOldMasqueradingNetworkIsMadeAnewUnlessInUse) {
  DockerMachine machine;
  const auto make_old = [&] {
    sh("docker network create -o com.docker.network.bridge.name=ployzc0 "
       "-o com.docker.network.bridge.enable_ip_masquerade=true --subnet 10.199.0.0/24 "
       "--gateway 10.199.0.1 ployz-contract");
  };
  const auto masquerades = [] {
    return sh("docker network inspect ployz-contract").find("enable_ip_masquerade\": \"false\"") ==
           std::string::npos;
  };
  (void)machine.network.remove_network();
  make_old();
  sh("docker create --name ployz-contract-user --network ployz-contract debian:trixie true");
  const Status refused = machine.network.ensure_network("10.199.0.0/24");
  sh("docker rm -f ployz-contract-user");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_NE(refused.error().line().find("older version"), std::string::npos);
  EXPECT_TRUE(masquerades());
  const Status again = machine.network.ensure_network("10.199.0.0/24");
  ASSERT_TRUE(again) << again.error().line();
  EXPECT_FALSE(masquerades());
  EXPECT_TRUE(machine.network.ensure_network("10.199.0.0/24"));
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Wireguard, OverlayContract, testing::Values(&make));

}  // namespace ployz::contract

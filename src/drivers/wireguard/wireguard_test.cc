// The pure parts of the driver: keys, the files of the unit, what to change on a running interface.
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/wireguard/interface_state.h"
#include "drivers/wireguard/overlay_files.h"
#include "drivers/wireguard/wireguard_key.h"
#include "model/invite.h"

namespace ployz {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kKeyA = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string kKeyB = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";

OverlayConfig config() {
  return {.private_key = kKeyA,
          .address = "10.101.0.1",
          .subnet = "10.101.0.0/24",
          .cluster_cidr = "10.101.0.0/16"};
}

// RFC 7748, section 6.1, Bob: 5dab087e…88e0eb and de9edb7d…882b4f.
TEST(WireguardKey, PublicHalfOfAKnownKey) {
  EXPECT_EQ(wireguard_public_key("XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os="),
            "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=");
}

TEST(WireguardKey, GeneratedOnesAreClampedAndDifferent) {
  const std::string one = generate_wireguard_key();
  EXPECT_TRUE(is_wireguard_key(one));
  EXPECT_NE(one, generate_wireguard_key());
  EXPECT_TRUE(wireguard_public_key(one));
  // The lowest three bits of the first byte are 0: of its first two digits, only the first and the
  // upper bits of the second say anything.
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  EXPECT_EQ(digits.find(one[0]) & 1, 0u);
  EXPECT_EQ(digits.find(one[1]) & 0x30, 0u);
}

TEST(WireguardKey, OnlyThirtyTwoBytesInCanonicalBase64) {
  for (const std::string& bad :
       {std::string(), kKeyA.substr(1), kKeyA + "A", kKeyA.substr(0, 43) + "A",
        kKeyA.substr(0, 42) + "9=", std::string(44, '-'), kKeyA + "\n"}) {
    EXPECT_FALSE(is_wireguard_key(bad)) << bad;
    const auto key = wireguard_public_key(bad);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, Code::invalid);
  }
}

TEST(OverlayConfigCheck, NamesWhatIsWrongAndNeverTheKey) {
  EXPECT_TRUE(check_config(config()));
  const auto refuses = [](auto change) {
    OverlayConfig changed = config();
    change(changed);
    const Status checked = check_config(changed);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, Code::invalid);
    EXPECT_THAT(checked.error().line(), Not(HasSubstr(changed.private_key)));
  };
  refuses([](OverlayConfig& c) { c.private_key = "short"; });
  refuses([](OverlayConfig& c) { c.address = "10.101.1.1"; });
  refuses([](OverlayConfig& c) { c.address = "10.101.0.1/24"; });
  refuses([](OverlayConfig& c) { c.subnet = "10.102.0.0/24"; });
  refuses([](OverlayConfig& c) { c.subnet = "10.101.0.1/24"; });
  refuses([](OverlayConfig& c) { c.cluster_cidr = "all\n; drop"; });
  refuses([](OverlayConfig& c) { c.port = 0; });
  refuses([](OverlayConfig& c) { c.mtu = 100; });
}

TEST(PeerCheck, KeysSubnetsAndEndpoints) {
  const Peer good{kKeyB, "10.101.1.0/24", {"192.0.2.7:51820", "[2001:db8::1]:51820"}};
  EXPECT_TRUE(check_peers({good}));
  EXPECT_FALSE(check_peers({good, good}));
  EXPECT_FALSE(check_peers({{"key", "10.101.1.0/24", {}}}));
  EXPECT_FALSE(check_peers({{kKeyB, "10.101.1.1", {}}}));
  for (const char* endpoint : {"", "192.0.2.7", "192.0.2.7:0", "192.0.2.7:65536", "host:51820",
                               "2001:db8::1:51820", "192.0.2.7:1\n[Peer]", "[::1]:"}) {
    EXPECT_FALSE(check_peers({{kKeyB, "10.101.1.0/24", {endpoint}}})) << endpoint;
  }
}

TEST(OverlayFiles, TheKeyFileIsWhatWgReads) {
  const std::string peers =
      peer_sections({{kKeyB, "10.101.1.0/24", {"192.0.2.7:1"}}, {kKeyA, "10.101.2.0/24", {}}},
                    {{kKeyB, "192.0.2.7:1"}});
  const std::string file = interface_section(config()) + peers;
  EXPECT_EQ(file, "[Interface]\nPrivateKey = " + kKeyA +
                      "\nListenPort = 51820\n[Peer]\nPublicKey = " + kKeyB +
                      "\nAllowedIPs = 10.101.1.0/24\nPersistentKeepalive = 25\n"
                      "Endpoint = 192.0.2.7:1\n[Peer]\nPublicKey = " +
                      kKeyA + "\nAllowedIPs = 10.101.2.0/24\nPersistentKeepalive = 25\n");
  EXPECT_EQ(peers_part(file), peers);
  EXPECT_EQ(interface_part(file), interface_section(config()));
  EXPECT_EQ(peers_part(interface_section(config())), "");
  EXPECT_EQ(interface_part(interface_section(config())), interface_section(config()));
}

TEST(OverlayFiles, TheUnitUsesTheRulesAndNamesOfTheDriver) {
  std::ifstream file("packaging/systemd/ployz-wireguard.service");
  std::stringstream text;
  text << file.rdbuf();
  for (const std::vector<std::string>& rule : forward_rules()) {
    std::string line;
    for (const std::string& word : rule) line += " " + word;
    EXPECT_THAT(text.str(), HasSubstr("=/usr/sbin/iptables -w -I DOCKER-USER" + line + "\n"));
    EXPECT_THAT(text.str(), HasSubstr("=-/usr/sbin/iptables -w -D DOCKER-USER" + line + "\n"));
  }
  EXPECT_THAT(text.str(), HasSubstr("exec wireguard-go " + std::string(kOverlayInterface)));
}

TEST(OverlayFiles, GuestsReachThePeerPortAndNothingElse) {
  const std::string rules = firewall_rules(config());
  const size_t may = rules.find(
      "iifname \"ployz-wg\" ip saddr @guests ip daddr 10.101.0.1 tcp dport 4320 accept\n");
  EXPECT_THAT(rules, HasSubstr("elements = { 169.254.100.0/22 }\n"));
  const size_t rest = rules.find("    ip saddr @guests drop\n");
  const size_t members = rules.find("iifname { \"ployz-wg\"");
  ASSERT_NE(may, std::string::npos) << rules;
  EXPECT_LT(may, rest);
  EXPECT_LT(rest, members) << "before whatever comes through the tunnel is let pass";
  EXPECT_THAT(rules, HasSubstr("ip daddr @guests ip saddr != 10.101.0.1 drop\n"));
  EXPECT_THAT(address_batch(config()),
              EndsWith("route replace 169.254.100.0/22 dev ployz-wg src 10.101.0.1\n"));
}

TEST(OverlayFiles, WhoWasRemovedIsAGuest) {
  const std::vector<Peer> peers{{kKeyA, "10.101.1.0/24", {}},
                                {kKeyB, "10.101.7.0/30", {}, true},
                                {kKeyB, "10.101.9.0/30", {}, true}};
  const std::string rules = firewall_rules(config());
  const std::string elements = removed_elements(peers);
  EXPECT_EQ(elements, "add element ip ployz-overlay guests { 10.101.7.0/30, 10.101.9.0/30 }\n");
  EXPECT_EQ(removed_elements({peers[0]}), "");
  // Whoever writes the one part keeps the other.
  EXPECT_EQ(rules_part(rules + elements), rules);
  EXPECT_EQ(removed_part(rules + elements), elements);
  EXPECT_EQ(rules_part(rules), rules);
  EXPECT_EQ(removed_part(rules), "");
}

TEST(OverlayFiles, AGuestIsOnTheOverlayWithoutASubnetOfTheCluster) {
  OverlayConfig guest = config();
  guest.subnet = guest_subnet(7);
  guest.address = guest_address(7);
  EXPECT_TRUE(check_config(guest));
  EXPECT_THAT(address_batch(guest),
              EndsWith("route replace 10.101.0.0/16 dev ployz-wg src 169.254.100.29\n"));
  EXPECT_THAT(firewall_rules(guest), Not(HasSubstr("guests")));
  guest.subnet = "169.254.99.0/30";
  guest.address = "169.254.99.1";
  EXPECT_FALSE(check_config(guest));
}

TEST(InterfaceState, ReadsADump) {
  const std::string dump = kKeyA + "\t" + kKeyB + "\t51820\toff\n" + kKeyB +
                           "\t(none)\t192.0.2.7:51820\t10.101.1.0/24\t1700000000\t12\t34\t25\n" +
                           kKeyA + "\t(none)\t(none)\t(none)\t0\t0\t0\toff\n";
  const auto state = parse_dump(dump);
  ASSERT_TRUE(state) << state.error().line();
  EXPECT_EQ(state->private_key, kKeyA);
  EXPECT_EQ(state->port, 51820);
  ASSERT_EQ(state->peers.size(), 2u);
  const LivePeer& peer = state->peers.at(kKeyB);
  EXPECT_EQ(peer.endpoint, "192.0.2.7:51820");
  EXPECT_EQ(peer.allowed_ips, "10.101.1.0/24");
  EXPECT_EQ(peer.handshake_s, 1700000000u);
  EXPECT_EQ(peer.received_bytes, 12u);
  EXPECT_EQ(peer.sent_bytes, 34u);
  EXPECT_EQ(peer.keepalive_s, 25);
  EXPECT_EQ(state->peers.at(kKeyA).endpoint, "");
  EXPECT_TRUE(has_session(peer, 1700000000'000 + 179'000));
  EXPECT_FALSE(has_session(peer, 1700000000'000 + 180'000));
  EXPECT_FALSE(has_session(state->peers.at(kKeyA), 0));
}

TEST(InterfaceState, GarbageIsCorruptAndNotShown) {
  for (const std::string& text :
       {std::string(), std::string("\n"), kKeyA + "\t51820", kKeyA + "\tb\tport\toff\n",
        kKeyA + "\t" + kKeyB + "\t1\toff\n" + kKeyB + "\tx\n"}) {
    const auto state = parse_dump(text);
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().code, Code::corrupt);
    EXPECT_THAT(state.error().line(), Not(HasSubstr(kKeyA)));
  }
}

TEST(Endpoints, AreTriedInTurn) {
  const std::vector<std::string> three{"a:1", "b:1", "c:1"};
  EXPECT_EQ(next_endpoint(three, ""), "a:1");
  EXPECT_EQ(next_endpoint(three, "a:1"), "b:1");
  EXPECT_EQ(next_endpoint(three, "c:1"), "a:1");
  EXPECT_EQ(next_endpoint(three, "elsewhere:1"), "a:1");
  EXPECT_EQ(next_endpoint({}, "a:1"), "");
}

TEST(PeerChanges, OnlyWhatDiffersIsMentioned) {
  InterfaceState state;
  state.peers["gone"] = {"10.101.9.0/24", "", 0, 0, 0, 25};
  state.peers["same"] = {"10.101.1.0/24", "192.0.2.1:1", 5, 0, 0, 25};
  const WantedPeer same{{"same", "10.101.1.0/24", {}}, "192.0.2.1:1"};
  EXPECT_THAT(peer_changes(state, {same, {{"new", "10.101.9.0/24", {}}, "192.0.2.2:1"}}),
              ElementsAre("peer", "gone", "remove", "peer", "new", "endpoint", "192.0.2.2:1",
                          "persistent-keepalive", "25", "allowed-ips", "10.101.9.0/24"));
  state.peers.erase("gone");
  EXPECT_THAT(peer_changes(state, {same}), IsEmpty());
  EXPECT_THAT(peer_changes(state, {{same.peer, ""}}), IsEmpty());
  EXPECT_THAT(peer_changes(state, {{same.peer, "192.0.2.3:1", true}}),
              ElementsAre("peer", "same", "remove", "peer", "same", "endpoint", "192.0.2.3:1",
                          "persistent-keepalive", "25", "allowed-ips", "10.101.1.0/24"));
  EXPECT_THAT(
      peer_changes(state, {{{"same", "10.101.2.0/24", {}}, ""}}),
      ElementsAre("peer", "same", "persistent-keepalive", "25", "allowed-ips", "10.101.2.0/24"));
}

TEST(PeerChanges, OneThatIsRemovedLosesItsSessionOnce) {
  InterfaceState state;
  state.peers["gone"] = {"10.101.9.0/24", "192.0.2.9:1", 5, 0, 0, 25};
  const WantedPeer gone{{"gone", "10.101.9.0/30", {}, true}, ""};
  EXPECT_THAT(peer_changes(state, {gone}),
              ElementsAre("peer", "gone", "remove", "peer", "gone", "persistent-keepalive", "25",
                          "allowed-ips", "10.101.9.0/30"));
  EXPECT_THAT(peer_changes(state, {{gone.peer, "192.0.2.9:1"}}),
              ElementsAre("peer", "gone", "remove", "peer", "gone", "endpoint", "192.0.2.9:1",
                          "persistent-keepalive", "25", "allowed-ips", "10.101.9.0/30"));
  state.peers["gone"] = {"10.101.9.0/30", "192.0.2.9:1", 5, 0, 0, 25};
  EXPECT_THAT(peer_changes(state, {gone}), IsEmpty()) << "when it calls it is heard";
}

}  // namespace
}  // namespace ployz

// The Dns contract on a real knotd, and what only a real one shows: what clients are answered.
#include <atomic>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files.h"
#include "contract/dns_contract.h"
#include "contract/knot_server.h"
#include "drivers/knot/control_session.h"

namespace ployz::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kZone = "cluster.test";
const std::string kWeb = "web.shop.cluster.test";

DnsUnderTest make() {
  auto server = std::make_shared<KnotServer>(kZone);
  auto dns = std::make_shared<KnotDns>(server->dns_config());
  return {std::move(server), std::move(dns)};
}

class Knot : public testing::Test {
 protected:
  void replace(const DnsRecords& records) {
    const Status replaced = dns_.replace(records);
    ASSERT_TRUE(replaced) << replaced.error().line();
  }
  void expect_served(const std::string& name, const std::set<std::string>& addresses) {
    EXPECT_EQ(server_.ask(name).addresses, addresses) << name;
  }
  KnotServer server_{kZone};
  KnotDns dns_{server_.dns_config()};
};

TEST_F(Knot, ClientsAreAnswered) {
  replace({{"web.shop", {"10.0.0.1", "10.0.0.2"}}});
  const DnsAnswer answer = server_.ask(kWeb);
  EXPECT_EQ(answer.rcode, 0);
  EXPECT_TRUE(answer.authoritative);
  EXPECT_EQ(answer.addresses, (std::set<std::string>{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(answer.ttls, std::set<uint32_t>{kRecordTtl});
  const DnsAnswer other_type = server_.ask(kWeb, kTypeAaaa);
  EXPECT_EQ(other_type.rcode, 0);
  EXPECT_TRUE(other_type.ttls.empty());
  EXPECT_EQ(server_.ask("no.shop.cluster.test").rcode, 3);
  EXPECT_EQ(server_.ask("shop.cluster.test").rcode, 0);  // has names below it
  replace({});
  EXPECT_EQ(server_.ask(kWeb).rcode, 3);
}

TEST_F(Knot, WithoutResolversOtherNamesAreRefused) {
  EXPECT_EQ(server_.ask("www.example.test").rcode, 5);
}

TEST_F(Knot, AKilledKnotdServesTheSameWhenItIsBack) {
  const DnsRecords records = many_records(100);
  replace({{"web.shop", {"10.0.0.1"}}});
  replace(records);
  for (int round = 0; round < 3; ++round) {
    server_.kill();
    const Status refused = dns_.replace({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unavailable);
    EXPECT_EQ(refused.error().effect, Effect::none);
    server_.start();
    EXPECT_EQ(dns_.records(), records);
    expect_served("s7.shop.cluster.test", {"10.1.0.8"});
  }
  replace({{"web.shop", {"10.0.0.1"}}});
  expect_served(kWeb, {"10.0.0.1"});
}

TEST_F(Knot, AReloadServesTheSame) {
  replace({{"web.shop", {"10.0.0.1"}}});
  replace({{"web.shop", {"10.0.0.2"}}});
  server_.reload();
  expect_served(kWeb, {"10.0.0.2"});
  replace({{"web.shop", {"10.0.0.3"}}});
  expect_served(kWeb, {"10.0.0.3"});
}

TEST_F(Knot, TheSerialGrowsWithEveryChange) {
  uint32_t last = 0;
  for (int i = 0; i < 3; ++i) {
    replace({{"web.shop", {std::format("10.0.0.{}", i + 1)}}});
    auto session = ControlSession::connect(server_.dns_config().control_socket, kZone,
                                           deadline_in(std::chrono::seconds(5)));
    ASSERT_TRUE(session);
    const auto soa = session->run("zone-read", {"@", "", "SOA", ""});
    ASSERT_TRUE(soa && soa->size() == 1);
    const auto serial = soa_serial(soa->front().data);
    ASSERT_TRUE(serial);
    EXPECT_GT(*serial, last);
    last = *serial;
  }
}

TEST_F(Knot, WhatIsRefusedChangesNothing) {
  replace({{"web.shop", {"10.0.0.1"}}});
  for (const DnsRecords& bad : {DnsRecords{{"api.shop", {"10.0.0.9"}}, {"b ad", {"10.0.0.1"}}},
                                DnsRecords{{"api.shop", {"10.0.0.9", "::1"}}}}) {
    const Status refused = dns_.replace(bad);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::invalid);
  }
  EXPECT_EQ(dns_.records(), (DnsRecords{{"web.shop", {"10.0.0.1"}}}));
}

TEST_F(Knot, AnotherWritersOpenTransactionIsGivenUp) {
  {
    auto session = ControlSession::connect(server_.dns_config().control_socket, kZone,
                                           deadline_in(std::chrono::seconds(5)));
    ASSERT_TRUE(session);
    ASSERT_TRUE(session->run("zone-begin"));
    ASSERT_TRUE(session->run("zone-set", {"lost.shop", "1", "A", "10.0.0.9"}));
  }
  replace({{"web.shop", {"10.0.0.1"}}});
  EXPECT_EQ(dns_.records(), (DnsRecords{{"web.shop", {"10.0.0.1"}}}));
  EXPECT_EQ(server_.ask("lost.shop.cluster.test").rcode, 3);
}

TEST_F(Knot, RecordsWithAnotherTtlAreReplaced) {
  server_.kill();
  const auto file = server_.dns_config().zone_file;
  ASSERT_TRUE(write_file(file, zone_text(kZone, 5, {}) + "web.shop 60 A 10.0.0.1\n"));
  server_.start();
  EXPECT_EQ(server_.ask(kWeb).ttls, std::set<uint32_t>{60});
  replace({{"web.shop", {"10.0.0.1", "10.0.0.2"}}});
  EXPECT_EQ(server_.ask(kWeb).ttls, std::set<uint32_t>{kRecordTtl});
}

TEST_F(Knot, ADamagedZoneFileIsMadeAnew) {
  replace({{"web.shop", {"10.0.0.1"}}});
  for (const auto* damage : {"", "garbage"}) {
    server_.kill();
    ASSERT_TRUE(write_file(server_.dns_config().zone_file, damage));
    server_.start();
    const auto served = dns_.records();
    ASSERT_FALSE(served);
    EXPECT_EQ(served.error().code, Code::precondition);
    replace({{"web.shop", {"10.0.0.2"}}});
    expect_served(kWeb, {"10.0.0.2"});
  }
  server_.kill();
  server_.start();
  expect_served(kWeb, {"10.0.0.2"});
}

TEST_F(Knot, AZoneFileThatCannotBeWrittenIsSaid) {
  KnotDnsConfig config = server_.dns_config();
  config.zone_file = "/dev/null/cluster.zone";
  const Status replaced = KnotDns(config).replace({{"web.shop", {"10.0.0.1"}}});
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().effect, Effect::applied);
  expect_served(kWeb, {"10.0.0.1"});
  replace({{"web.shop", {"10.0.0.1"}}});  // nothing to commit, and the file is written all the same
  server_.kill();
  server_.start();
  expect_served(kWeb, {"10.0.0.1"});
}

TEST_F(Knot, AnotherZoneIsNotFound) {
  KnotDnsConfig config = server_.dns_config();
  config.zone = "other.test";
  const Status replaced = KnotDns(config).replace({{"web.shop", {"10.0.0.1"}}});
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::not_found);
}

TEST_F(Knot, AChangeLeavesNoGap) {
  replace({{"web.shop", {"10.0.0.1"}}});
  std::atomic<int> asked = 0, wrong = 0;
  {
    const std::jthread client([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        ++asked;
        if (server_.ask(kWeb).addresses.size() != 1) ++wrong;
      }
    });
    for (int i = 0; i < 100; ++i) replace({{"web.shop", {std::format("10.0.0.{}", i % 2 + 1)}}});
  }
  EXPECT_GT(asked, 0);
  EXPECT_EQ(wrong, 0);
}

TEST_F(Knot, OtherSocketsAreErrorsAndTheOldRecordsAreServed) {
  replace({{"web.shop", {"10.0.0.1"}}});
  KnotDnsConfig config = server_.dns_config();
  config.timeout = milliseconds(300);
  const auto fails = [&](const std::filesystem::path& socket, Code code) {
    config.control_socket = socket;
    const Status replaced = KnotDns(config).replace({});
    ASSERT_FALSE(replaced) << socket;
    EXPECT_EQ(replaced.error().code, code) << replaced.error().line();
    EXPECT_EQ(replaced.error().effect, Effect::none);
    EXPECT_FALSE(KnotDns(config).records());
  };
  fails(server_.folder() / "absent.sock", Code::unavailable);
  fails(server_.folder() / "knot.conf", Code::unavailable);  // nobody can listen on a file
  fails(server_.folder() / std::string(120, 'x'), Code::invalid);

  const auto path = server_.folder() / "strange.sock";
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 8), 0);
  const auto start = steady_clock::now();
  fails(path, Code::timeout);
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(3));
  expect_served(kWeb, {"10.0.0.1"});
}

TEST_F(Knot, GarbageOnTheSocketIsCorrupt) {
  const auto path = server_.folder() / "garbage.sock";
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 8), 0);
  const std::jthread garbage([&] {
    const Fd peer(accept(listener.get(), nullptr, nullptr));
    char byte = 0;
    (void)!read(peer.get(), &byte, 1);
    (void)!write(peer.get(), "HTTP/1.1 400 Bad Request\r\n", 26);
    while (read(peer.get(), &byte, 1) > 0) {
    }
  });
  KnotDnsConfig config = server_.dns_config();
  config.control_socket = path;
  const Status replaced = KnotDns(config).replace({});
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Code::corrupt) << replaced.error().line();
}

// A machine's resolvers, the second of which answers.
struct Forwarding {
  Forwarding() {
    KnotDns dns(upstream.dns_config());
    EXPECT_TRUE(dns.replace({{"www", {"192.0.2.1"}}}));
  }
  BoundPort silent = bind_free_port();
  KnotServer upstream{"example.test"};
};

std::string address_of(uint16_t port) {
  return std::format("127.0.0.1@{}", port);
}

TEST(KnotForwarding, OtherNamesAreForwardedAndTheZonesAreNot) {
  const Forwarding resolvers;
  // The zone exists upstream too, with a name it does not have here: it must not be seen.
  KnotServer leak(kZone);
  EXPECT_TRUE(KnotDns(leak.dns_config()).replace({{"leak.shop", {"192.0.2.9"}}}));
  KnotServer server(kZone, {address_of(resolvers.upstream.port())});
  KnotServer leaking(kZone, {address_of(leak.port())});
  EXPECT_EQ(server.ask("www.example.test").addresses, std::set<std::string>{"192.0.2.1"});
  EXPECT_EQ(server.ask("no.example.test").rcode, 3);
  EXPECT_EQ(leaking.ask("leak.shop.cluster.test").rcode, 3);
}

TEST(KnotForwarding, TheNextResolverIsAskedWhenOneIsSilent) {
  const Forwarding resolvers;
  KnotServer server(kZone,
                    {address_of(resolvers.silent.number), address_of(resolvers.upstream.port())});
  EXPECT_EQ(server.ask("www.example.test").addresses, std::set<std::string>{"192.0.2.1"});
}

TEST(KnotForwarding, SilentResolversHardlyDelayTheZone) {
  const BoundPort silent = bind_free_port();
  KnotServer server(kZone, {address_of(silent.number)});
  ASSERT_TRUE(KnotDns(server.dns_config()).replace({{"web.shop", {"10.0.0.1"}}}));
  constexpr int kWaiting = 8;
  constexpr int kAsked = 100;
  std::vector<std::jthread> waiting;
  for (int i = 0; i < kWaiting; ++i) {
    waiting.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) (void)server.ask("www.example.test");
    });
  }
  pollfd arrived{silent.fd.get(), POLLIN, 0};
  ASSERT_TRUE(poll_until(std::span(&arrived, 1), deadline_in(std::chrono::seconds(5))));
  int prompt = 0;
  for (int i = 0; i < kAsked; ++i) {
    prompt += ask(server.port(), kWeb, kTypeA, milliseconds(50)).addresses.size() == 1;
  }
  testing::Test::RecordProperty("prompt_of_100", prompt);
  // 8 of 64 workers wait for the resolver: 88 of 100 on average.
  EXPECT_GE(prompt, 60);
  for (auto& thread : waiting) thread.request_stop();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Knot, DnsContract, testing::Values(&make));

}  // namespace ployz::contract

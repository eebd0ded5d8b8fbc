// The Gateway contract on HAProxy, and what only the real one can show: connections that are in use,
// published ports, a gateway that is away or talks nonsense.
#include <future>

#include "base/files.h"
#include "base/unix_stream.h"
#include "contract/gateway_contract.h"
#include "contract/haproxy_world.h"

namespace ployz::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(Haproxy, GatewayContract, testing::Values(&HaproxyWorld::make));

class HaproxyTest : public testing::Test {
 protected:
  Backend ensured(const std::string& name, BackendMode mode = BackendMode::http) {
    const Backend backend = backend_of(name, {world().start_server(name)}, mode);
    const Status status = gateway().ensure_backends({backend}, kPatience);
    EXPECT_TRUE(status) << status.error().line();
    return backend;
  }
  void commit(const RouteTable& table) {
    const Status status = gateway().commit_routes(table);
    ASSERT_TRUE(status) << status.error().line();
  }
  HaproxyWorld& world() {
    if (!world_) world_.emplace(config_);
    return *world_;
  }
  Gateway& gateway() { return world().gateway(); }
  RuntimeApi api() { return RuntimeApi(config_.socket.string()); }

  HaproxyConfig config_ = HaproxyWorld::small_config();
  std::optional<HaproxyWorld> world_;
};

TEST_F(HaproxyTest, RetiringWaitsForARequestThatRuns) {
  const Backend old = ensured("old");
  NamedServer& server = world().last_server();
  commit(table_of({{"shop.example.com", "/", old.key}}));
  auto answer = std::async(std::launch::async, [&] {
    return KeptClient(config_.listen_port).get("shop.example.com", "/held");
  });
  server.await_held();
  const Backend fresh = ensured("fresh");
  commit(table_of({{"shop.example.com", "/", fresh.key}}, 2));
  auto retired = std::async(std::launch::async,
                            [&] { return gateway().retire_backends({old.key}, 20 * kPatience); });
  // Nothing else is held up meanwhile.
  commit(table_of({{"shop.example.com", "/", fresh.key}}, 3));
  EXPECT_EQ(world().get("shop.example.com", "/"), "fresh");
  EXPECT_EQ(retired.wait_for(kShort), std::future_status::timeout);
  server.release();
  const Status status = retired.get();
  EXPECT_TRUE(status) << status.error().line();
  EXPECT_EQ(answer.get().body, "old");
  EXPECT_THAT(*gateway().backends(), testing::ElementsAre(fresh));
}

TEST_F(HaproxyTest, RetiringCutsWhatOutlivesTheLimit) {
  const Backend old = ensured("old");
  NamedServer& server = world().last_server();
  commit(table_of({{"shop.example.com", "/", old.key}}));
  auto answer = std::async(std::launch::async, [&] {
    return KeptClient(config_.listen_port).get("shop.example.com", "/held");
  });
  server.await_held();
  commit(table_of({}, 2));
  const Status status = gateway().retire_backends({old.key}, kShort);
  EXPECT_TRUE(status) << status.error().line();
  EXPECT_NE(answer.get().status, 200);
  EXPECT_THAT(*gateway().backends(), testing::IsEmpty());
}

// Its first packet was lost, as it seems: when it is tried again there must be a server to try.
TEST_F(HaproxyTest, RetiringWaitsForARequestThatStillConnects) {
  Listener deaf;
  ASSERT_EQ(::listen(deaf.fd(), 0), 0);
  const Fd filler = connected(deaf.port());  // with this its queue is full: it ignores every SYN
  const Backend old =
      backend_of("old", {std::format("127.0.0.1:{}", deaf.port()), world().start_server("old")});
  NamedServer& server = world().last_server();
  ASSERT_TRUE(gateway().ensure_backends({old}, std::chrono::milliseconds(0)));
  commit(table_of({{"shop.example.com", "/", old.key}}));
  const auto get = [&] { return KeptClient(config_.listen_port).get("shop.example.com", "/held"); };
  auto one = std::async(std::launch::async, get);  // by turns: one of them meets the deaf server
  auto two = std::async(std::launch::async, get);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (api().sessions({"h0000"}) != 2) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  const Backend fresh = ensured("fresh");
  commit(table_of({{"shop.example.com", "/", fresh.key}}, 2));
  server.release();
  const Status status = gateway().retire_backends({old.key}, 20 * kPatience);
  EXPECT_TRUE(status) << status.error().line();
  EXPECT_EQ(one.get().body, "old");
  EXPECT_EQ(two.get().body, "old");
  EXPECT_THAT(*gateway().backends(), testing::ElementsAre(fresh));
}

TEST_F(HaproxyTest, WaitingForADeadServerHoldsUpNobody) {
  const Backend web = ensured("web");
  auto waiting = std::async(std::launch::async, [&] {
    return gateway().ensure_backends({backend_of("dead", {world().dead_address()})}, kPatience);
  });
  commit(table_of({{"shop.example.com", "/", web.key}}));
  EXPECT_EQ(world().get("shop.example.com", "/"), "web");
  EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  EXPECT_FALSE(waiting.get());
}

TEST_F(HaproxyTest, AServerThatStartsLateIsWaitedFor) {
  const uint16_t port = unused_port();
  const Backend late = backend_of("late", {std::format("127.0.0.1:{}", port)});
  auto waiting = std::async(std::launch::async,
                            [&] { return gateway().ensure_backends({late}, 4 * kPatience); });
  EXPECT_EQ(waiting.wait_for(kShort), std::future_status::timeout);
  const Listener listener(port);
  EXPECT_TRUE(waiting.get());
}

// After a restart of its server a backend would be down until the next check.
TEST_F(HaproxyTest, AwaitedServersAreUsedAtOnceWhateverTheChecksSaid) {
  const Backend web = ensured("web");
  commit(table_of({{"shop.example.com", "/", web.key}}));
  ASSERT_TRUE(api().ask("set server h0000/s1 health down"));
  EXPECT_EQ(world().get("shop.example.com", "/"), "");
  ASSERT_TRUE(gateway().await_backends({web.key}, kPatience));
  EXPECT_EQ(world().get("shop.example.com", "/"), "web");
}

TEST_F(HaproxyTest, SlotsRunOutAndComeBack) {
  std::vector<Backend> all;
  const std::string address = world().start_server("web");
  for (int i = 0; i < 12; ++i) all.push_back(backend_of("s" + std::to_string(i), {address}));
  ASSERT_TRUE(gateway().ensure_backends(all, kPatience));
  const Backend more = backend_of("more", {address});
  const Status full = gateway().ensure_backends({more}, kPatience);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::unavailable);
  ASSERT_TRUE(gateway().retire_backends({all[3].key}, kShort));
  EXPECT_TRUE(gateway().ensure_backends({more}, kPatience));
}

TEST_F(HaproxyTest, AGatewayThatIsAwayIsUnavailableAndComesBackRight) {
  const Backend web = ensured("web");
  commit(table_of({{"shop.example.com", "/", web.key}}));
  world().process().kill();
  const Backend next = backend_of("next", {world().start_server("next")});
  const Status ensured = gateway().ensure_backends({next}, kPatience);
  ASSERT_FALSE(ensured);
  EXPECT_EQ(ensured.error().code, Code::unavailable);
  const Status committed = gateway().commit_routes(table_of({{"x.example.com", "/", web.key}}, 2));
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code, Code::unavailable);
  world().process().start();
  EXPECT_EQ(world().get("shop.example.com", "/"), "web");
  ASSERT_TRUE(gateway().ensure_backends({next}, kPatience));
  commit(table_of({{"shop.example.com", "/", next.key}}, 3));
  EXPECT_EQ(world().get("shop.example.com", "/"), "next");
}

TEST_F(HaproxyTest, AnAbandonedVersionIsHarmlessAndItsWriterFenced) {
  const Backend web = ensured("web");
  const std::string map = config_.map_file().string();
  const auto version = parse_map_version(*api().ask("prepare map " + map));
  ASSERT_TRUE(version);
  ASSERT_TRUE(api().ask(std::format("add map @{} {} <<\nhost:evil.example.com/ h0000\n", *version, map)));
  commit(table_of({{"shop.example.com", "/", web.key}}));
  ASSERT_TRUE(api().ask(std::format("commit map @{} {}", *version, map)));
  EXPECT_EQ(world().get("shop.example.com", "/"), "web");
  EXPECT_EQ(world().get("evil.example.com", "/"), "");
}

TEST_F(HaproxyTest, ServersSomebodyMeddledWithArePutRight) {
  const Backend web = ensured("web");
  commit(table_of({{"shop.example.com", "/", web.key}}));
  ASSERT_TRUE(api().ask("disable server h0000/s1"));
  ASSERT_TRUE(api().ask(std::format("add server h0005/foreign {}", world().start_server("foreign"))));
  EXPECT_EQ(world().get("shop.example.com", "/"), "");
  world().reopen();
  commit(table_of({{"shop.example.com", "/", web.key}}));
  EXPECT_EQ(world().get("shop.example.com", "/"), "web");
  EXPECT_FALSE(api().servers()->contains("h0005"));
}

TEST_F(HaproxyTest, GarbageOnTheSocketChangesNothing) {
  const Backend web = ensured("web");
  commit(table_of({{"shop.example.com", "/", web.key}}));
  for (const std::string& garbage : {std::string(40'000, 'x'), std::string("\0\xff\n;;<<\n", 8),
                                     std::string("commit map @99 /nowhere")}) {
    (void)api().ask(garbage);
  }
  commit(table_of({{"shop.example.com", "/", web.key}}, 2));
  EXPECT_EQ(world().get("shop.example.com", "/"), "web");
}

// Whoever listens there is not HAProxy.
TEST_F(HaproxyTest, AnAnswerThatIsNoneIsCorrupt) {
  world().process().kill();
  std::filesystem::remove(config_.socket);
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  config_.socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  const std::jthread impostor([&] {
    const Fd client(::accept(listener.get(), nullptr, nullptr));
    char question[256];
    while (::recv(client.get(), question, sizeof question, 0) > 0) {
    }
    (void)::send(client.get(), "\x16\x03\x01 hello", 9, MSG_NOSIGNAL);
  });
  const Status status = gateway().ensure_backends({}, kPatience);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::corrupt);
}

TEST_F(HaproxyTest, GarbageInTheStateFileIsCorrupt) {
  (void)world();
  ASSERT_TRUE(write_file(config_.state_file(), "{\"version\":1,\"slots\":[]"));
  const auto opened = HaproxyGateway::open(config_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::corrupt);
}

// Needs CAP_NET_ADMIN and nft; a table of its own, taken away at the end.
TEST_F(HaproxyTest, PublishedPortsOpenFlipAndClose) {
  config_.nft_table = "ployz_contract";
  const uint16_t port = unused_port();
  const auto through_port = [&] { return KeptClient(port).get("any", "/").body; };
  EXPECT_EQ(through_port(), "");
  const Backend one = ensured("one", BackendMode::tcp);
  const Backend two = ensured("two", BackendMode::tcp);
  RouteTable table = table_of({});
  table.ports = {{port, one.key}};
  commit(table);
  EXPECT_EQ(through_port(), "one");
  KeptClient kept(port);
  EXPECT_EQ(kept.get("any", "/").body, "one");
  table.ports = {{port, two.key}};
  commit(table);
  EXPECT_EQ(through_port(), "two");
  EXPECT_EQ(kept.get("any", "/").body, "one");  // an open TCP connection stays where it is
  EXPECT_TRUE(gateway().retire_backends({one.key}, kShort));
  EXPECT_NE(kept.get("any", "/").status, 200);
  world().restart();
  EXPECT_EQ(through_port(), "two");
  commit(table_of({}, 3));
  EXPECT_EQ(through_port(), "");
  Command command;
  command.argv = {"nft", "delete", "table", "ip", "ployz_contract"};
  EXPECT_TRUE(run_ok(command));
}

}  // namespace
}  // namespace ployz::contract

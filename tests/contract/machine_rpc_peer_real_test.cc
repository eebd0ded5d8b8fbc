// The peer port and all who must not get through it; its MachineRpc contract is in
// machine_rpc_real_test.cc.
#include "base/digest.h"
#include "contract/peer_world.h"
#include "ports/rpc_wire.h"

namespace ployz::contract {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{20'000};
const RpcAddress kM2{MachineId("m2"), Target::agent, "step"};

class PeerRpcReal : public testing::Test {
 protected:
  void start(const PeerRpcWorld::Tweak& tweak = {}) {
    world_ = std::make_unique<PeerRpcWorld>(tweak);
    auto served = world_->server("m2", Target::agent)
                      .serve(MachineId("m2"), Target::agent, [this](const auto&, const Json& body) {
                        ++handled_;
                        return body;
                      });
    ASSERT_TRUE(served) << served.error().line();
    served_ = std::move(*served);
  }
  Error refused(const PeerConfig& config, const RpcAddress& to = kM2, const Json& body = {}) {
    PeerRpc rpc(config);
    const auto reply = rpc.call(to, body, kLong);
    EXPECT_FALSE(reply);
    return reply ? Error{} : reply.error();
  }
  void expect_denied(const PeerConfig& config, const RpcAddress& to = kM2) {
    const Error error = refused(config, to);
    EXPECT_EQ(error.code, Code::denied) << error.line();
    EXPECT_EQ(error.effect, Effect::none);
    EXPECT_EQ(handled_, 0);
  }
  // m1 gets through, at once.
  void expect_served(int body = 7) {
    const auto start = std::chrono::steady_clock::now();
    const int before = handled_;
    const auto reply = world_->caller().call(kM2, body, kLong);
    ASSERT_TRUE(reply) << reply.error().line();
    EXPECT_EQ(*reply, Json(body));
    EXPECT_EQ(handled_, before + 1);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
  }
  // What m1 sends to m2 for this body.
  peer_wire::Envelope envelope(const std::string& server_nonce, const std::string& body) {
    return {"lab",       MachineId("m1"),    kM2, server_nonce, peer_wire::random_nonce(),
            body.size(), sha256_digest(body)};
  }
  static Code code_of(const Result<std::string>& reply) {
    if (!reply) return reply.error().code;
    const auto body = rpc_wire::decode_reply(*reply);
    return body ? Code::exists : body.error().code;  // none of which a refusal has
  }

  std::atomic<int> handled_ = 0;
  std::unique_ptr<PeerRpcWorld> world_;
  std::unique_ptr<Subscription> served_;
};

TEST_F(PeerRpcReal, StrangersAreDenied) {
  start();
  PeerConfig stranger = world_->config(1);
  stranger.self = MachineId("m9");
  stranger.key = Nkey::generate();
  expect_denied(stranger);
  PeerConfig pretender = world_->config(1);
  pretender.key = Nkey::generate();
  expect_denied(pretender);
  PeerConfig another = world_->config(1);  // a member by its own key, under another's name
  another.self = MachineId("m3");
  expect_denied(another);
  expect_served();
}

TEST_F(PeerRpcReal, ARecordWithoutAKeyIsNobodys) {
  start([this](PeerConfig& m2) {
    m2.members = [this] {
      return world_->members_with(1, [](Machine& m1) { m1.nats_public_key.clear(); });
    };
  });
  expect_denied(world_->config(1));
}

TEST_F(PeerRpcReal, AnotherNetworkIsDenied) {
  start();
  PeerConfig elsewhere = world_->config(1);
  elsewhere.network = "elsewhere";
  expect_denied(elsewhere);
  expect_served();
}

TEST_F(PeerRpcReal, ARequestForAnotherMachineIsDenied) {
  start();
  PeerConfig misled = world_->config(1);
  misled.members = [this] {  // m3's requests go to m2, whose reply is good
    return world_->members_with(3, [this](Machine& m3) {
      m3.overlay_address = PeerRpcWorld::address(2);
      m3.nats_public_key = world_->key(2).public_key();
    });
  };
  expect_denied(misled, {MachineId("m3"), Target::agent, "step"});
  expect_served();
}

TEST_F(PeerRpcReal, WhoIsRemovedIsDeniedFromThenOn) {
  start();
  expect_served();
  const PeerMembers all = world_->members();
  world_->set_members(std::make_shared<std::vector<Machine>>(all->begin() + 1, all->end()));
  PeerConfig removed = world_->config(1);
  removed.members = [all] { return all; };
  const Error error = refused(removed);
  EXPECT_EQ(error.code, Code::denied) << error.line();
  EXPECT_EQ(handled_, 1);
  world_->set_members(all);
  expect_served();
}

TEST_F(PeerRpcReal, WhoWasRemovedMayAskAboutThatAndNothingElse) {
  const RpcAddress removal{MachineId("m2"), Target::agent, std::string(kPeerRemoval)};
  std::vector<std::string> asked;
  start([&](PeerConfig& m2) {
    m2.removed = {.key =
                      [&](const MachineId& former) {
                        return former == MachineId("m9")
                                   ? std::optional(world_->key(1).public_key())
                                   : std::nullopt;
                      },
                  .answer = [&](const MachineId& asking) -> Result<Json> {
                    asked.push_back(asking.str());
                    return Json("so it is");
                  }};
  });
  PeerConfig former = world_->config(1);
  former.self = MachineId("m9");
  const auto reply = PeerRpc(former).call(removal, {}, kLong);
  ASSERT_TRUE(reply) << reply.error().line();
  EXPECT_EQ(*reply, Json("so it is"));
  ASSERT_TRUE(world_->caller().call(removal, {}, kLong)) << "members may ask as well";
  EXPECT_EQ(asked, (std::vector<std::string>{"m9", "m1"}));

  asked.clear();
  expect_denied(former);  // what members may ask
  expect_denied(former, {MachineId("m2"), Target::agent, std::string(kPeerJoin)});
  PeerConfig pretender = former;
  pretender.key = Nkey::generate();
  expect_denied(pretender, removal);
  PeerConfig stranger = former;
  stranger.self = MachineId("m8");
  expect_denied(stranger, removal);
  EXPECT_TRUE(asked.empty());
  // What it is answered proves itself: another's signature is none.
  PeerConfig misled = former;
  misled.members = [this] {
    return world_->members_with(
        2, [](Machine& m2) { m2.nats_public_key = Nkey::generate().public_key(); });
  };
  EXPECT_EQ(refused(misled, removal).code, Code::corrupt);
  expect_served();
}

TEST_F(PeerRpcReal, TheHolderOfAnInviteMayAskToJoinAndNothingElse) {
  const Nkey key = Nkey::generate();
  const MachineId invite("01arz3ndektsv4rrffq69g5fav");
  std::string asked;
  start([&](PeerConfig& m2) {
    m2.guests = {.key = [&](const MachineId& guest) {
                   return guest == invite ? std::optional(key.public_key()) : std::nullopt;
                 },
                 .join = [&](const MachineId& guest, const Json& request) -> Result<Json> {
                   asked = guest.str() + " " + to_text(request);
                   return Json("welcome");
                 }};
  });
  PeerConfig guest = world_->config(1);
  guest.self = invite;
  guest.key = key;
  const RpcAddress join{MachineId("m2"), Target::agent, std::string(kPeerJoin)};
  const auto reply = PeerRpc(guest).call(join, 5, kLong);
  ASSERT_TRUE(reply) << reply.error().line();
  EXPECT_EQ(*reply, Json("welcome"));
  EXPECT_EQ(asked, invite.str() + " 5");

  asked.clear();
  expect_denied(guest);  // what members may ask
  expect_denied(world_->config(1), join);  // a member needs no invite
  PeerConfig other = guest;
  other.self = MachineId("01arz3ndektsv4rrffq69g5faw");
  expect_denied(other, join);
  PeerConfig pretender = guest;
  pretender.key = world_->key(1);
  expect_denied(pretender, join);
  PeerConfig elsewhere = guest;
  elsewhere.network = "elsewhere";
  expect_denied(elsewhere, join);
  EXPECT_EQ(asked, "");
  expect_served();
}

TEST_F(PeerRpcReal, WhereThereAreNoInvitesNobodyMayJoin) {
  start();
  const RpcAddress join{MachineId("m2"), Target::agent, std::string(kPeerJoin)};
  PeerConfig guest = world_->config(1);
  guest.self = MachineId("01arz3ndektsv4rrffq69g5fav");
  expect_denied(guest, join);
  expect_denied(world_->config(1), join);
}

TEST_F(PeerRpcReal, AReplayedEnvelopeIsDenied) {
  start();
  const std::string body = rpc_wire::encode_request(1);
  Visitor first;
  const std::string bytes =
      peer_wire::encode_envelope(envelope(first.greeted(), body), world_->key(1)) + body;
  first.send(bytes);
  EXPECT_EQ(code_of(first.reply()), Code::exists);
  EXPECT_EQ(handled_, 1);
  Visitor again;
  EXPECT_NE(again.greeted(), "");
  again.send(bytes);
  EXPECT_EQ(code_of(again.reply()), Code::denied);
  EXPECT_EQ(handled_, 1);
  first.send(bytes);  // nor twice on its own connection
  EXPECT_TRUE(first.closes());
  EXPECT_EQ(handled_, 1);
}

TEST_F(PeerRpcReal, WhatWasChangedOnTheWayIsRefused) {
  start();
  const std::string body = rpc_wire::encode_request(1);
  Visitor changed;
  auto sealed = envelope(changed.greeted(), body);
  std::string bytes = peer_wire::encode_envelope(sealed, world_->key(1));
  const size_t command = bytes.find("\"step\"");
  ASSERT_NE(command, std::string::npos);
  changed.send(bytes.replace(command, 6, "\"stop\"") + body);
  EXPECT_EQ(code_of(changed.reply()), Code::denied);
  Visitor swapped;
  sealed = envelope(swapped.greeted(), body);
  swapped.send(peer_wire::encode_envelope(sealed, world_->key(1)) + rpc_wire::encode_request(2));
  EXPECT_EQ(code_of(swapped.reply()), Code::corrupt);
  EXPECT_EQ(handled_, 0);
  expect_served();
}

TEST_F(PeerRpcReal, AReplySignedByAnotherIsRefused) {
  start();
  PeerConfig wary = world_->config(1);
  wary.members = [this] {
    return world_->members_with(
        2, [this](Machine& m2) { m2.nats_public_key = world_->key(3).public_key(); });
  };
  const Error error = refused(wary);
  EXPECT_EQ(error.code, Code::corrupt) << error.line();
  EXPECT_EQ(error.effect, Effect::unknown);
}

TEST_F(PeerRpcReal, TooLargeABodyIsSaid) {
  start([](PeerConfig&) {});
  const Error request = refused(world_->config(1), kM2, std::string(2 << 20, 'x'));
  EXPECT_EQ(request.code, Code::invalid);
  EXPECT_EQ(request.effect, Effect::none);
  Visitor visitor;
  auto sealed = envelope(visitor.greeted(), "");
  sealed.size = 2 << 20;
  // Part of it is on the way already: the reason arrives all the same.
  visitor.send(peer_wire::encode_envelope(sealed, world_->key(1)) + std::string(100'000, 'x'));
  EXPECT_EQ(code_of(visitor.reply()), Code::invalid);
  EXPECT_EQ(handled_, 0);
  served_.reset();
  const auto talker = world_->server("m2", Target::agent)
                          .serve(MachineId("m2"), Target::agent, [](const auto&, const auto&) {
                            return Json(std::string(9 << 20, 'x'));
                          });
  ASSERT_TRUE(talker);
  const Error reply = refused(world_->config(1));
  EXPECT_EQ(reply.code, Code::internal);
  EXPECT_EQ(reply.effect, Effect::unknown);
}

TEST_F(PeerRpcReal, GarbageEndsTheConnectionAndNothingElse) {
  start();
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(8, '\0'), std::string(8, '\xff'),
        std::string("\0\0\0\2{}", 6), std::string("\0\0\x10\x01", 4), std::string(200'000, 'x')}) {
    Visitor visitor;
    EXPECT_NE(visitor.greeted(), "");
    visitor.send(bytes);
    EXPECT_TRUE(visitor.closes());
  }
  for (const std::string& json :
       {std::string("null"), std::string(R"({"version":1})"), std::string(R"({"version":9})"),
        std::string(4000, '['), std::string("{\"version\":1,\"network\":\"\xff\"}")}) {
    Visitor visitor;
    EXPECT_NE(visitor.greeted(), "");
    visitor.send_head(json);
    EXPECT_TRUE(visitor.closes());
  }
  {
    Visitor hangs_up;
  }
  EXPECT_EQ(handled_, 0);
  expect_served();
}

TEST_F(PeerRpcReal, WhoSaysNothingIsClosed) {
  start([](PeerConfig& m2) { m2.greeting_timeout = milliseconds(100); });
  Visitor silent;
  Visitor half;
  half.send(std::string("\0\0\1\0{\"ver", 9));
  EXPECT_TRUE(silent.closes());
  EXPECT_TRUE(half.closes());
  expect_served();
}

// More than there is room for, of strangers and from a member's own address.
TEST_F(PeerRpcReal, WhoSaysNothingIsInNobodysWay) {
  start([](PeerConfig& m2) { m2.max_visitors = 8; });
  std::vector<std::unique_ptr<Visitor>> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(std::make_unique<Visitor>(PeerRpcWorld::address(i % 2 == 0 ? 77 : 3)));
    crowd.back()->send(std::string("\0\0", 2));
    if (i % 10 == 0) expect_served(i);
  }
  expect_served();
}

TEST_F(PeerRpcReal, AMemberThatSendsNoBodyIsInNobodysWay) {
  start([](PeerConfig& m2) {
    m2.max_handlers = 2;
    m2.body_timeout = milliseconds(500);
  });
  Visitor slow;
  auto sealed = envelope(slow.greeted(), "never sent");
  slow.send(peer_wire::encode_envelope(sealed, world_->key(1)));
  slow.send("never");
  expect_served();
  EXPECT_EQ(code_of(slow.reply()), Code::timeout);
  EXPECT_EQ(handled_, 1);
}

TEST_F(PeerRpcReal, OverloadIsRefusedAtOnce) {
  PeerRpcWorld world([](PeerConfig& m2) { m2.max_handlers = 2; });
  Gate gate(world, 1000);
  const auto served = world.server("m2", Target::agent)
                          .serve(MachineId("m2"), Target::agent, [&](const auto&, const auto&) {
                            gate.pass();
                            return Json();
                          });
  ASSERT_TRUE(served);
  const std::vector<MachineRpc::Call> calls(5, {kM2, Json()});
  const auto results = world.caller().call_all(calls, milliseconds(1000));
  EXPECT_EQ(std::ranges::count_if(
                results, [](const auto& r) { return !r && r.error().code == Code::unavailable; }),
            3);
  EXPECT_EQ(std::ranges::count_if(
                results, [](const auto& r) { return !r && r.error().code == Code::timeout; }),
            2);
  gate.open();
}

TEST_F(PeerRpcReal, NobodyListensIsSaidInMilliseconds) {
  PeerRpcWorld world;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    const auto reply = world.caller().call(kM2, {}, kLong);
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, Code::unavailable);
    EXPECT_EQ(reply.error().effect, Effect::none);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1000));
}

TEST_F(PeerRpcReal, WhoIsNotKnownOrCannotBeDialedIsUnavailable) {
  start();
  const Error unknown = refused(world_->config(1), {MachineId("m9"), Target::agent, "step"});
  EXPECT_EQ(unknown.code, Code::unavailable);
  EXPECT_TRUE(unknown.message.contains("m9")) << unknown.message;
  PeerConfig down = world_->config(1);  // its tunnel is
  down.address = "192.0.2.1";
  const Error error = refused(down);
  EXPECT_EQ(error.code, Code::unavailable) << error.line();
  EXPECT_EQ(error.effect, Effect::none);
}

TEST_F(PeerRpcReal, ATargetThatIsNotServedIsUnavailable) {
  start();
  const Error error = refused(world_->config(1), {MachineId("m2"), Target::router, "step"});
  EXPECT_EQ(error.code, Code::unavailable) << error.line();
  EXPECT_EQ(error.effect, Effect::none);
  PeerRpc& m2 = dynamic_cast<PeerRpc&>(world_->server("m2", Target::agent));
  const auto none = [](const auto&, const auto&) { return Json(); };
  EXPECT_EQ(m2.serve(MachineId("m2"), Target::agent, none).error().code, Code::exists);
  EXPECT_EQ(m2.serve(MachineId("m3"), Target::agent, none).error().code, Code::denied);
}

// One who is on the address of m2 and is not m2.
class Impostor {
 public:
  // Answers one connection with this, after the envelope if `listens`.
  Impostor(std::string bytes, bool listens)
      : listener_(listen_tcp(PeerRpcWorld::address(2), kPeerPort, "a test").value()),
        thread_([this, bytes = std::move(bytes), listens](const std::stop_token& token) {
          const StopFd stop(token);
          if (!wait_for(listener_.get(), POLLIN, kNoDeadline, stop)) return;
          const Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK));
          if (listens) {
            const std::string hello = peer_wire::encode_hello(peer_wire::random_nonce());
            (void)send_exactly(socket, hello, kNoDeadline, stop);
            (void)wait_for(socket.get(), POLLIN, kNoDeadline, stop);
            char envelope[8192];
            (void)::recv(socket.get(), envelope, sizeof envelope, 0);
          }
          (void)send_exactly(socket, bytes, kNoDeadline, stop);
        }) {}

 private:
  Fd listener_;
  std::jthread thread_;
};

TEST(PeerRpcImpostor, WhatIsNoReplyIsCorruptAndNoReplyATimeout) {
  PeerRpcWorld world;
  const auto told = [&](const std::string& bytes, bool listens) {
    const Impostor impostor(bytes, listens);
    const auto reply = world.caller().call(kM2, {}, kLong);
    EXPECT_FALSE(reply);
    return reply ? Error{} : reply.error();
  };
  for (const std::string& bytes :
       {std::string("\0\0\0\2{}", 6), std::string(4000, 'x'), std::string("\0\0\0\0", 4)}) {
    const Error error = told(bytes, true);
    EXPECT_EQ(error.code, Code::corrupt) << error.line();
    EXPECT_EQ(error.effect, Effect::unknown);
  }
  const Error closed = told("", true);
  EXPECT_EQ(closed.code, Code::timeout) << closed.line();
  EXPECT_EQ(closed.effect, Effect::unknown);
  const Error ended = told("", false);
  EXPECT_EQ(ended.code, Code::unavailable) << ended.line();
  EXPECT_EQ(ended.effect, Effect::none);
  const Error stranger = told("220 mail.example.com ESMTP\r\n", false);
  EXPECT_EQ(stranger.code, Code::corrupt) << stranger.line();
  EXPECT_EQ(stranger.effect, Effect::none);
}

// As a machine that stands still: its kernel accepts, nobody greets.
TEST(PeerRpcImpostor, WhoDoesNotGreetTimesOutWithoutEffect) {
  PeerRpcWorld world;
  const auto listener = listen_tcp(PeerRpcWorld::address(2), kPeerPort, "a test");
  ASSERT_TRUE(listener);
  const auto reply = world.caller().call(kM2, {}, milliseconds(200));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, Code::timeout);
  EXPECT_EQ(reply.error().effect, Effect::none);
}

}  // namespace

}  // namespace ployz::contract

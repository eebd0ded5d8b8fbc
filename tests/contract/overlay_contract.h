// What every implementation of Overlay promises. The factory yields the port, not up, and one peer
// that answers at its only endpoint.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ports/overlay.h"

namespace ployz::contract {

struct OverlayUnderTest {
  std::shared_ptr<void> owner;  // what `overlay` lives in
  Overlay* overlay = nullptr;
  OverlayConfig config;
  Peer answers;
  std::string dead_endpoint;  // nobody is there
  // Asks again and again, with something that takes time in between; false: never true in 20 s.
  std::function<bool(const std::function<bool()>&)> await;
};

class OverlayContract : public testing::TestWithParam<OverlayUnderTest (*)()> {
 protected:
  void SetUp() override {
    under_test_ = GetParam()();
    ASSERT_TRUE(under_test_.overlay);
  }
  void TearDown() override {
    if (!under_test_.overlay) return;
    const Status removed = overlay().remove();
    EXPECT_TRUE(removed) << removed.error().line();
  }
  Overlay& overlay() { return *under_test_.overlay; }
  const OverlayConfig& config() { return under_test_.config; }
  const Peer& answering() { return under_test_.answers; }
  // Some other machine, which is not there.
  Peer absent(char mark, std::vector<std::string> endpoints = {}) {
    const std::string number = std::to_string(mark);
    return {std::string(42, mark) + "A=", "10.101." + number + ".0/24", std::move(endpoints)};
  }
  void bring_up() {
    const Status up = overlay().ensure_up(config());
    ASSERT_TRUE(up) << up.error().line();
  }
  void set_peers(const std::vector<Peer>& peers) {
    const Status set = overlay().set_peers(peers);
    ASSERT_TRUE(set) << set.error().line();
  }
  std::vector<PeerStatus> peers() {
    const auto found = overlay().peers();
    EXPECT_TRUE(found) << found.error().line();
    return found.value_or(std::vector<PeerStatus>{});
  }
  bool has_session(const Peer& peer) {
    for (const PeerStatus& status : peers()) {
      if (status.public_key == peer.public_key) return status.handshake_age_ms.has_value();
    }
    return false;
  }

  OverlayUnderTest under_test_;
};

TEST_P(OverlayContract, ComesUpWithoutPeersAndAgainIsFine) {
  bring_up();
  EXPECT_TRUE(peers().empty());
  bring_up();
  EXPECT_TRUE(peers().empty());
}

TEST_P(OverlayContract, PeersAreExactlyTheLastOnesSortedByKey) {
  bring_up();
  set_peers({absent('d'), absent('b')});
  ASSERT_EQ(peers().size(), 2u);
  EXPECT_EQ(peers()[0].public_key, absent('b').public_key);
  EXPECT_EQ(peers()[1].public_key, absent('d').public_key);
  EXPECT_EQ(peers()[0].endpoint, "");
  EXPECT_EQ(peers()[0].received_bytes, 0u);
  set_peers({absent('c'), absent('d')});
  ASSERT_EQ(peers().size(), 2u);
  EXPECT_EQ(peers()[0].public_key, absent('c').public_key);
  bring_up();
  EXPECT_EQ(peers().size(), 2u) << "coming up again keeps the peers";
  set_peers({});
  EXPECT_TRUE(peers().empty());
}

TEST_P(OverlayContract, APeerThatAnswersHasAHandshake) {
  bring_up();
  set_peers({answering()});
  EXPECT_TRUE(under_test_.await([&] { return has_session(answering()); }));
  EXPECT_EQ(peers()[0].endpoint, answering().endpoints[0]);
}

TEST_P(OverlayContract, EndpointsAreTriedUntilOneAnswersWhichThenStays) {
  bring_up();
  Peer peer = answering();
  peer.endpoints = {under_test_.dead_endpoint, answering().endpoints[0]};
  set_peers({peer});
  EXPECT_EQ(peers()[0].endpoint, under_test_.dead_endpoint);
  EXPECT_TRUE(under_test_.await([&] {
    set_peers({peer});
    return has_session(peer);
  }));
  for (int i = 0; i < 3; ++i) set_peers({peer});
  EXPECT_EQ(peers()[0].endpoint, answering().endpoints[0]);
  EXPECT_TRUE(has_session(peer));
  peer.endpoints = {under_test_.dead_endpoint};
  set_peers({peer});
  EXPECT_EQ(peers()[0].endpoint, answering().endpoints[0]) << "a living session is left alone";
}

TEST_P(OverlayContract, WhatDoesNotParseIsInvalidAndChangesNothing) {
  OverlayConfig bad = config();
  bad.private_key = "secret";
  Status up = overlay().ensure_up(bad);
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Code::invalid);
  EXPECT_EQ(up.error().line().find("secret"), std::string::npos);
  bad = config();
  bad.cluster_cidr = "10.101.0.0";
  EXPECT_EQ(overlay().ensure_up(bad).error().code, Code::invalid);
  EXPECT_EQ(overlay().set_peers({}).error().code, Code::precondition) << "nothing came up";
  bring_up();
  set_peers({absent('b')});
  Peer peer = absent('c');
  peer.subnet = "everything";
  EXPECT_EQ(overlay().set_peers({peer}).error().code, Code::invalid);
  peer = absent('c');
  peer.public_key.resize(10);
  EXPECT_EQ(overlay().set_peers({peer}).error().code, Code::invalid);
  EXPECT_EQ(overlay().set_peers({absent('c'), absent('c')}).error().code, Code::invalid);
  ASSERT_EQ(peers().size(), 1u);
  EXPECT_EQ(peers()[0].public_key, absent('b').public_key);
}

TEST_P(OverlayContract, PeersNeedAnInterface) {
  const Status set = overlay().set_peers({absent('b')});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Code::precondition);
  EXPECT_TRUE(peers().empty());
}

TEST_P(OverlayContract, RemovingIsRepeatableAndForgetsThePeers) {
  EXPECT_TRUE(overlay().remove());
  bring_up();
  set_peers({absent('b')});
  EXPECT_TRUE(overlay().remove());
  EXPECT_TRUE(overlay().remove());
  EXPECT_TRUE(peers().empty());
  bring_up();
  EXPECT_TRUE(peers().empty());
}

}  // namespace ployz::contract

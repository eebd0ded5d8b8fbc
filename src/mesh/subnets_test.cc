#include "mesh/subnets.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "mesh/roster.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

// Lets somebody else act between a reading and the writing that follows it, once.
class Meanwhile final : public sim::Hook {
 public:
  std::function<void()> before_write;
  sim::Fate enter(std::string_view call, std::string_view detail, sim::Kind kind) override {
    if (kind == sim::Kind::write && detail.contains("subnets") && before_write) {
      std::exchange(before_write, nullptr)();
    }
    return none_.enter(call, detail, kind);
  }
  void leave(std::string_view, std::string_view) override {}
  void give_up() override {}
  void deliver(std::string_view) override {}
  void later(std::chrono::milliseconds delay, std::function<void()> effect) override {
    none_.later(delay, std::move(effect));
  }
  uint32_t process() override { return 0; }
  bool alive(uint32_t) override { return true; }
  std::jthread thread_in(uint32_t process, std::function<void()> body) override {
    return none_.thread_in(process, std::move(body));
  }
  Delivery delivery() override { return {}; }
  bool carries(uint32_t, uint32_t) override { return true; }

 private:
  sim::NoHook none_;
};

class Subnets : public testing::Test {
 protected:
  Result<std::string> claim(const std::string& machine) {
    return claim_subnet(store_, clock_, network_, MachineId(machine));
  }
  void add_member(const std::string& id, const std::string& subnet) {
    Machine machine;
    machine.id = MachineId(id);
    machine.name = id;
    machine.subnet = subnet;
    ASSERT_TRUE(store_.create(Bucket::machines, id, to_text(to_json(machine))));
  }

  Meanwhile hook_;
  sim::FakeStore store_{hook_};
  sim::SkewedClock clock_;
  NetworkSettings network_{"lab", "10.101.0.0/16", 24, "cluster.local", "ployz.local"};
};

TEST_F(Subnets, TheLowestFreeOneIsGiven) {
  add_member("founder", "10.101.0.0/24");
  add_member("third", "10.101.2.0/24");
  EXPECT_EQ(claim("a").value(), "10.101.1.0/24");
  EXPECT_EQ(claim("b").value(), "10.101.3.0/24");
}

TEST_F(Subnets, AMachineKeepsItsClaim) {
  EXPECT_EQ(claim("a").value(), "10.101.0.0/24");
  EXPECT_EQ(claim("b").value(), "10.101.1.0/24");
  EXPECT_EQ(claim("a").value(), "10.101.0.0/24");
  EXPECT_EQ(claimed_subnet(store_, MachineId("b")).value(), "10.101.1.0/24");
}

TEST_F(Subnets, WhatIsReleasedIsGivenAgain) {
  EXPECT_EQ(claim("a").value(), "10.101.0.0/24");
  ASSERT_TRUE(release_subnet(store_, clock_, MachineId("a")));
  ASSERT_TRUE(release_subnet(store_, clock_, MachineId("a")));
  EXPECT_EQ(claimed_subnet(store_, MachineId("a")).value(), std::nullopt);
  EXPECT_EQ(claim("b").value(), "10.101.0.0/24");
}

TEST_F(Subnets, ThatOfAMachineWhichDoesNotKnowOfItsRemovalIsTheLastToBeGiven) {
  network_.cluster_cidr = "10.101.0.0/22";
  add_member("founder", "10.101.0.0/24");
  for (int number = 1; number <= 2; ++number) {
    Tombstone tombstone;
    tombstone.machine.id = MachineId(std::format("gone-{}", number));
    tombstone.machine.name = tombstone.machine.id.str();
    tombstone.machine.subnet = std::format("10.101.{}.0/24", number);
    tombstone.notice = {OperationId("op"), static_cast<uint64_t>(100 - number), true};
    tombstone.told = false;
    ASSERT_TRUE(store_.create(Bucket::meta, std::format("removed/gone-{}", number),
                              to_text(to_json(tombstone))));
  }
  EXPECT_EQ(claim("a").value(), "10.101.3.0/24");
  EXPECT_EQ(claim("b").value(), "10.101.2.0/24") << "of who was removed first";
  EXPECT_EQ(claim("c").value(), "10.101.1.0/24");
  EXPECT_EQ(claim("d").error().code, Code::precondition);
}

TEST_F(Subnets, AnAdmissionsSubnetIsTakenEvenWithoutItsClaim) {
  Admission admission;
  admission.machine.id = MachineId("a");
  admission.machine.subnet = "10.101.0.0/24";
  ASSERT_TRUE(store_.create(Bucket::invites, "a", to_text(to_json(admission))));
  EXPECT_EQ(claim("b").value(), "10.101.1.0/24");
}

TEST_F(Subnets, TwoWhoHaveBothReadTheSameClaimDifferentOnes) {
  std::string other;
  hook_.before_write = [&] { other = claim("b").value(); };
  const std::string mine = claim("a").value();
  EXPECT_EQ(other, "10.101.0.0/24");
  EXPECT_EQ(mine, "10.101.1.0/24");
}

TEST_F(Subnets, ManyAtOnceClaimDifferentOnes) {
  std::vector<std::string> claimed(8);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < claimed.size(); ++i) {
      threads.emplace_back([&, i] { claimed[i] = claim("m" + std::to_string(i)).value(); });
    }
  }
  EXPECT_EQ(std::set(claimed.begin(), claimed.end()).size(), claimed.size());
}

TEST_F(Subnets, ARangeThatIsFullSaysSo) {
  network_.cluster_cidr = "10.101.0.0/23";
  ASSERT_TRUE(claim("a"));
  ASSERT_TRUE(claim("b"));
  const auto refused = claim("c");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_TRUE(refused.error().message.contains("10.101.0.0/23")) << refused.error().message;
}

TEST_F(Subnets, TheFoundersIsRecordedOnceAndForItAlone) {
  ASSERT_TRUE(record_subnet(store_, clock_, "10.101.0.0/24", MachineId("founder")));
  ASSERT_TRUE(record_subnet(store_, clock_, "10.101.0.0/24", MachineId("founder")));
  EXPECT_EQ(record_subnet(store_, clock_, "10.101.0.0/24", MachineId("b")).error().code,
            Code::conflict);
}

}  // namespace
}  // namespace ployz

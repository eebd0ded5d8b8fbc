// Admissions on the simulator's store and network, with members that answer as told.
#include "mesh/admissions.h"

#include <gtest/gtest.h>

#include <thread>

#include "drivers/os/system_clock.h"
#include "drivers/os/thread_executor.h"
#include "engine/engine.h"
#include "mesh/mesh_calls.h"
#include "mesh/subnets.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_rpc.h"
#include "sim/fakes/fake_store.h"
#include "sim/fakes/no_hook.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

const MachineId kFirst("01arz3ndektsv4rrffq69g5faa");
const MachineId kSecond("01arz3ndektsv4rrffq69g5fab");
const MachineId kThird("01arz3ndektsv4rrffq69g5fac");

class MovedClock final : public Clock {
 public:
  uint64_t ahead_ms = 0;
  uint64_t wall_ms() override { return system_clock_.wall_ms() + ahead_ms; }
  uint64_t steady_ms() override { return system_clock_.steady_ms(); }
  bool sleep_for(milliseconds duration, std::stop_token stop) override {
    return system_clock_.sleep_for(duration, std::move(stop));
  }

 private:
  SystemClock system_clock_;
};

std::string user_key(char c) { return "U" + std::string(55, c); }
std::string wireguard_key(char c) { return std::string(43, c) + "="; }

class AdmissionsTest : public testing::Test {
 protected:
  AdmissionsTest() {
    NetworkSettings network{"lab", "10.101.0.0/16", 24, "cluster.local", "ployz.local"};
    EXPECT_TRUE(store_.create(Bucket::meta, kNetworkKey, to_text(to_json(network))));
    EXPECT_TRUE(store_.create(Bucket::meta, kStoreEpochKey, "1"));
    Machine founder;
    founder.id = kFirst;
    founder.name = "m1";
    founder.subnet = "10.101.0.0/24";
    founder.stores = true;
    EXPECT_TRUE(store_.create(Bucket::machines, kFirst.str(), to_text(to_json(founder))));
    serve(kFirst);
  }

  void serve(const MachineId& machine) {
    served_.push_back(rpc_.serve(machine, Target::agent,
                                 [this, machine](const std::string& command, const Json& request) {
                                   return answer(machine, command, request);
                                 })
                          .value());
    served_.push_back(rpc_.serve(machine, Target::router, [](const std::string&, const Json&) {
                            return Json::object();
                          })
                          .value());
  }

  Result<Json> answer(const MachineId& machine, const std::string& command, const Json& request) {
    if (before_answer) before_answer(command);
    if (refuse.contains(command)) return fail(Code::unavailable, command + " is refused");
    if (command == "facts") {
      MachineFacts facts;
      facts.machine = machine;
      facts.version = "0.1.0";
      facts.clock_ms = clock_.wall_ms() + facts_ahead_ms;
      return to_json(facts);
    }
    const std::lock_guard lock(mutex_);
    calls.push_back(command + " " + to_text(request));
    return Json::object();
  }

  SelfRecord record(const MachineId& id, const std::string& name, char key) {
    return {id, name, "0.1.0", wireguard_key(key), user_key(static_cast<char>(key - 'a' + 'A')),
            {"192.0.2.8:51820"}, clock_.wall_ms()};
  }
  Result<JoinBundle> admit(std::stop_token cancel = {}) {
    return admissions_.admit(record(kSecond, "m2", 'b'), "", {}, std::move(cancel));
  }
  Operation newest() {
    auto found = list_operations(store_, 1).value();
    EXPECT_EQ(found.size(), 1u);
    std::vector<Operation> operations{found.front().operation};
    admissions_.tell_outcomes(operations);
    return operations.front();
  }
  void expect_nothing_left() {
    EXPECT_TRUE(store_.records(Bucket::invites).empty());
    EXPECT_EQ(claimed_subnet(store_, kSecond).value(), std::nullopt);
    EXPECT_EQ(store_.records(Bucket::machines).size(), 1u);
  }

  sim::NoHook hook_;
  MovedClock clock_;
  sim::SeededEntropy entropy_{7};
  sim::FakeStore store_{hook_};
  sim::FakeRpc rpc_{hook_};
  std::mutex mutex_;
  std::vector<std::string> calls;
  std::set<std::string> refuse;
  std::function<void(const std::string&)> before_answer;
  uint64_t facts_ahead_ms = 0;
  Admissions admissions_{{kFirst, "0.1.0", {4319}, milliseconds(50), milliseconds(5), milliseconds(0)},
                         {store_, rpc_, clock_, entropy_}};
  std::vector<std::unique_ptr<Subscription>> served_;
};

TEST_F(AdmissionsTest, AdmitThenActivateMakesAMember) {
  const auto bundle = admit();
  ASSERT_TRUE(bundle) << bundle.error().line();
  EXPECT_EQ(bundle->network.name, "lab");
  EXPECT_EQ(bundle->epoch, 1u);
  EXPECT_EQ(bundle->admission.machine.subnet, "10.101.1.0/24");
  EXPECT_EQ(bundle->admission.machine.overlay_address, "10.101.1.1");
  ASSERT_EQ(bundle->machines.size(), 1u);
  EXPECT_EQ(store_.records(Bucket::machines).size(), 1u);
  EXPECT_EQ(newest().outcome, Outcome::running);
  EXPECT_EQ(newest().plan.changes.front().resource, "machine m2");
  EXPECT_EQ(newest().plan.changes.front().detail, "10.101.1.0/24");
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_TRUE(calls.front().starts_with("mesh_sync"));

  serve(kSecond);
  const auto member = admissions_.activate(kSecond, {}, {});
  ASSERT_TRUE(member) << member.error().line();
  EXPECT_EQ(member->name, "m2");
  EXPECT_EQ(store_.records(Bucket::machines).size(), 2u);
  EXPECT_TRUE(store_.records(Bucket::invites).empty());
  EXPECT_EQ(newest().outcome, Outcome::committed);
  EXPECT_TRUE(admissions_.activate(kSecond, {}, {}));  // repeated: nothing
  EXPECT_EQ(admissions_.withdraw(kSecond).error().code, Code::exists);
}

TEST_F(AdmissionsTest, TheSameCommandAgainRenewsWithTheSameSubnet) {
  const auto first = admit();
  clock_.ahead_ms += 60'000;
  const auto second = admit();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->admission.machine.subnet, second->admission.machine.subnet);
  EXPECT_EQ(first->admission.operation, second->admission.operation);
  EXPECT_GE(second->admission.expires_at_ms, first->admission.expires_at_ms + 60'000);
  EXPECT_EQ(store_.records(Bucket::operations).size(), 1u);
}

TEST_F(AdmissionsTest, AMemberThatDoesNotAnswerRefusesAndNothingIsLeft) {
  refuse = {"mesh_sync"};
  const auto refused = admit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_TRUE(refused.error().message.contains("m1")) << refused.error().message;
  expect_nothing_left();
  EXPECT_EQ(newest().outcome, Outcome::failed);
  refuse.clear();
  EXPECT_TRUE(admit());
}

TEST_F(AdmissionsTest, WhatDoesNotFitIsRefusedBeforeAnythingIsWritten) {
  SelfRecord late = record(kSecond, "m2", 'b');
  late.clock_ms -= 600'000;
  EXPECT_EQ(admissions_.admit(late, "", {}, {}).error().code, Code::precondition);
  SelfRecord newer = record(kSecond, "m2", 'b');
  newer.version = "0.2.0";
  EXPECT_EQ(admissions_.admit(newer, "", {}, {}).error().code, Code::precondition);
  EXPECT_EQ(admissions_.admit(record(kSecond, "m2", 'b'), "m1", {}, {}).error().code,
            Code::exists);
  expect_nothing_left();
  EXPECT_TRUE(store_.records(Bucket::operations).empty());
}

TEST_F(AdmissionsTest, CanceledWhileTheMembersAreAskedIsTakenBack) {
  std::stop_source cancel;
  before_answer = [&](const std::string&) { cancel.request_stop(); };
  const auto canceled = admit(cancel.get_token());
  ASSERT_FALSE(canceled);
  EXPECT_EQ(canceled.error().code, Code::canceled);
  expect_nothing_left();
  EXPECT_EQ(newest().outcome, Outcome::aborted);
}

TEST_F(AdmissionsTest, ANewcomerThatIsNotReachableStaysAdmitted) {
  ASSERT_TRUE(admit());
  const auto refused = admissions_.activate(kSecond, {}, {});  // nobody serves for it
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition);
  EXPECT_TRUE(refused.error().message.contains("agent")) << refused.error().message;
  EXPECT_EQ(store_.records(Bucket::invites).size(), 1u);
  serve(kSecond);
  refuse = {"mesh_probe"};
  const auto hidden = admissions_.activate(kSecond, {}, {});
  EXPECT_TRUE(hidden.error().message.contains("from m1")) << hidden.error().message;
  refuse.clear();
  EXPECT_TRUE(admissions_.activate(kSecond, {}, {}));
}

TEST_F(AdmissionsTest, AClockThatIsWrongByThenIsFoundByAskingDirectly) {
  ASSERT_TRUE(admit());
  serve(kSecond);
  facts_ahead_ms = 6'000;
  const auto refused = admissions_.activate(kSecond, {}, {});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("clock")) << refused.error().message;
}

TEST_F(AdmissionsTest, WithdrawTakesItBackFromEveryMember) {
  ASSERT_TRUE(admit());
  ASSERT_TRUE(admissions_.withdraw(kSecond));
  expect_nothing_left();
  EXPECT_EQ(newest().outcome, Outcome::aborted);
  EXPECT_TRUE(calls.back().contains("\"present\":false")) << calls.back();
  EXPECT_TRUE(admissions_.withdraw(kSecond));
  EXPECT_EQ(admissions_.activate(kSecond, {}, {}).error().code, Code::not_found);
}

TEST_F(AdmissionsTest, WithdrawnWhileItIsMadeAMemberMakesNone) {
  ASSERT_TRUE(admit());
  serve(kSecond);
  before_answer = [&](const std::string& command) {
    if (command != "mesh_probe") return;
    before_answer = nullptr;
    EXPECT_TRUE(admissions_.withdraw(kSecond));
  };
  const auto lost = admissions_.activate(kSecond, {}, {});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::conflict);
  expect_nothing_left();
}

TEST_F(AdmissionsTest, WhatExpiredIsIgnoredAndSweptByTheNextAdmit) {
  ASSERT_TRUE(admit());
  clock_.ahead_ms += kAdmissionMs + 1;
  EXPECT_EQ(newest().outcome, Outcome::interrupted);
  EXPECT_EQ(admissions_.activate(kSecond, {}, {}).error().code, Code::precondition);
  const auto other = admissions_.admit(record(kThird, "m2", 'c'), "", {}, {});
  ASSERT_TRUE(other) << other.error().line();
  EXPECT_EQ(store_.records(Bucket::invites).size(), 1u);
  // Lower than it: the expired one's was free again.
  EXPECT_EQ(other->admission.machine.subnet, "10.101.1.0/24");
  const auto operations = list_operations(store_, 10).value();
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_EQ(operations[1].operation.outcome, Outcome::failed);
}

TEST_F(AdmissionsTest, AnOperationIsAbortedAndResumedByItsId) {
  const OperationId id = admit()->admission.operation;
  const auto unreachable = admissions_.resume(id, {}, {});
  EXPECT_EQ(unreachable.error().code, Code::precondition);
  const auto aborted = admissions_.abort(id);
  ASSERT_TRUE(aborted) << aborted.error().line();
  EXPECT_EQ(aborted->outcome, Outcome::aborted);
  expect_nothing_left();
  EXPECT_EQ(admissions_.resume(id, {}, {})->outcome, Outcome::aborted);

  const OperationId again = admit()->admission.operation;
  serve(kSecond);
  EXPECT_EQ(admissions_.resume(again, {}, {})->outcome, Outcome::committed);
  EXPECT_EQ(admissions_.abort(again)->outcome, Outcome::committed);  // ended: as it is
}

// A coordinator that died right after claiming the subnet left an operation and a claim.
TEST_F(AdmissionsTest, WhatADeadCoordinatorLeftIsContinuedOrAborted) {
  Addition left(store_, clock_, OperationId("01arz3ndektsv4rrffq69g5fax"), kThird, kSecond, "m2");
  ASSERT_TRUE(left.save());
  NetworkSettings network = read_network(store_).value();
  ASSERT_EQ(claim_subnet(store_, clock_, network, kSecond).value(), "10.101.1.0/24");
  const auto bundle = admit();
  ASSERT_TRUE(bundle) << bundle.error().line();
  EXPECT_EQ(bundle->admission.operation, left.id());
  EXPECT_EQ(left.save().error().code, Code::conflict);  // the dead one, should it come back
  ASSERT_TRUE(admissions_.abort(left.id()));
  expect_nothing_left();
}

TEST_F(AdmissionsTest, TwoOperatorsAtOnceGetDifferentSubnets) {
  Result<JoinBundle> one = fail(Code::internal, ""), two = fail(Code::internal, "");
  {
    std::jthread other([&] { two = admissions_.admit(record(kThird, "m3", 'c'), "", {}, {}); });
    one = admit();
  }
  ASSERT_TRUE(one) << one.error().line();
  ASSERT_TRUE(two) << two.error().line();
  EXPECT_NE(one->admission.machine.subnet, two->admission.machine.subnet);
}

// The engine shares the journal's bucket, and leaves these operations alone.
TEST_F(AdmissionsTest, TheEngineListsTheOperation) {
  const OperationId id = admit()->admission.operation;
  ThreadExecutor executor;
  EngineConfig config;
  config.self = kFirst;
  Engine engine(config, {store_, store_, rpc_, clock_, entropy_, executor});
  const auto listed = engine.operations(10);
  ASSERT_TRUE(listed) << listed.error().line();
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_TRUE(engine.operation(id));
  EXPECT_EQ(engine.abort(id, {}).error().code, Code::unsupported);
  EXPECT_EQ(engine.resume(id, {}, {}).error().code, Code::unsupported);
  EXPECT_EQ(store_.records(Bucket::invites).size(), 1u);
}

}  // namespace
}  // namespace ployz

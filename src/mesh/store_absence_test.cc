#include "mesh/store_absence.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

Machine machine(int n) {
  Machine machine;
  machine.id = MachineId(std::format("id-{}", n));
  machine.name = std::format("m{}", n);
  return machine;
}

StoreEpoch held_by(std::vector<int> numbers) {
  StoreEpoch store{4, {}};
  for (const int n : numbers) store.members.push_back({machine(n).id, "10.101.0.1"});
  return store;
}

const std::vector<Machine> kMembers{machine(1), machine(2), machine(3)};
const Error kAway{Code::unavailable, Effect::none, "the store cannot be reached", "is it up?", {}};

Error explained(const StoreEpoch& store, const std::set<MachineId>& answering) {
  return explain_absence(kAway, store, kMembers, answering);
}

TEST(StoreAbsence, NamesWhoIsMissing) {
  const Error two = explained(held_by({1, 2, 3}), {machine(1).id});
  EXPECT_EQ(two.message, "the store cannot be reached: of the 3 machines that hold the store m2 and "
                         "m3 do not answer, and 2 have to");
  EXPECT_TRUE(two.hint.starts_with("bring m2 or m3 back")) << two.hint;
  EXPECT_FALSE(two.hint.contains("recover")) << two.hint;  // one of them lives
  const Error one = explained(held_by({2}), {machine(1).id, machine(3).id});
  EXPECT_EQ(one.message,
            "the store cannot be reached: machine m2, which holds the store, does not answer");
  EXPECT_TRUE(one.hint.ends_with("machine storage recover")) << one.hint;
  EXPECT_EQ(one.code, Code::unavailable);
  // Nobody here knows its name any more.
  EXPECT_TRUE(explained(held_by({7}), {}).message.contains("machine id-7"));
}

TEST(StoreAbsence, WhereEnoughAnswerItIsAnotherReason) {
  EXPECT_EQ(explained(held_by({1, 2, 3}), {machine(1).id, machine(3).id}), kAway);
  EXPECT_EQ(explained(held_by({1}), {machine(1).id}), kAway);
}

TEST(StoreAbsence, OfTheStoreOnly) {
  const auto with = [](Code code, std::string key, std::string value) {
    return Error{code, Effect::none, "x", "", {{std::move(key), std::move(value)}}};
  };
  EXPECT_TRUE(is_of_store(with(Code::timeout, "subject", "$JS.ployz.API.STREAM.INFO.COMMITS")));
  EXPECT_TRUE(is_of_store(with(Code::unavailable, "subject", "ployz.commit.shop")));
  EXPECT_TRUE(is_of_store(with(Code::unavailable, "err_code", "10008")));
  EXPECT_FALSE(is_of_store(with(Code::unavailable, "subject", "ployz.rpc.m2.agent.probe")));
  EXPECT_FALSE(is_of_store(with(Code::conflict, "err_code", "10071")));
  EXPECT_FALSE(is_of_store(kAway));
}

}  // namespace
}  // namespace ployz

#include "model/store.h"

#include <gtest/gtest.h>

namespace ployz {
namespace {

TransferRecord sample() {
  return {TransferState::begun,
          OperationId("op-1"),
          {2, {{MachineId("m1"), "10.101.0.1"}, {MachineId("m2"), "10.101.1.1"}}},
          1234};
}

TEST(TransferRecord, ComesBackAsItWas) {
  for (const auto state :
       {TransferState::begun, TransferState::committed, TransferState::aborted}) {
    TransferRecord record = sample();
    record.state = state;
    EXPECT_EQ(transfer_record_from_json(to_json(record)), record);
  }
  EXPECT_EQ(to_json(sample())["state"], "begun");
  EXPECT_TRUE(sample().next.includes(MachineId("m2")));
  EXPECT_FALSE(sample().next.includes(MachineId("m3")));
}

TEST(TransferRecord, RefusesWhatCannotBeAStore) {
  for (const auto& spoil : std::vector<std::function<void(StoreEpoch&)>>{
           [](auto& next) { next.members.clear(); }, [](auto& next) { next.epoch = 0; },
           [](auto& next) { next.members[1].machine = MachineId("m1"); },
           [](auto& next) { std::swap(next.members[0], next.members[1]); },
           [](auto& next) { next.members[0].address = "10.0.0.1\nlisten: 1"; },
           [](auto& next) { next.members[0].address.clear(); }}) {
    TransferRecord record = sample();
    spoil(record.next);
    EXPECT_FALSE(transfer_record_from_json(to_json(record)));
  }
  EXPECT_FALSE(transfer_record_from_json(Json::array()));
}

}  // namespace
}  // namespace ployz

// What every implementation of Units promises. The factory yields the port and a unit it may start
// and stop at will.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ports/units.h"

namespace ployz::contract {

struct UnitsUnderTest {
  std::unique_ptr<Units> units;
  std::string unit;          // starts and runs
  std::string failing_unit;  // fails at once
};

class UnitsContract : public testing::TestWithParam<UnitsUnderTest (*)()> {
 protected:
  void SetUp() override {
    under_test_ = GetParam()();
    ASSERT_TRUE(under_test_.units);
  }
  Units& units() { return *under_test_.units; }
  const std::string& unit() { return under_test_.unit; }
  UnitsUnderTest under_test_;
};

TEST_P(UnitsContract, StartedIsActiveWithAProcessAndStartingAgainKeepsIt) {
  ASSERT_TRUE(units().ensure_started(unit()));
  const auto first = units().status(unit());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->active_state, "active");
  EXPECT_NE(first->main_pid, 0u);
  EXPECT_GT(first->since_ms, 1'600'000'000'000u);
  ASSERT_TRUE(units().ensure_started(unit()));
  EXPECT_EQ(units().status(unit())->main_pid, first->main_pid);
}

TEST_P(UnitsContract, RestartReplacesTheProcess) {
  ASSERT_TRUE(units().ensure_started(unit()));
  const auto before = units().status(unit());
  ASSERT_TRUE(units().restart(unit()));
  const auto after = units().status(unit());
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->active_state, "active");
  EXPECT_NE(after->main_pid, before->main_pid);
}

TEST_P(UnitsContract, StoppingIsRepeatable) {
  ASSERT_TRUE(units().ensure_started(unit()));
  ASSERT_TRUE(units().ensure_stopped(unit()));
  ASSERT_TRUE(units().ensure_stopped(unit()));
  EXPECT_EQ(units().status(unit())->active_state, "inactive");
}

TEST_P(UnitsContract, UnknownUnitsAreNamed) {
  const Status started = units().ensure_started("ployz-no-such.service");
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::not_found);
  EXPECT_NE(started.error().message.find("ployz-no-such.service"), std::string::npos);
  EXPECT_TRUE(units().ensure_stopped("ployz-no-such.service"));
}

TEST_P(UnitsContract, AUnitThatFailsIsAPreconditionWithAHint) {
  const Status started = units().ensure_started(under_test_.failing_unit);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::precondition);
  EXPECT_NE(started.error().hint.find("journalctl"), std::string::npos);
}

}  // namespace ployz::contract

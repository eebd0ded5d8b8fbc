#include "agent/reservations.h"

#include <gtest/gtest.h>

#include "ports/step_request.h"

namespace ployz {
namespace {

const OperationId kA("a"), kB("b");

TEST(Reservations, AreAllOrNothingAndPerOperation) {
  Reservations reservations;
  EXPECT_TRUE(reservations.hold(kA, {"10.0.0.1", "10.0.0.2"}, 0).empty());
  EXPECT_EQ(reservations.hold(kB, {"10.0.0.2", "10.0.0.3"}, 0),
            std::vector<std::string>{"10.0.0.2"});
  EXPECT_EQ(reservations.held(0), (std::set<std::string>{"10.0.0.1", "10.0.0.2"}));
  // A new claim replaces the old one.
  EXPECT_TRUE(reservations.hold(kA, {"10.0.0.1"}, 0).empty());
  EXPECT_TRUE(reservations.hold(kB, {"10.0.0.2"}, 0).empty());
  reservations.release(kA);
  EXPECT_EQ(reservations.held(0), std::set<std::string>{"10.0.0.2"});
}

TEST(Reservations, Expire) {
  Reservations reservations;
  EXPECT_TRUE(reservations.hold(kA, {"10.0.0.1"}, 0).empty());
  EXPECT_FALSE(reservations.hold(kB, {"10.0.0.1"}, kReservationMs - 1).empty());
  EXPECT_TRUE(reservations.hold(kB, {"10.0.0.1"}, kReservationMs).empty());
}

}  // namespace
}  // namespace ployz

#include "mesh/roster_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"

namespace ployz {
namespace {

class RosterFileTest : public testing::Test {
 protected:
  RosterFileTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "ployz-roster-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~RosterFileTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<RosterFile> open(const std::string& network = "lab") {
    return std::make_unique<RosterFile>(path(), network,
                                        [this](const std::string& line) { said_.push_back(line); });
  }
  std::filesystem::path path() const { return folder_ / "agent/roster.json"; }
  static Machine machine(int number) {
    Machine machine;
    machine.id = MachineId(std::format("machine-{}", number));
    machine.name = std::format("m{}", number);
    machine.subnet = std::format("10.101.{}.0/24", number);
    machine.overlay_address = std::format("10.101.{}.1", number);
    machine.endpoints = {"192.0.2.7:51820"};
    machine.state = MachineState::draining;
    machine.nats_public_key = "U-key";
    machine.wireguard_public_key = "wg-key";
    machine.version = "1.0";
    return machine;
  }

  std::filesystem::path folder_;
  std::vector<std::string> said_;
};

TEST_F(RosterFileTest, WhatWasSeenIsThereInTheNextLife) {
  const std::vector<Machine> machines{machine(1), machine(2)};
  {
    const auto roster = open();
    EXPECT_TRUE(roster->members()->empty());
    ASSERT_TRUE(roster->update({machine(1)}));
    const auto before = roster->members();
    ASSERT_TRUE(roster->update(machines));
    EXPECT_EQ(*roster->members(), machines);
    EXPECT_EQ(*before, std::vector{machine(1)}) << "who reads a list keeps it";
  }
  EXPECT_EQ(*open()->members(), machines);
  EXPECT_TRUE(said_.empty());
}

TEST_F(RosterFileTest, WhatDoesNotDifferIsNotWritten) {
  const auto roster = open();
  ASSERT_TRUE(roster->update({machine(1)}));
  ASSERT_TRUE(remove_file(path()));
  ASSERT_TRUE(roster->update({machine(1)}));
  EXPECT_FALSE(std::filesystem::exists(path()));
  ASSERT_TRUE(roster->update({machine(2)}));
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(RosterFileTest, GarbageIsSaidOnceAndCountsAsNothing) {
  ASSERT_TRUE(open()->update({machine(1)}));
  const std::string good = read_file(path())->value();
  std::string missing = good;
  missing.replace(missing.find("\"subnet\""), 8, "\"sobnet\"");
  for (const std::string& bytes :
       {std::string(), std::string("{"), std::string("\xff\0", 2), std::string("[]"), missing,
        good.substr(0, good.size() / 2), std::string(R"({"version":2,"network":"lab"})"),
        std::string(R"({"version":1,"network":"lab","machines":[1]})"),
        std::string(R"({"version":1,"network":"lab"})"), std::string(100'000, '[')}) {
    ASSERT_TRUE(write_file(path(), bytes));
    said_.clear();
    const auto roster = open();
    EXPECT_TRUE(roster->members()->empty()) << bytes.substr(0, 100);
    ASSERT_EQ(said_.size(), 1u);
    EXPECT_TRUE(said_[0].contains(path().string()) && !said_[0].contains('\n')) << said_[0];
    ASSERT_TRUE(roster->update({machine(1)}));  // mends it
    EXPECT_EQ(*open()->members(), std::vector{machine(1)});
  }
}

TEST_F(RosterFileTest, AnotherNetworksIsNotOurs) {
  ASSERT_TRUE(open("other")->update({machine(1)}));
  EXPECT_TRUE(open()->members()->empty());
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_TRUE(said_[0].contains("'other'")) << said_[0];
}

TEST_F(RosterFileTest, WhatCannotBeWrittenIsKnownAllTheSameAndTriedAgain) {
  ASSERT_TRUE(write_file(folder_ / "agent", "a file where the folder should be"));
  const auto roster = open();
  EXPECT_FALSE(roster->update({machine(1)}));
  EXPECT_EQ(*roster->members(), std::vector{machine(1)});
  EXPECT_FALSE(roster->update({machine(1)}));
  ASSERT_TRUE(remove_file(folder_ / "agent"));
  EXPECT_TRUE(roster->update({machine(1)}));
  EXPECT_EQ(*open()->members(), std::vector{machine(1)});
}

}  // namespace
}  // namespace ployz

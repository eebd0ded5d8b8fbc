#include "drivers/os/proc_host_facts.h"

#include <gtest/gtest.h>

#include <fstream>

namespace ployz {
namespace {

class ProcHostFactsTest : public testing::Test {
 protected:
  void SetUp() override {
    proc_ = std::filesystem::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(proc_ / "net");
  }
  void TearDown() override { std::filesystem::remove_all(proc_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(proc_ / name) << text;
  }
  std::filesystem::path proc_;
};

TEST_F(ProcHostFactsTest, ListsExternalListenersWithoutLoopbackAndTheGatewaysOwn) {
  write("net/tcp",
        "  sl  local_address rem_address   st tx_queue\n"
        "   0: 0100007F:1F90 00000000:0000 0A 00000000\n"   // 127.0.0.1:8080
        "   1: 00000000:0016 00000000:0000 0A 00000000\n"   // 0.0.0.0:22
        "   2: 00000000:0050 00000000:0000 0A 00000000\n"   // 0.0.0.0:80, the gateway
        "   3: 0200000A:1F91 0300000A:0016 01 00000000\n"   // established
        "   4: 0200000A:1388 00000000:0000 0A 00000000\n"   // 10.0.0.2:5000
        "garbage\n");
  write("net/tcp6",
        "  sl  local_address\n"
        "   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A\n"
        "   1: 00000000000000000000000001000000:1539 00000000000000000000000000000000:0000 0A\n"
        "   2: 0000000000000000FFFF00000100007F:153A 00000000000000000000000000000000:0000 0A\n");
  ProcHostFacts facts({proc_, proc_, {80}});
  EXPECT_EQ(facts.listening_ports(), (std::vector<uint16_t>{22, 5000, 5432}));
}

TEST_F(ProcHostFactsTest, SaysWhenProcIsNotThere) {
  ProcHostFacts facts({proc_ / "none", proc_ / "none", {}});
  EXPECT_EQ(facts.listening_ports().error().code, Code::unavailable);
  EXPECT_EQ(facts.memory_free_bytes().error().code, Code::unavailable);
  EXPECT_EQ(facts.disk_free_bytes().error().code, Code::unavailable);
  EXPECT_EQ(facts.routes().error().code, Code::unavailable);
}

TEST_F(ProcHostFactsTest, ReadsMemoryAndDisk) {
  write("meminfo", "MemTotal:  100 kB\nMemFree: 1 kB\nMemAvailable:     50 kB\nBuffers: 1 kB\n");
  ProcHostFacts facts({proc_, proc_, {}});
  EXPECT_EQ(facts.memory_free_bytes(), 50u << 10);
  EXPECT_GT(facts.disk_free_bytes().value(), 0u);
}

TEST_F(ProcHostFactsTest, ReadsRoutes) {
  write("net/route",
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "wg\t0000650A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "ployz0\t0001650A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "*\t0002650A\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "garbage\n");
  ProcHostFacts facts({proc_, proc_, {}});
  EXPECT_EQ(facts.routes(),
            (std::vector<NetworkRoute>{{"0.0.0.0/0", "eth0"},
                                    {"10.101.0.0/16", "wg"},
                                    {"10.101.1.0/24", "ployz0"}}));
}

}  // namespace
}  // namespace ployz

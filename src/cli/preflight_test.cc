#include "cli/preflight.h"

#include <gtest/gtest.h>

namespace ployz::cli {
namespace {

constexpr std::string_view kGood =
    "Welcome to this host\nformat=1\nuid=0\nsudo=yes\nos=debian 13\narch=amd64\nsystemd=yes\n"
    "disk_kib=8388608\nkernel_wireguard=no\ntun=yes\npackage=\napt_trouble=\ntcp=00000000:0016\n"
    "clock_ms=1700000000000\nend=1\n";

HostFacts good() {
  auto facts = parse_preflight(kGood);
  EXPECT_TRUE(facts);
  return facts.value_or(HostFacts{});
}

PreflightWish wish() {
  return {"amd64", "prod", 0, 0};
}

// The problems of a host that is good but for one thing.
std::vector<std::string> problems(const std::function<void(HostFacts&)>& change) {
  auto facts = good();
  change(facts);
  return check_preflight(facts, wish());
}

bool one_about(const std::vector<std::string>& problems, std::string_view words) {
  return problems.size() == 1 && problems[0].contains(words);
}

TEST(Preflight, ReadsWhatTheScriptPrints) {
  const auto facts = good();
  EXPECT_TRUE(facts.root());
  EXPECT_EQ(facts.os, "debian 13");
  EXPECT_EQ(facts.disk_free_bytes, 8ULL << 30);
  EXPECT_EQ(facts.clock_ms, 1'700'000'000'000u);
  EXPECT_EQ(facts.tcp, std::vector<std::string>{"00000000:0016"});
  EXPECT_TRUE(check_preflight(facts, wish()).empty());

  EXPECT_EQ(parse_preflight("").error().code, Code::corrupt);
  EXPECT_EQ(parse_preflight("This account is not available.\n").error().code, Code::corrupt);
  // Cut off in the middle: what is missing must not read as absent.
  EXPECT_FALSE(parse_preflight(kGood.substr(0, kGood.size() - 7)));
}

TEST(Preflight, EveryProblemIsNamed) {
  EXPECT_TRUE(one_about(problems([](auto& f) { f.os = "debian 12"; }), "not debian 13"));
  EXPECT_TRUE(one_about(problems([](auto& f) { f.arch = "arm64"; }), "package is for amd64"));
  EXPECT_TRUE(one_about(problems([](auto& f) { f.uid = 1000, f.sudo = false; }), "sudo"));
  EXPECT_TRUE(problems([](auto& f) { f.uid = 1000; }).empty());
  EXPECT_TRUE(one_about(problems([](auto& f) { f.systemd = false; }), "systemd"));
  EXPECT_TRUE(one_about(problems([](auto& f) { f.disk_free_bytes = 1 << 30; }), "free in /var"));
  EXPECT_TRUE(one_about(problems([](auto& f) { f.tun = false; }), "/dev/net/tun"));
  EXPECT_TRUE(problems([](auto& f) { f.tun = false, f.kernel_wireguard = true; }).empty());
  EXPECT_TRUE(one_about(problems([](auto& f) { f.network = "other"; }), "network other"));
  EXPECT_TRUE(problems([](auto& f) { f.network = "prod"; }).empty());  // an add is continued
  EXPECT_TRUE(one_about(problems([](auto& f) { f.apt_trouble = "E: broken"; }), "E: broken"));
}

TEST(Preflight, AllProblemsAtOnce) {
  const auto all = problems([](auto& f) {
    f.os = "ubuntu 24.04";
    f.systemd = false;
    f.tcp = {"00000000:0050"};
    f.network = "other";
  });
  EXPECT_EQ(all.size(), 4u);
}

TEST(Preflight, PortsInTheWay) {
  const auto tcp = [](std::string socket) {
    return problems([&](auto& f) { f.tcp = {std::move(socket)}; });
  };
  EXPECT_TRUE(one_about(tcp("00000000:0050"), "TCP port 80"));
  EXPECT_TRUE(one_about(tcp("0100007F:0050"), "TCP port 80"));
  EXPECT_TRUE(one_about(tcp("00000000000000000000000000000000:0050"), "TCP port 80"));
  EXPECT_TRUE(one_about(tcp("0100007F:107E"), "TCP port 4222"));
  EXPECT_TRUE(tcp("0200000A:107E").empty());  // 10.0.0.2: not where ours listens
  EXPECT_TRUE(one_about(tcp("00000000:0035"), "TCP port 53"));
  EXPECT_TRUE(one_about(tcp("00000000:10DF"), "TCP port 4319"));
  EXPECT_TRUE(one_about(tcp("00000000:10E0"), "TCP port 4320"));
  EXPECT_TRUE(tcp("3500007F:0035").empty());  // systemd-resolved at 127.0.0.53
  const auto udp = problems([](auto& f) { f.udp = {"00000000:CA6C"}; });
  EXPECT_TRUE(one_about(udp, "UDP port 51820"));
  // Our own, of an add that was cut off.
  EXPECT_TRUE(problems([](auto& f) {
                f.tcp = {"00000000:0050"};
                f.active = {"ployz-haproxy"};
              }).empty());
}

TEST(Preflight, ClockSkewWithinWhatCanBeMeasured) {
  auto want = wish();
  want.skew_ms = -600'000;
  const auto problems = check_preflight(good(), want);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(problems[0].contains("10 min")) << problems[0];
  EXPECT_TRUE(problems[0].contains("behind")) << problems[0];
  want.skew_ms = 5500;
  EXPECT_EQ(check_preflight(good(), want).size(), 1u);
  want.skew_uncertainty_ms = 1000;  // the answer took a second
  EXPECT_TRUE(check_preflight(good(), want).empty());
  want.skew_ms = std::nullopt;
  EXPECT_TRUE(check_preflight(good(), want).empty());
}

// The script itself, on whatever runs the tests: it must be POSIX and answer in full.
TEST(Preflight, TheScriptRuns) {
  RunOptions options;
  options.input = preflight_script();
  const auto done = run({{"sh", "-s"}}, options);
  ASSERT_TRUE(done) << done.error().line();
  const auto facts = parse_preflight(done->out);
  ASSERT_TRUE(facts) << facts.error().line() << "\n" << done->out << done->err;
  EXPECT_EQ(facts->arch, our_arch());
  EXPECT_GT(facts->clock_ms, 1'700'000'000'000u);
  EXPECT_EQ(done->err, "");
}

}  // namespace
}  // namespace ployz::cli

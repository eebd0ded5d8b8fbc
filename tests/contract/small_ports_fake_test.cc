// The small ports' contracts on the simulator's fakes.
#include "contract/small_ports_contract.h"
#include "contract/step_journal_contract.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_echo.h"
#include "sim/fakes/fake_host.h"
#include "sim/fakes/fake_projection_cache.h"
#include "sim/fakes/fake_step_journal.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

struct SetClock final : Clock {
  uint64_t now_ms = 1'000;
  uint64_t wall_ms() override { return now_ms; }
  uint64_t steady_ms() override { return now_ms; }
  bool sleep_for(std::chrono::milliseconds, std::stop_token) override { return true; }
};

class FakeJournalUnderTest final : public JournalUnderTest {
 public:
  StepJournal& journal() override { return journal_; }
  void advance_ms(uint64_t ms) override { clock_.now_ms += ms; }
  void reopen() override {}  // it survives the agent by design

 private:
  sim::NoHook hook_;
  SetClock clock_;
  sim::FakeStepJournal journal_{hook_, clock_};
};

std::unique_ptr<JournalUnderTest> make() { return std::make_unique<FakeJournalUnderTest>(); }

TEST(SmallPortsFake, ProjectionCache) {
  sim::NoHook hook;
  sim::FakeProjectionCache cache(hook);
  check_projection_cache(cache);
}

TEST(SmallPortsFake, Clock) {
  sim::SkewedClock clock(5'000);
  check_clock(clock);
}

TEST(SmallPortsFake, Entropy) {
  sim::SeededEntropy entropy(1);
  check_entropy(entropy);
}

TEST(SmallPortsFake, Prober) {
  sim::NoHook hook;
  sim::FakeProber prober(hook, [](std::string_view address) { return address == "10.101.0.7"; });
  check_prober(prober, "10.101.0.7", "10.101.0.8", 8080);
}

TEST(SmallPortsFake, Echo) {
  sim::NoHook hook;
  sim::FakeEcho echo(hook, [](std::string_view address) {
    return address == "10.101.0.1" ? std::optional<uint64_t>(250) : std::nullopt;
  });
  check_echo(echo, "10.101.0.1", "10.101.9.1");
}

TEST(SmallPortsFake, HostFacts) {
  sim::NoHook hook;
  sim::FakeHost host(hook);
  host.listen(9200);
  check_host_facts(host, 9200);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, StepJournalContract, testing::Values(&make));

}  // namespace ployz::contract

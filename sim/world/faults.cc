#include "sim/world/faults.h"

namespace ployz::sim {
namespace {

uint64_t rate(Random& random, uint64_t most) {
  if (random.coin()) return 0;
  return random.between(most / 20 + 1, most);
}

}  // namespace

Faults Faults::draw(Random& random) {
  Faults faults;
  if (random.below(20) == 0) return faults;  // a world without faults must be fine, too
  faults.crash_daemon = rate(random, 10'000);
  faults.crash_router = rate(random, 10'000);
  faults.stall = rate(random, 1'500);
  faults.pause = rate(random, 800);
  faults.store_refused = rate(random, 10'000);
  faults.store_lost = rate(random, 30'000);
  faults.store_away = rate(random, 1'500);
  faults.rpc_refused = rate(random, 20'000);
  faults.rpc_lost = rate(random, 20'000);
  faults.rpc_duplicated = rate(random, 100'000);
  faults.local_failed = rate(random, 8'000);
  faults.volumes_failed = rate(random, 60'000);
  faults.stream_broken = rate(random, 300'000);
  faults.slow = rate(random, 10'000);
  faults.bad_image = rate(random, 500'000);
  faults.cancel = rate(random, 400'000);
  faults.partition = rate(random, 4'000);
  faults.machine_pause = rate(random, 1'200);
  faults.machine_death = random.below(4) == 0 ? rate(random, 2'000) : 0;
  faults.clock_skew_ms = rate(random, random.coin() ? 30'000 : 600'000);
  return faults;
}

}  // namespace ployz::sim

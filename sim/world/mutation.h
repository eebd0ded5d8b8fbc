// Bugs that are planted to see whether the checkers notice them.
#pragma once

namespace ployz::sim {

// What the simulator is told to break on purpose, to see that it notices.
enum class Mutation {
  none,
  // An undo that does nothing.
  run_instance,
  stop_instance,
  prepare_routes,
  await_routes,
  skip_flip,               // a router confirms at once
  unreachable_confirmed,   // the engine takes no answer to `flip` for one
  silent_is_fine,          // the engine takes a former answer for one that did not come
};

}  // namespace ployz::sim

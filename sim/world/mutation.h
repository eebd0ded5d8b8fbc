// Bugs that are planted to see whether the checkers notice them.
#pragma once

namespace ployz::sim {

enum class Mutation {
  none,
  // An undo that does nothing.
  run_instance,
  stop_instance,
  prepare_routes,
  await_routes,
  skip_flip,              // the second machine's router confirms at once
  unreachable_confirmed,  // the engine takes no answer to `flip` for one
  silent_is_fine,         // the engine takes a former answer for one that did not come
};

}  // namespace ployz::sim

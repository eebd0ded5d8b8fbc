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
  make_dataset,       // empty, cloned or received: it stays
  snapshot_datasets,
  pause_instances,
  skip_flip,              // the second machine's router confirms at once
  unreachable_confirmed,  // the engine takes no answer to `flip` for one
  silent_is_fine,         // the engine takes a former answer for one that did not come
  early_receive,          // a machine says that a dataset is here before it is
  early_destroy,          // what a commit gives up is destroyed when the operation begins
  reused_ids,             // ids of one plan are those of an earlier one
  unknown_is_fine,        // the engine takes no answer to a step for success
};

}  // namespace ployz::sim

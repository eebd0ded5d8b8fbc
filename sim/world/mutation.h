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
  // Of moves of the store.
  no_freeze,        // it takes writes while it is copied
  blind_decision,   // a decision is appended whatever else was decided
  thaw_former,      // the former store takes writes again once the next is in force
  epoch_is_enough,  // a move is taken for done when the store is of its epoch
};

}  // namespace ployz::sim

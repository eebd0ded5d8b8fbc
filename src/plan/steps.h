// From a decided layout to the steps, undos and claims of a plan. Pure.
//
// Order of apply: images → new instances of blue/green services → all of them ready → the old
// instances of recreated services stop → their new ones run → ready → every router prepares.
// So a broken blue/green service is found out before anything is stopped. What is done to data stands
// in volume_steps.h: its first part comes before the stops, its second between them and the new ones,
// its last, the snapshots of the commit, when all are ready. Order of cleanup: every
// router drains, then what is gone is removed.
// Undo is explicit in every step (Step::undo): the engine adds nothing to it.
#pragma once

#include <vector>

#include "model/plan.h"
#include "plan/layout.h"
#include "plan/next_state.h"
#include "plan/snapshot.h"
#include "plan/volume_layout.h"

namespace ployz {

// Fills claims, apply and cleanup. `participants`: every machine that answers; each runs a router.
// `plan.commit` is set.
void add_steps(Plan& plan, const std::vector<ServiceLayout>& layouts, const VolumeLayouts& volumes,
               const NextState& next, const std::vector<const Machine*>& participants,
               const Commit* previous);

// Fills the cleanup only: drain everywhere, then remove what is gone.
void add_cleanup(Plan& plan, const std::vector<ServiceLayout>& layouts,
                 const std::vector<const Machine*>& participants);

}  // namespace ployz

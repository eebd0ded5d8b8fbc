// The world as it will be when a plan has been executed, as far as the next plan looks at it. Pure.
#pragma once

#include "model/plan.h"
#include "plan/snapshot.h"

namespace ployz {

// The plan's commit becomes the newest of its namespace; instances, datasets, memory and room of the
// machines are as its steps leave them. A plan without a commit changes nothing.
void foresee(const Plan& plan, Snapshot& snapshot);

}  // namespace ployz

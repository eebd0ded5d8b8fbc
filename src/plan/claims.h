// What a plan asks of the machines before anything is changed. Pure.
#pragma once

#include <vector>

#include "model/plan.h"
#include "plan/layout.h"
#include "plan/volume_steps.h"

namespace ployz {

// One claim for each participant.
void add_claims(Plan& plan, const std::vector<ServiceLayout>& layouts, const VolumeSteps& volumes,
                const std::vector<const Machine*>& participants, const Commit* previous);

}  // namespace ployz

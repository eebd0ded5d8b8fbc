// What has to happen so that nothing of the newest commits is left on a machine: for each namespace
// which services and volumes move, in which steps, and where to. Decided for all of them before
// anything moves, each step on what the ones before it leave. Pure.
//
// Each step is one operation of the engine. Services with volumes are migrated one after the other,
// with the volumes and whoever shares these; then everything else of the namespace leaves at once,
// started elsewhere before it stops here.
#pragma once

#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/plan.h"
#include "plan/image_copies.h"
#include "plan/requests.h"
#include "plan/snapshot.h"

namespace ployz {

struct DrainMove {
  std::variant<MigrateRequest, EvacuateRequest> request;
  std::vector<ServiceName> services;  // that have instances there now
  std::vector<VolumeName> volumes;
  std::string to;        // a machine's name; empty: spread over several, or nothing comes anew
  uint64_t bytes = 0;    // of the volumes, as they are now
  Plan plan;             // as the engine would make it now
  std::vector<ImageCopy> images{};  // to be copied before, from the machine that is drained
  // While its writers stand still: stopping takes at most this, and being ready again this (between
  // them the last difference of the data is sent). Zero: nothing stops before its successor is ready.
  std::chrono::milliseconds stops_within{0};
  std::chrono::milliseconds ready_within{0};

  [[nodiscard]] const NamespaceName& name_space() const;
};

// Something that fits nowhere.
struct DrainMisfit {
  std::string what;  // "shop/db", "volume shop/uploads"
  std::string why;
};

// Data that stays on the machine: that of former commits, kept for a rollback, and of nobody. What
// moves leaves such data behind too.
struct DatasetLeft {
  DatasetId dataset;
  NamespaceName name_space;
  VolumeName volume;
  uint64_t bytes = 0;
  bool moves = false;  // the newest commit's now; it goes on elsewhere
};

struct DrainPlan {
  std::vector<DrainMove> moves;
  std::vector<DrainMisfit> misfits;
  std::vector<DatasetLeft> stays;
};

// Needs the facts with datasets, and the images of what stands on the machine. The machine's own
// state does not matter: it is taken for one that is being drained. `not_found`; `precondition`: it
// does not answer.
[[nodiscard]] Result<DrainPlan> plan_drain(const MachineId& machine, const Snapshot& snapshot,
                                           const PlanIdentity& identity);

// All misfits in one error, each in its context too; to be asked only when there are some.
[[nodiscard]] Error misfit_error(const std::string& machine,
                                 const std::vector<DrainMisfit>& misfits);

// References and ids of all images that run on the machine: where they are decides where it can go.
[[nodiscard]] std::vector<std::string> images_on(const MachineId& machine, const Snapshot& snapshot);

}  // namespace ployz

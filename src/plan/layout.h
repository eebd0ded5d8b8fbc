// The next state of a namespace, decided but not yet turned into steps: for every service what
// stays, what goes, and which new instances stand where. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/ulid.h"
#include "model/commit.h"
#include "model/manifest.h"
#include "plan/addresses.h"
#include "plan/diff.h"
#include "plan/placement.h"
#include "plan/snapshot.h"

namespace ployz {

struct NewInstance {
  CommittedInstance instance;
  std::string why;    // this machine
  bool pull = false;  // the image is not there yet
};

struct ServiceLayout {
  ServiceDiff diff;
  std::vector<NewInstance> added;
  std::vector<std::string> excluded;  // "m3 is drained": where none of `added` could stand
  // The old instances stop before the new ones run: recreate, or their data moves on.
  bool stop_first = false;

  // As the next commit records it; nullopt for a removed service.
  [[nodiscard]] std::optional<CommittedService> committed() const;
};

// Decides one service after the other; each sees the load and addresses of those before it.
class LayoutBuilder {
 public:
  LayoutBuilder(const Snapshot& snapshot, SeededIds& ids, uint64_t seed)
      : snapshot_(snapshot), ids_(ids), addresses_(snapshot, seed), load_(count_load(snapshot)) {}

  // Errors as in plan/deploy.h. A service with an image_id gets this very image.
  [[nodiscard]] Result<ServiceLayout> lay_out(const Service& service,
                                              const CommittedService* previous,
                                              ServiceWish wish = {});

 private:
  [[nodiscard]] Status settle_home(const ServiceDiff& diff, const Eligible& eligible,
                                   const ResolvedImage& image, ServiceWish& wish);
  [[nodiscard]] Status add_instances(ServiceLayout& layout, std::vector<Placed> placed,
                                     const ResolvedImage& image);

  const Snapshot& snapshot_;
  SeededIds& ids_;
  AddressPool addresses_;
  Load load_;
};

}  // namespace ployz

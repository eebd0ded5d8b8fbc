// Images and manifests of the simulated operators.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "model/commit.h"
#include "model/manifest.h"
#include "sim/fakes/fake_images.h"
#include "sim/scheduler/random.h"

namespace ployz::sim {

struct SampleImage {
  std::string reference;
  std::string id;
  Behaviour behaviour;
  bool may_be_absent = false;  // then only the registry has it
  bool in_registry = true;
};

[[nodiscard]] const std::vector<SampleImage>& sample_images();

// A whole namespace: one to three services. `bad`: one of them uses an image that never gets ready
// or exits.
// `machines`: names it may pin to. `homeless`: services that must not mount volumes.
[[nodiscard]] Manifest random_manifest(Random& random, const NamespaceName& name_space, bool bad,
                                       const std::vector<std::string>& machines,
                                       const std::set<ServiceName>& homeless = {});
// Services of this namespace whose volumes no single machine that lives has, so that a manifest with
// their mounts would be refused.
[[nodiscard]] std::set<ServiceName> homeless_services(const Commit& commit,
                                                      const std::set<MachineId>& living);

}  // namespace ployz::sim

// What a drain did, or would do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/machine.h"
#include "model/operation.h"
#include "plan/drain.h"

namespace ployz {

// One operation of a drain, done or, of a preview, to be done.
struct DrainStep {
  NamespaceName name_space;
  std::vector<ServiceName> services{};
  std::vector<VolumeName> volumes{};
  std::string to{};                 // as in DrainMove
  uint64_t bytes = 0;               // of the volumes when it was planned
  std::vector<ImageCopy> images{};  // copied before it, or, of a preview, to be copied
  std::chrono::milliseconds stops_within{0};  // as in DrainMove
  std::chrono::milliseconds ready_within{0};
  std::vector<Change> changes;
  OperationId operation{};  // empty: not run
  Outcome outcome = Outcome::running;
  Json measured = Json::object();  // model/measured.h
};

struct DrainReport {
  enum class End {
    preview,
    unchanged,        // it was drained already, and nothing is there
    drained,
    cleanup_pending,  // a step is committed, its cleanup is not done; the machine is still draining
    aborted,          // by the operator, between steps or with one undone
    failed,           // a step did not succeed; it was undone, the ones before it stay
  };
  End end = End::preview;
  Machine machine;
  std::vector<DrainStep> steps;
  std::vector<DatasetLeft> stays;
  std::optional<Error> error;
};

[[nodiscard]] constexpr std::string_view to_string(DrainReport::End end) {
  switch (end) {
    case DrainReport::End::preview: return "preview";
    case DrainReport::End::unchanged: return "unchanged";
    case DrainReport::End::drained: return "drained";
    case DrainReport::End::cleanup_pending: return "cleanup_pending";
    case DrainReport::End::aborted: return "aborted";
    case DrainReport::End::failed: break;
  }
  return "failed";
}

}  // namespace ployz

// What `machine rm` did, or would do.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mesh/drain_report.h"
#include "model/machine.h"
#include "model/operation.h"
#include "plan/loss.h"

namespace ployz {

struct RemovalReport {
  enum class End {
    preview,
    unchanged,        // it was removed before
    removed,          // it is out, its credentials are revoked
    cleanup_pending,  // it is out; what is left to do is in `error`
    aborted,          // by the operator; it is in the network, drained as far as that came
    failed,           // it is in the network, and the same command goes on
  };
  End end = End::preview;
  Machine machine;
  bool force = false;
  bool keep_data = false;
  OperationId operation;                   // empty: not run
  // Names of those that hold the control plane's store afterwards; empty: the machine holds no copy.
  std::vector<std::string> store;
  std::vector<DrainStep> steps;            // what moves; of a forced one: what restarts elsewhere
  std::vector<DatasetLeft> deletes;        // data that goes with the machine, or stays on its disk
  std::vector<DatasetLeft> only_there;     // of that, what exists nowhere else
  std::vector<LostService> lost_services;  // of a forced one
  std::vector<LostVolume> lost_volumes;
  bool host_leaves = false;              // it has noted that it leaves, and cleans itself
  std::vector<std::string> unconfirmed;  // members that did not confirm that it is out
  std::optional<Error> error;
};

[[nodiscard]] constexpr std::string_view to_string(RemovalReport::End end) {
  switch (end) {
    case RemovalReport::End::preview:
      return "preview";
    case RemovalReport::End::unchanged:
      return "unchanged";
    case RemovalReport::End::removed:
      return "removed";
    case RemovalReport::End::cleanup_pending:
      return "cleanup_pending";
    case RemovalReport::End::aborted:
      return "aborted";
    case RemovalReport::End::failed:
      break;
  }
  return "failed";
}

}  // namespace ployz

// The journal entry of one `machine rm`: an Operation of kind "machine_rm". It keeps what was
// asked, so that any daemon can go on with it, also when the machine's record is gone.
//
// Its phases: `apply` while the machine is drained and may stay; `commit` from before it is told to
// leave; `flip` when it has acknowledged that.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/machine_operation.h"
#include "model/machine.h"

namespace ployz {

inline constexpr std::string_view kMachineRm = "machine_rm";

struct RemovalRequest {
  std::string machine;     // name or id
  bool force = false;      // one that does not answer; what it has is lost
  bool keep_data = false;  // its datasets stay on its disk
  bool yes = false;        // data that exists nowhere else may go
  // If it holds a copy of the store: how many copies there are afterwards. 0: as many as now.
  uint64_t replicas = 0;
};

class Removal : public MachineOperation {
 public:
  // A new one, not written yet.
  Removal(KeyValue& records, Clock& clock, const OperationId& id, const MachineId& coordinator,
          const Machine& machine, const RemovalRequest& request);
  // One that was found.
  Removal(KeyValue& records, Clock& clock, JournaledOperation found)
      : MachineOperation(records, clock, std::move(found)) {}

  [[nodiscard]] MachineId machine() const { return machine_of(operation(), kMachineRm); }
  // As it was asked.
  [[nodiscard]] RemovalRequest request() const;
  // Not written yet. Asked again with another wish: as long as nobody was told, the newer one
  // counts.
  void ask(const RemovalRequest& request);
};

// Of the machine of this name or id.
[[nodiscard]] Result<std::optional<JournaledOperation>> unfinished_removal(
    KeyValue& records, std::string_view name_or_id);

}  // namespace ployz

// One machine's part in a move of the store: which command asks for which step, and that steps do not
// overlap. What the steps do is apps/ployzd/store_host.h's, and the simulation's (sim/world/store_site.h).
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/moves_under_way.h"
#include "mesh/store_calls.h"

namespace ployz {

class StoreSteps {
 public:
  virtual ~StoreSteps() = default;
  // The commands of store_calls.h, and "store_epoch".
  [[nodiscard]] static bool knows(std::string_view command);
  // On several threads at once.
  [[nodiscard]] Result<Json> handle(const std::string& command, const Json& request);
  // What this machine coordinates.
  [[nodiscard]] MovesUnderWay& moves() { return moves_; }

 protected:
  std::mutex changing_;  // one step at a time; form() changes nothing here, and takes its time

 private:
  // The last that was asked for in this life of the daemon.
  struct Copy {
    OperationId operation;
    std::optional<Result<CopiedStore>> end;
  };
  [[nodiscard]] Result<CopiedStore> copy_once(const StoreCall& call);

  MovesUnderWay moves_;
  std::mutex copies_;
  std::optional<Copy> copy_;  // guarded by copies_

  // Of the store that this machine follows.
  [[nodiscard]] virtual uint64_t epoch() const = 0;
  [[nodiscard]] virtual Status form(const StoreCall& call) = 0;
  // With changing_ held.
  [[nodiscard]] virtual Status prepare(const StoreCall& call) = 0;
  [[nodiscard]] virtual Status discard(const StoreCall& call) = 0;
  [[nodiscard]] virtual Status freeze(const StoreCall& call) = 0;
  [[nodiscard]] virtual Result<CopiedStore> copy(const StoreCall& call) = 0;
  [[nodiscard]] virtual Result<Decision> decide(const StoreCall& call, TransferState wanted) = 0;
};

}  // namespace ployz

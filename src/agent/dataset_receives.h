// Datasets on their way to this machine. A receive may take hours, so it has a thread of its own and
// is asked about: the step that began it answers how far it is, and when repeated attaches to what
// runs. It belongs to its (operation, step), never to the coordinator that asked for it.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/dataset_stream.h"
#include "ports/clock.h"

namespace ployz {

inline constexpr size_t kMaxDatasetReceives = 64;  // at once

// Thread-safe. The destructor cancels what runs and waits for it.
class DatasetReceives {
 public:
  using Slot = std::pair<OperationId, StepId>;

  DatasetReceives(Volumes* volumes, Transfers* transfers)
      : volumes_(volumes), transfers_(transfers) {}
  ~DatasetReceives();

  // {"bytes","base"}: the dataset is here. Within kStepReplyMs otherwise: {"running":{"bytes",
  // "total_bytes"}}, or {"needs_ticket":true}: nothing runs, and it cannot begin without one. Its
  // error, told once; then it may begin again: `denied`, `unavailable`, `timeout`, `corrupt` are of the
  // stream, all others final. `stop` ends only the wait.
  [[nodiscard]] Result<Json> receive(const StepRequest& request, const ReceiveDataset& action,
                                     std::stop_token stop);
  // Ends the step's receive, if there is one; it does when this returns.
  void cancel(const Slot& slot);

 private:
  struct Receive {
    ReceiveProgress progress;
    std::stop_source stop;
    std::optional<Result<ReceivedDataset>> result;  // set once, when it has ended
    std::jthread thread;
  };
  [[nodiscard]] Result<std::shared_ptr<Receive>> begin(const StepRequest& request,
                                                       const ReceiveDataset& action);
  [[nodiscard]] Result<ReceivedDataset> run(const StreamTicket& ticket,
                                            const OperationId& operation,
                                            const ReceiveDataset& action, Receive& receive);
  void forget(const Slot& slot, const std::shared_ptr<Receive>& receive);

  Volumes* volumes_;
  Transfers* transfers_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Slot, std::shared_ptr<Receive>> receives_;
};

}  // namespace ployz

#include "agent/dataset_receives.h"

#include "agent/dataset_steps.h"

namespace ployz {

DatasetReceives::~DatasetReceives() {
  std::map<Slot, std::shared_ptr<Receive>> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(receives_);
  }
  for (const auto& [slot, receive] : ending) receive->stop.request_stop();
  for (const auto& [slot, receive] : ending) receive->thread.join();
}

Result<Json> DatasetReceives::receive(const StepRequest& request, const ReceiveDataset& action,
                                      std::stop_token stop) {
  if (volumes_ == nullptr || transfers_ == nullptr) return keeps_no_volumes();
  const std::shared_ptr<Receive> receive = TRY(begin(request, action));
  if (!receive) return Json{{"needs_ticket", true}};
  std::unique_lock lock(mutex_);
  const bool ended = changed_.wait_for(lock, stop, std::chrono::milliseconds(kStepReplyMs) / 2,
                                       [&] { return receive->result.has_value(); });
  if (!ended) {
    return Json{{"running",
                 {{"bytes", receive->progress.bytes.load()},
                  {"total_bytes", receive->progress.total_bytes.load()}}}};
  }
  lock.unlock();
  // What succeeded stays: should the answer be lost, the step's record has it.
  forget({request.operation, request.step}, receive);
  const ReceivedDataset received = TRY(*receive->result);
  return Json{{"bytes", received.bytes}, {"base", received.base_guid}};
}

// Nullptr: nothing runs, and there is no ticket.
Result<std::shared_ptr<DatasetReceives::Receive>> DatasetReceives::begin(
    const StepRequest& request, const ReceiveDataset& action) {
  const Slot slot{request.operation, request.step};
  const std::lock_guard lock(mutex_);
  if (const auto found = receives_.find(slot); found != receives_.end()) return found->second;
  if (!request.ticket) return nullptr;
  if (receives_.size() >= kMaxDatasetReceives) {
    return fail(Code::unavailable, "this machine receives too many datasets at once", "try again");
  }
  auto receive = std::make_shared<Receive>();
  // The map's share outlives the thread: it is dropped only after a join.
  receive->thread = std::jthread(
      [this, ticket = *request.ticket, operation = request.operation, action, &it = *receive] {
        Result<ReceivedDataset> result = run(ticket, operation, action, it);
        const std::lock_guard done(mutex_);
        it.result = std::move(result);
        changed_.notify_all();
      });
  receives_[slot] = receive;
  return receive;
}

Result<ReceivedDataset> DatasetReceives::run(const StreamTicket& ticket,
                                             const OperationId& operation,
                                             const ReceiveDataset& action, Receive& receive) {
  const std::stop_token stop = receive.stop.get_token();
  const auto stream =
      TRY(transfers_->dial(ticket.address, ticket.key,
                           {std::string(kDatasetStream), operation.str()}, stop));
  return receive_dataset(*volumes_, action, *stream, receive.progress, stop);
}

void DatasetReceives::forget(const Slot& slot, const std::shared_ptr<Receive>& receive) {
  bool mine = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = receives_.find(slot);
    mine = found != receives_.end() && found->second == receive;
    if (mine) receives_.erase(found);
  }
  if (mine) receive->thread.join();
}

void DatasetReceives::cancel(const Slot& slot) {
  std::shared_ptr<Receive> receive;
  {
    const std::lock_guard lock(mutex_);
    const auto found = receives_.find(slot);
    if (found == receives_.end()) return;
    receive = found->second;
  }
  receive->stop.request_stop();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return receive->result.has_value(); });
  lock.unlock();
  forget(slot, receive);
}

}  // namespace ployz

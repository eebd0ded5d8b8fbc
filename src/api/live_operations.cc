#include "api/live_operations.h"

#include <format>

namespace ployz {

std::optional<Event> LiveOperation::event(size_t index) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return index < events_.size() || result_.has_value(); });
  if (index < events_.size()) return events_[index];
  return std::nullopt;
}

Result<Json> LiveOperation::result() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return result_.has_value(); });
  return *result_;
}

LiveOperations::~LiveOperations() {
  // Threads are joined outside the lock: a call that ends looks nothing up, but find() may.
  std::vector<std::shared_ptr<LiveOperation>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (auto& call : calls)
    if (call->thread_.joinable()) call->thread_.join();
}

Result<std::shared_ptr<LiveOperation>> LiveOperations::start(Call call) {
  const std::lock_guard lock(mutex_);
  forget_ended();
  if (calls_.size() >= kMaxLiveOperations)
    return fail(Code::unavailable,
                std::format("{} operations run here already", kMaxLiveOperations),
                "wait for one to end: ployzctl op ls");
  auto live = std::make_shared<LiveOperation>();
  calls_.push_back(live);
  // The thread borrows the object: calls_ keeps it until the thread was joined.
  LiveOperation* self = live.get();
  live->thread_ = std::jthread([self, call = std::move(call)] {
    const EventSink sink = [self](const Event& event) {
      const std::lock_guard lock(self->mutex_);
      if (!event.operation.empty()) self->ids_.insert(event.operation);
      if (self->events_.size() < kMaxLiveEvents) self->events_.push_back(event);
      self->changed_.notify_all();
    };
    auto result = call(sink, self->stop_.get_token());
    const std::lock_guard lock(self->mutex_);
    self->result_ = std::move(result);
    self->changed_.notify_all();
  });
  return live;
}

std::shared_ptr<LiveOperation> LiveOperations::find(const OperationId& id) {
  const std::lock_guard lock(mutex_);
  for (auto& call : calls_) {
    const std::lock_guard inner(call->mutex_);
    if (call->ids_.contains(id) && !call->result_) return call;
  }
  return nullptr;
}

void LiveOperations::abort_all() {
  const std::lock_guard lock(mutex_);
  for (auto& call : calls_) call->abort();
}

void LiveOperations::forget_ended() {
  std::erase_if(calls_, [](const std::shared_ptr<LiveOperation>& call) {
    {
      const std::lock_guard inner(call->mutex_);
      if (!call->result_) return false;
    }
    call->thread_.join();  // it set the result, so it ends at once
    return true;
  });
}

}  // namespace ployz

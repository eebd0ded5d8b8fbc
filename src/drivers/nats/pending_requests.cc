#include "drivers/nats/pending_requests.h"

#include <sodium.h>

namespace ployz {
namespace {

uint64_t random_token() {
  uint64_t token = 0;
  randombytes_buf(&token, sizeof token);
  return token;
}

}  // namespace

PendingRequests::Batch::Batch(PendingRequests& owner, size_t size, Passes passes)
    : owner_(owner), passes_(passes), replies_(size), passed_(size), missing_(size) {}

PendingRequests::Batch::~Batch() {
  const std::lock_guard lock(owner_.mutex_);
  for (const uint64_t token : tokens_) owner_.entries_.erase(token);
}

uint64_t PendingRequests::Batch::expect(size_t index, std::string_view subject) {
  const std::lock_guard lock(owner_.mutex_);
  uint64_t token = random_token();
  while (owner_.entries_.contains(token)) token = random_token();
  owner_.entries_[token] = {this, index, std::string(subject)};
  tokens_.push_back(token);
  return token;
}

void PendingRequests::Batch::settle(size_t index, Reply reply) {
  const std::lock_guard lock(owner_.mutex_);
  owner_.settle_locked(*this, index, std::move(reply));
}

bool PendingRequests::Batch::wait_settled(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(owner_.mutex_);
  return settled_.wait_until(lock, deadline, [this] { return missing_ == 0; });
}

PendingRequests::Batch::Heard PendingRequests::Batch::wait_heard(
    size_t index, std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(owner_.mutex_);
  settled_.wait_until(lock, deadline, [&] { return replies_[index] || passed_[index]; });
  if (replies_[index]) return Heard::settled;
  return passed_[index] ? Heard::passed : Heard::nothing;
}

std::vector<PendingRequests::Reply> PendingRequests::Batch::wait(
    std::chrono::steady_clock::time_point deadline, const Error& late) {
  std::unique_lock lock(owner_.mutex_);
  settled_.wait_until(lock, deadline, [this] { return missing_ == 0; });
  std::vector<Reply> replies;
  replies.reserve(replies_.size());
  for (auto& reply : replies_) {
    replies.push_back(reply ? std::move(*reply) : Reply(std::unexpected(late)));
  }
  for (const uint64_t token : tokens_) owner_.entries_.erase(token);
  return replies;
}

void PendingRequests::settle_locked(Batch& batch, size_t index, Reply reply) {
  if (batch.replies_[index]) return;
  batch.replies_[index] = std::move(reply);
  --batch.missing_;
  batch.settled_.notify_all();
}

void PendingRequests::complete(uint64_t token, Reply reply) {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(token);
  if (it == entries_.end()) return;
  Batch& batch = *it->second.batch;
  if (reply && batch.passes_ != nullptr && batch.passes_(*reply)) {
    batch.passed_[it->second.index] = true;
    batch.settled_.notify_all();
    return;
  }
  settle_locked(batch, it->second.index, std::move(reply));
  entries_.erase(it);
}

void PendingRequests::fail_all(const Error& error) {
  fail_if([](std::string_view) { return true; }, error);
}

void PendingRequests::fail_if(const std::function<bool(std::string_view)>& matches,
                              const Error& error) {
  const std::lock_guard lock(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (!matches(it->second.subject)) {
      ++it;
      continue;
    }
    settle_locked(*it->second.batch, it->second.index, std::unexpected(error));
    it = entries_.erase(it);
  }
}

}  // namespace ployz

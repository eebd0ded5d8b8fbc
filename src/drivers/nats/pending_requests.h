// The requests that wait for a reply: connects the thread that asked with the one that hears the
// answer, the refusal, or the loss of the connection. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/nats/message.h"

namespace ployz {

class PendingRequests {
 public:
  using Reply = Result<NatsMessage>;

  // One caller and the replies it waits for. Ends its requests when destroyed.
  class Batch {
   public:
    // `passes`: who answers so is, of several who heard the request, not the one to answer it.
    using Passes = bool (*)(const NatsMessage& answer);
    Batch(PendingRequests& owner, size_t size, Passes passes = nullptr);
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    // Request `index` is about to be published to `subject`; the token its reply must carry. Of a
    // request that is published again every token counts, and the first reply. A token cannot
    // be guessed, so a reply comes from who was asked: over leaf nodes the server does not ensure
    // that (server_config.h).
    [[nodiscard]] uint64_t expect(size_t index, std::string_view subject);
    // Settles request `index` without a reply; the last word is the first.
    void settle(size_t index, Reply reply);
    // True when every request is settled; false at `deadline`.
    [[nodiscard]] bool wait_settled(std::chrono::steady_clock::time_point deadline);
    // Returns at `deadline`, or as soon as request `index` is settled or has been passed on.
    enum class Heard { nothing, passed, settled };
    [[nodiscard]] Heard wait_heard(size_t index, std::chrono::steady_clock::time_point deadline);
    // Returns when every request is settled, at the latest at `deadline`; those that are not get
    // `late`.
    [[nodiscard]] std::vector<Reply> wait(std::chrono::steady_clock::time_point deadline,
                                          const Error& late);

   private:
    friend class PendingRequests;
    PendingRequests& owner_;
    Passes passes_;
    std::vector<std::optional<Reply>> replies_;
    std::vector<bool> passed_;
    std::vector<uint64_t> tokens_;
    size_t missing_;
    std::condition_variable settled_;
  };

  // A reply arrived; an unknown token (late, or repeated) is ignored.
  void complete(uint64_t token, Reply reply);
  void fail_all(const Error& error);
  // Settles those whose subject `matches`.
  void fail_if(const std::function<bool(std::string_view subject)>& matches, const Error& error);

 private:
  struct Entry {
    Batch* batch = nullptr;
    size_t index = 0;
    std::string subject;
  };
  void settle_locked(Batch& batch, size_t index, Reply reply);

  std::mutex mutex_;
  std::map<uint64_t, Entry> entries_;
};

}  // namespace ployz

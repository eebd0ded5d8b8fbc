// Images on their way to this machine: each is fetched by a thread of its own, from a stream that
// another machine offers, and asked about meanwhile.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "ports/clock.h"
#include "ports/containers.h"
#include "ports/image_request.h"
#include "ports/transfer.h"

namespace ployz {

inline constexpr size_t kMaxImageFetches = 16;           // at once
inline constexpr uint64_t kKeepFetchesMs = 10 * 60'000;  // how long one that has ended is told

// Thread-safe. The destructor cancels what runs and waits for it.
class ImageFetches {
 public:
  ImageFetches(Images& images, Transfers& transfers, Clock& clock)
      : images_(images), transfers_(transfers), clock_(clock) {}
  ~ImageFetches();

  // Starts the transfer unless it is known, waits for its end for at most wait_ms, then tells how
  // far it is. Its error, once it has failed: `corrupt` when the archive did not match or the image
  // is another; then, and after a cut, the parts that arrived stay for the next attempt.
  // `unavailable`: too many at once.
  [[nodiscard]] Result<ImageFetchReply> fetch(const ImageFetchRequest& request);

 private:
  struct Fetch {
    std::atomic<uint64_t> bytes = 0, total = 0, layers = 0;
    bool done = false;
    uint64_t ended_at_ms = 0;
    Status result;
    std::stop_source stop;
    std::jthread thread;
  };
  [[nodiscard]] Result<std::shared_ptr<Fetch>> begin(const ImageFetchRequest& request);
  [[nodiscard]] Status run(const ImageFetchRequest& request, Fetch& fetch);
  [[nodiscard]] Status load_part(MachineStream& stream, uint64_t size, Fetch& fetch);
  [[nodiscard]] Status complete(const ImageFetchRequest& request);

  Images& images_;
  Transfers& transfers_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Fetch>> fetches_;
};

}  // namespace ployz

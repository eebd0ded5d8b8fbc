// One machine stream on a connected TCP socket whose greeting is done (frames.h).
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <stop_token>
#include <vector>

#include "base/unix_stream.h"
#include "drivers/transfer/frames.h"
#include "ports/transfer.h"

namespace ployz {

class TcpStream final : public MachineStream {
 public:
  // `peer` names it in errors; `key` is the stream's, and `own` which end this is. The socket is
  // non-blocking.
  TcpStream(Fd fd, std::string peer, std::string_view key, StreamEnd own,
            std::chrono::milliseconds silence, std::stop_token stop);

  Status write(std::string_view bytes) override;
  Status finish() override;
  Status finish_with(const Error& error) override;
  Result<size_t> read(std::span<char> into) override;

  // Says that this end lives if it has written nothing for `interval`. Never blocks.
  void pulse(std::chrono::milliseconds interval);
  // Closes in order: the peer gets all that was written, for as long as it lives and reads, at most
  // for `patience`. Without a finished direction it reads a cut.
  void close(std::chrono::milliseconds patience);
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  using Time = std::chrono::steady_clock::time_point;

  // With write_mutex_ held.
  [[nodiscard]] Status send_all(std::string_view header, std::string_view payload);
  [[nodiscard]] Status await_room();
  [[nodiscard]] Status end(const std::string& frame);
  [[nodiscard]] Error writing_failed(Error error);
  // With read_mutex_ held. False: nothing there now.
  [[nodiscard]] Result<bool> receive();
  void skim();
  [[nodiscard]] Result<size_t> take(std::span<char> into);
  [[nodiscard]] std::unexpected<Error> broken(std::string why) const;

  Fd fd_;
  const std::string peer_;
  const std::chrono::milliseconds silence_;
  StopFd stop_;
  std::atomic<Time> heard_;  // when bytes arrived last

  std::mutex write_mutex_;
  StreamSum sum_;
  std::string unsent_;  // the rest of an alive frame that did not fit
  Time sent_;
  bool finished_ = false;
  bool write_failed_ = false;

  std::mutex read_mutex_;
  FrameParser parser_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // what of buffer_ was received and not parsed
  bool peer_closed_ = false;
  std::optional<Error> read_error_;
};

}  // namespace ployz

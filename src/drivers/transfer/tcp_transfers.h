// The Transfers port over TCP (frames.h says what is on the wire). Listens on one address, even
// before an interface has it (IP_FREEBIND), so that the daemon need not wait for the overlay.
//
// Threads: one that accepts, one for signs of life, and one for each stream it was dialed for.
// What others can make it do is bounded: connections in their greeting, their time, streams, and
// wrong greetings per second, beyond which connections are closed unread.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "base/unix_stream.h"
#include "drivers/transfer/tcp_stream.h"
#include "ports/stream_offers.h"
#include "ports/transfer.h"

namespace ployz {

struct TransferConfig {
  std::string address = {};  // IPv4
  uint16_t port = 0;    // 0: any free one, see address()
  std::chrono::milliseconds silence = kStreamSilence;
  std::chrono::milliseconds key_lifetime = kStreamKeyLifetime;
  std::chrono::milliseconds greeting_timeout{5000};  // also of connect(2)
  size_t max_greetings = 32;                         // connections without a key yet
  size_t max_streams = 256;
  uint32_t wrong_greetings_per_second = 32;
};

class TcpTransfers final : public Transfers {
 public:
  // `unavailable`: the port is taken.
  [[nodiscard]] static Result<std::unique_ptr<TcpTransfers>> listen(
      const TransferConfig& config);
  // Ends every stream; returns when their handlers have.
  ~TcpTransfers() override;

  Result<std::string> offer(const StreamPurpose& purpose, StreamHandler handler) override;
  void withdraw(std::string_view key) override;
  std::string address() const override { return address_; }
  Result<std::unique_ptr<MachineStream>> dial(const std::string& address, std::string_view key,
                                              const StreamPurpose& purpose,
                                              std::stop_token stop) override;

 private:
  class Dialed;
  struct Live {
    TcpStream* stream = nullptr;
    std::optional<std::stop_source> gone;  // requested once, when the peer has closed
  };
  struct Connection {
    bool done = false;
    std::jthread thread;  // last: it writes `done`
  };

  TcpTransfers(TransferConfig config, Fd listener, std::string address);
  void accept_all();
  bool may_greet();
  void serve(Fd fd, std::string peer);
  struct Greeted {
    std::string key;
    StreamHandler handler;
  };
  [[nodiscard]] std::optional<Greeted> greet(const Fd& fd);
  void run(TcpStream& stream, const StreamHandler& handler);
  void reap();
  uint64_t enlist(Live live);
  void delist(uint64_t id);
  void watch();
  void notice_gone(const std::vector<pollfd>& fds, const std::vector<uint64_t>& ids);

  const TransferConfig config_;
  const Fd listener_;
  const std::string address_;
  const Fd wake_;
  std::stop_source stop_;
  StreamOffers offers_;

  std::mutex mutex_;  // guards what follows; never held over anything that blocks
  std::list<Connection> connections_;
  size_t greeting_ = 0;
  uint32_t wrong_ = 0;  // greetings, since wrong_since_ms_
  uint64_t wrong_since_ms_ = 0;
  std::map<uint64_t, Live> live_;
  uint64_t next_id_ = 1;

  std::jthread watcher_;
  std::jthread acceptor_;
};

}  // namespace ployz

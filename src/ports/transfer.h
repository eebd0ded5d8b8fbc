// Streams of bytes between machines, directly and outside of the control plane's messages: images,
// logs, volumes. One machine offers a stream under a one-time key, which travels to another by RPC;
// that one dials and presents the key. Then either end writes and reads.
//
// What it promises: bytes arrive exactly and in order. Each direction ends with its length and a
// tag that only its two ends can make, or with an Error of the writer, and never otherwise. Memory
// is bounded: a writer waits for its reader. A peer that falls silent (host, network or process
// gone) is noticed within `silence`; one that is only slow is not, because either side says that it
// lives while it has nothing to send.
//
// Real: TCP on the overlay (src/drivers/transfer, wire format in frames.h). Calls block and are
// thread-safe, except as said at MachineStream.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

// What a key is good for. A stream is opened only if both ends mean the same.
struct StreamPurpose {
  std::string kind;       // "image", "logs"
  std::string operation;  // what it belongs to: an operation's id, or one made for the purpose
  bool operator==(const StreamPurpose&) const = default;
};

inline constexpr std::chrono::milliseconds kStreamKeyLifetime{60000};
inline constexpr std::chrono::milliseconds kStreamSilence{30000};

// One reader thread and one writer thread at a time. Destroyed before its direction was finished,
// the other end reads `unavailable`. Whoever closes before it has read the other's end says that
// it is no longer interested: to be sure that all has arrived, finish and read the end.
class MachineStream {
 public:
  virtual ~MachineStream() = default;

  // All of it, waiting while the peer does not read. `unavailable`: the peer is gone; `timeout`: it
  // is silent; `canceled`; the peer's own Error, if it has sent one.
  [[nodiscard]] virtual Status write(std::string_view bytes) = 0;
  // Nothing is written after this.
  [[nodiscard]] virtual Status finish() = 0;
  // Ends this direction with an error, which the peer's read returns.
  [[nodiscard]] virtual Status finish_with(const Error& error) = 0;
  // At least one byte, or 0 at the proper end, and then again. Before it 0 was returned, what was
  // read may be wrong or incomplete. `unavailable`: cut; `corrupt`: garbage, or bytes that do not
  // match length and digest; `timeout`: the peer is silent; `canceled`; else the writer's Error.
  [[nodiscard]] virtual Result<size_t> read(std::span<char> into) = 0;
};

// The offering end, on a thread of the driver. What it returns finishes its direction, unless it
// did so itself. `stop` is requested when the peer has closed or the driver ends.
using StreamHandler = std::function<Status(MachineStream& stream, std::stop_token stop)>;

class Transfers {
 public:
  virtual ~Transfers() = default;

  // The key (64 hex digits, a secret) to be presented once within kStreamKeyLifetime. A key that is
  // never presented takes its handler with it when it expires. `unavailable`: too many are open.
  [[nodiscard]] virtual Result<std::string> offer(const StreamPurpose& purpose,
                                                  StreamHandler handler) = 0;
  // A key that was not presented is worth nothing from now on.
  virtual void withdraw(std::string_view key) = 0;
  // Where others dial this machine: "10.101.0.1:4319".
  [[nodiscard]] virtual std::string address() const = 0;

  // `unavailable`: nobody listens there, or it takes no more streams; `denied`: the key is wrong,
  // used, expired or for another purpose; `unsupported`: another version; `canceled`. `stop`
  // interrupts every later wait of the stream, too. Streams end before the driver does.
  [[nodiscard]] virtual Result<std::unique_ptr<MachineStream>> dial(const std::string& address,
                                                                    std::string_view key,
                                                                    const StreamPurpose& purpose,
                                                                    std::stop_token stop) = 0;
};

}  // namespace ployz

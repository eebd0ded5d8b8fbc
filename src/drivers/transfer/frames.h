// The wire format of machine streams, version 2. Integers are big-endian.
//
// The dialing side sends a greeting of 133 bytes:
//   4 "PLYZ" · 1 version (2) · 64 key, hex digits · 64 purpose_digest, hex digits
// The other answers one byte, its version, when it accepts; 0 when it takes no more streams now; and
// closes without an answer when the key is not good.
// From then on either side sends frames:
//   1 type · 4 length of the payload · payload
//   'D' data: 1 to 262144 bytes
//   'E' end: 8 count of all data bytes of this direction · 16 their tag
//   'X' error: an Error as JSON (error_to_json), 1 to 16384 bytes; ends the direction as 'E' does
//   'K' alive: no payload; whenever there was nothing else to send for a while, also after the end
//
// The tag is AES-256-GCM's of the bytes as additional data (GMAC, NIST SP 800-38D), nonce zero, under
// SHA-256("ployz stream " · "dialing" or "offering", the end that writes · " " · stream key). So each
// key of it is used once, and only who has the stream's key can make a tag; and it costs a twentieth of
// the processor time of a SHA-256 (bench/stream_bench.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/stream_offers.h"

namespace ployz {

inline constexpr std::string_view kGreetingMagic = "PLYZ";
inline constexpr char kStreamVersion = 2;
inline constexpr char kStreamsFull = 0;
inline constexpr size_t kGreetingSize = 5 + 2 * kStreamKeyLength;
inline constexpr size_t kFrameHeader = 5;
inline constexpr size_t kMaxFrameData = 256 << 10;
inline constexpr size_t kMaxFrameError = 16 << 10;

struct Greeting {
  std::string key;
  std::string purpose;
};
[[nodiscard]] std::string encode_greeting(std::string_view key, const StreamPurpose& purpose);
// `corrupt`: no greeting; `unsupported`: of another version.
[[nodiscard]] Result<Greeting> parse_greeting(std::string_view bytes);

enum class StreamEnd { dialing, offering };
[[nodiscard]] constexpr StreamEnd other(StreamEnd end) {
  return end == StreamEnd::dialing ? StreamEnd::offering : StreamEnd::dialing;
}

// Count and tag of one direction.
class StreamSum {
 public:
  StreamSum(std::string_view stream_key, StreamEnd writer);
  ~StreamSum();
  void add(std::string_view bytes);
  // Payload of the end frame; call once.
  [[nodiscard]] std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::string frame_header(char type, size_t length);
[[nodiscard]] std::string end_frame(StreamSum& sum);
[[nodiscard]] std::string error_frame(const Error& error);
[[nodiscard]] std::string alive_frame();

// Reads one direction from untrusted bytes in pieces of any size. Keeps at most kMaxFrameError
// bytes.
class FrameParser {
 public:
  FrameParser(std::string_view stream_key, StreamEnd writer) : sum_(stream_key, writer) {}

  struct Step {
    size_t used = 0;        // of the input; 0 with neither data nor end: give it more
    std::string_view data;  // part of the input, already summed up
    bool ended = false;     // the end frame was correct; only alive frames may follow
  };
  // `corrupt`; else the writer's error. Both are final.
  [[nodiscard]] Result<Step> next(std::string_view input);
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool between_frames() const { return type_ == 0 && partial_.empty(); }

 private:
  [[nodiscard]] Status begin(std::string_view header);
  [[nodiscard]] Status complete();

  StreamSum sum_;
  char type_ = 0;        // of the frame whose payload is being read; 0: between frames
  size_t missing_ = 0;   // of its payload
  std::string partial_;  // header or payload of a small frame, as far as it has come
  bool ended_ = false;
};

}  // namespace ployz

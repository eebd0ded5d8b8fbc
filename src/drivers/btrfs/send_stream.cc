#include "drivers/btrfs/send_stream.h"

#include <algorithm>
#include <format>

namespace ployz::btrfs {
namespace {

constexpr std::string_view kMagic("btrfs-stream\0", 13);
constexpr size_t kMagicSize = 13 + 4;      // and a version
constexpr size_t kHeaderSize = 4 + 2 + 4;  // length, command, checksum
constexpr uint32_t kMaxVersion = 2;
// A command of version 2 carries up to 128 KiB of data with its names.
constexpr uint32_t kMaxCommand = 1 << 20;
constexpr uint16_t kSubvolume = 1;
constexpr uint16_t kSnapshot = 2;
constexpr uint16_t kEnd = 21;

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = (value << 8) | static_cast<uint8_t>(bytes[i - 1]);
  }
  return value;
}

std::unexpected<Error> broken(std::string what) {
  return fail(Code::corrupt, "the stream of the snapshot " + std::move(what));
}

}  // namespace

Status SendStream::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (state_ == State::ended) return broken("goes on after its end");
    if (state_ == State::body) {
      const uint64_t skipped = std::min<uint64_t>(left_, bytes.size());
      left_ -= skipped;
      bytes.remove_prefix(skipped);
      if (left_ == 0) state_ = ends_ ? State::ended : State::header;
      continue;
    }
    const size_t wanted = state_ == State::magic ? kMagicSize : kHeaderSize;
    const std::string_view more = bytes.substr(0, wanted - pending_.size());
    pending_ += more;
    bytes.remove_prefix(more.size());
    if (pending_.size() < wanted) return {};
    TRY(state_ == State::magic ? take_magic() : take_header());
    pending_.clear();
  }
  return {};
}

Status SendStream::take_magic() {
  if (!pending_.starts_with(kMagic)) return broken("is no btrfs stream");
  const uint32_t version = little_endian(std::string_view(pending_).substr(kMagic.size()));
  if (version == 0 || version > kMaxVersion) {
    return broken(std::format("has version {}, known up to {}", version, kMaxVersion));
  }
  state_ = State::header;
  return {};
}

Status SendStream::take_header() {
  const std::string_view header = pending_;
  left_ = little_endian(header.substr(0, 4));
  const uint32_t command = little_endian(header.substr(4, 2));
  if (left_ > kMaxCommand) return broken(std::format("has a command of {} bytes", left_));
  const bool begins = command == kSubvolume || command == kSnapshot;
  if (begins != (commands_ == 0)) return broken("is not of exactly one snapshot");
  ++commands_;
  ends_ = command == kEnd;
  state_ = left_ > 0 ? State::body : ends_ ? State::ended : State::header;
  return {};
}

Status SendStream::finish() const {
  if (state_ == State::ended) return {};
  return broken(commands_ == 0 ? "is empty" : "is cut");
}

}  // namespace ployz::btrfs

#include "drivers/btrfs/stream_child.h"

#include <array>
#include <cerrno>
#include <format>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/subprocess.h"
#include "drivers/btrfs/os_error.h"
#include "drivers/btrfs/send_stream.h"

namespace ployz::btrfs {
namespace {

// Fewer, larger pieces: each is a frame on its way to another machine.
constexpr size_t kPiece = 256 << 10;
constexpr int kPipe = 1 << 20;        // what an unprivileged pipe may hold
constexpr size_t kMaxSaid = 8 << 10;  // of stderr; the last lines say what is wrong

// A child with a pipe of data in one direction and its stderr, which is read so that it never
// fills.
class StreamChild {
 public:
  StreamChild(Child child, const std::stop_token& stop) : child_(std::move(child)), stop_(stop) {
    for (const Fd* fd : {&child_.in, &child_.out, &child_.err}) {
      if (!*fd) continue;
      ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
      if (fd != &child_.err) (void)::fcntl(fd->get(), F_SETPIPE_SZ, kPipe);  // only speed
    }
  }

  // The next piece of stdout; empty at its end.
  Result<std::string_view> read_piece();
  // `unavailable`: the child reads no more.
  Status write_piece(std::string_view bytes);
  // The child's stdin ends; its exit status, and all it has said.
  Result<Exit> finish();
  [[nodiscard]] std::string said() const;

 private:
  Status wait_for(const Fd& data, short events);
  void listen();

  Child child_;
  StopFd stop_;
  std::string said_;
  std::vector<char> buffer_ = std::vector<char>(kPiece);
};

void StreamChild::listen() {
  std::array<char, 4096> text{};
  while (child_.err) {
    const ssize_t got = ::read(child_.err.get(), text.data(), text.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      child_.err.reset();
      return;
    }
    said_.append(text.data(), static_cast<size_t>(got));
    if (said_.size() > kMaxSaid) said_.erase(0, said_.size() - kMaxSaid);
  }
}

// Until the data pipe is ready.
Status StreamChild::wait_for(const Fd& data, short events) {
  while (true) {
    std::array<pollfd, 3> fds{
        {{data.get(), events, 0}, {child_.err.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    TRY(poll_until(fds, kNoDeadline));
    if (fds[2].revents != 0) return fail(Code::canceled, "stopped");
    if (fds[1].revents != 0) listen();
    if (fds[0].revents != 0) return {};
  }
}

Result<std::string_view> StreamChild::read_piece() {
  size_t filled = 0;
  while (child_.out && filled < buffer_.size()) {
    TRY(wait_for(child_.out, POLLIN));
    const ssize_t got = ::read(child_.out.get(), buffer_.data() + filled, buffer_.size() - filled);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return os_error("reading from", "btrfs send", errno);
    if (got == 0) child_.out.reset();
    filled += static_cast<size_t>(got);
  }
  return std::string_view(buffer_.data(), filled);
}

Status StreamChild::write_piece(std::string_view bytes) {
  while (!bytes.empty()) {
    TRY(wait_for(child_.in, POLLOUT));
    bytes.remove_prefix(TRY(write_some(child_.in, bytes)));
  }
  return {};
}

Result<Exit> StreamChild::finish() {
  child_.in.reset();
  // It may say more than a pipe holds before it ends.
  while (child_.err) {
    std::array<pollfd, 3> fds{
        {{child_.err.get(), POLLIN, 0}, {child_.pidfd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    TRY(poll_until(fds, kNoDeadline));
    if (fds[2].revents != 0) return fail(Code::canceled, "stopped");
    listen();
    if (fds[1].revents != 0) break;
  }
  return child_.wait(kNoDeadline);
}

std::string StreamChild::said() const {
  std::string text = said_;
  while (text.ends_with('\n')) text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

Result<Child> start(const std::vector<std::string>& argv, ChildStream in, ChildStream out) {
  ChildStreams streams;
  streams.in = in;
  streams.out = out;
  // Its messages are looked at.
  Result<Child> child = Child::start({.argv = argv, .env = {{"LC_ALL", "C"}}}, streams);
  if (child) return child;
  return fail(Code::unavailable, std::move(child).error().message, "apt install btrfs-progs");
}

bool speaks_of_space(std::string_view said) {
  return said.contains("No space left on device") || said.contains("Disk quota exceeded");
}

}  // namespace

Status send_from(const std::vector<std::string>& argv, const StreamSink& sink,
                 const std::stop_token& stop) {
  StreamChild child(TRY(start(argv, ChildStream::null, ChildStream::pipe)), stop);
  while (true) {
    const std::string_view piece = TRY(child.read_piece());
    if (piece.empty()) break;
    TRY(sink(piece));
  }
  if (TRY(child.finish()).ok()) return {};
  return fail(Code::unavailable, std::format("btrfs send: {}", child.said()));
}

Status receive_into(const std::vector<std::string>& argv, const StreamSource& source,
                    const std::stop_token& stop) {
  StreamChild child(TRY(start(argv, ChildStream::pipe, ChildStream::null)), stop);
  SendStream stream;
  std::vector<char> buffer(kPiece);
  bool reads = true;
  while (reads) {
    const size_t got = TRY(source(buffer));
    if (got == 0) break;
    const std::string_view bytes(buffer.data(), got);
    TRY(stream.feed(bytes));
    const Status written = child.write_piece(bytes);
    // Why it reads no more is what it says.
    if (!written && written.error().code != Code::unavailable) return written;
    reads = written.has_value();
  }
  if (reads) TRY(stream.finish());
  const Exit exit = TRY(child.finish());
  if (exit.ok() && reads) return {};
  if (speaks_of_space(child.said()))
    return os_error("receiving a snapshot into", "the pool", ENOSPC);
  return fail(Code::corrupt, std::format("btrfs receive: {}", child.said()));
}

}  // namespace ployz::btrfs

#include "cli/relay.h"

#include <cerrno>
#include <filesystem>
#include <format>
#include <list>
#include <thread>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/listener.h"
#include "base/subprocess.h"
#include "base/unix_stream.h"

namespace ployz::cli {
namespace {

constexpr size_t kPiece = 64 << 10;

class DockerRelay final : public Relay {
 public:
  DockerRelay(std::string container, std::string folder, Fd listening)
      : container_(std::move(container)),
        folder_(std::move(folder)),
        path_(folder_ + "/sock"),
        listening_(std::move(listening)),
        accepting_([this](const std::stop_token& stop) { accept_all(stop); }) {}

  ~DockerRelay() override {
    accepting_.request_stop();
    accepting_.join();
    children_.clear();  // kills what still runs
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  const std::string& socket_path() const override { return path_; }

 private:
  void accept_all(const std::stop_token& stop) {
    const StopFd stopped(stop);
    while (wait_for(listening_.get(), POLLIN, kNoDeadline, stopped)) {
      // Blocking, because it becomes the standard input and output of a child.
      const Fd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      Command command{{"docker", "exec", "-i", container_, "ployzctl", "__relay"}};
      ChildStreams streams;
      streams.in_fd = streams.out_fd = client.get();
      streams.err = ChildStream::null;
      // The client sees a refusal as a connection that ends without an answer.
      if (auto child = Child::start(command, streams)) children_.push_back(std::move(*child));
      children_.remove_if([](Child& child) { return child.wait(deadline_in(kNow)).has_value(); });
    }
  }

  static constexpr std::chrono::milliseconds kNow{1};
  std::string container_;
  std::string folder_;
  std::string path_;
  Fd listening_;
  std::list<Child> children_;
  std::jthread accepting_;
};

// Moves what is there from one descriptor to the other; false at the end.
Result<bool> move_piece(int from, int to) {
  char piece[kPiece];
  const ssize_t got = ::read(from, piece, sizeof piece);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t at = 0; at < got;) {
    const ssize_t put = ::write(to, piece + at, static_cast<size_t>(got - at));
    if (put < 0 && errno == EAGAIN) {
      const StopFd never{std::stop_token{}};
      TRY(wait_for(to, POLLOUT, kNoDeadline, never));
    } else if (put < 0 && errno != EINTR) {
      return fail(Code::unavailable, "the other side closed");
    } else if (put > 0) {
      at += put;
    }
  }
  return got > 0;
}

}  // namespace

Result<std::unique_ptr<Relay>> Relay::start(const std::string& container) {
  char pattern[] = "/tmp/ployzctl-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) return fail(Code::internal, "cannot make a folder below /tmp");
  const std::string folder = pattern;
  Fd listening = TRY(listen_unix(folder + "/sock", ""));
  return std::make_unique<DockerRelay>(container, folder, std::move(listening));
}

Status carry_stdio(const std::string& socket_path) {
  const auto stream = TRY(UnixStream::connect(socket_path, std::chrono::milliseconds(5000), {}));
  pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {stream.fd(), POLLIN, 0}};
  while (fds[1].fd >= 0) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return fail(Code::internal, "poll");
    if (fds[1].revents != 0 && !TRY(move_piece(stream.fd(), STDOUT_FILENO))) fds[1].fd = -1;
    if (fds[0].fd >= 0 && fds[0].revents != 0 && !TRY(move_piece(STDIN_FILENO, stream.fd()))) {
      ::shutdown(stream.fd(), SHUT_WR);
      fds[0].fd = -1;
    }
  }
  return {};
}

}  // namespace ployz::cli

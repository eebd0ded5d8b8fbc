#include "cli/system_host.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <format>
#include <thread>

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/unix_stream.h"

namespace ployz::cli {
namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // nobody reads any more; the work goes on
    text.remove_prefix(static_cast<size_t>(put));
  }
}

class SystemHost final : public CliHost {
 public:
  SystemHost() {
    ::signal(SIGPIPE, SIG_IGN);  // `ployzctl log shop | head` must not end an operation's client
    sigset_t interrupt;
    ::sigemptyset(&interrupt);
    ::sigaddset(&interrupt, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
    signals_ = Fd(::signalfd(-1, &interrupt, SFD_CLOEXEC));
    receiving_ = std::jthread([this](const std::stop_token& stop) { receive(stop); });
  }

  std::optional<std::string> env(const std::string& name) override {
    const char* value = ::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  }
  void write_out(std::string_view text) override { write_all(STDOUT_FILENO, text); }
  void write_err(std::string_view text) override { write_all(STDERR_FILENO, text); }
  Result<std::string> read_stdin(size_t limit) override {
    std::string out;
    char piece[16 << 10];
    while (true) {
      const ssize_t got = ::read(STDIN_FILENO, piece, sizeof piece);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail(Code::invalid, "cannot read stdin");
      if (got == 0) return out;
      out.append(piece, static_cast<size_t>(got));
      if (out.size() > limit)
        return fail(Code::invalid, std::format("stdin has more than {} bytes", limit));
    }
  }
  bool out_is_terminal() override { return ::isatty(STDOUT_FILENO) == 1; }
  bool err_is_terminal() override { return ::isatty(STDERR_FILENO) == 1; }
  size_t width() override {
    winsize size{};
    if (!out_is_terminal() || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
  }
  uint64_t now_ms() override {
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
    return static_cast<uint64_t>(
        duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
  }
  bool is_root() override { return ::geteuid() == 0; }
  void pause(std::chrono::milliseconds duration) override {
    std::this_thread::sleep_for(duration);
  }
  Result<Finished> run(const Command& command, const RunOptions& options) override {
    return ployz::run(command, options);
  }
  Result<int> run_here(const Command& command) override {
    ChildStreams streams;
    streams.in = streams.out = streams.err = ChildStream::inherit;
    // The terminal sends Ctrl-C to the child too; it is the child's to obey.
    const Interrupts::Listening ignore(interrupts_, [] {}, true);
    auto child = TRY(Child::start(command, streams));
    return TRY(child.wait(kNoDeadline)).code;
  }
  Interrupts& interrupts() override { return interrupts_; }

 private:
  void receive(const std::stop_token& stop) {
    const StopFd stopped(stop);
    while (wait_for(signals_.get(), POLLIN, kNoDeadline, stopped)) {
      signalfd_siginfo info{};
      if (::read(signals_.get(), &info, sizeof info) != sizeof info) continue;
      if (!interrupts_.deliver()) ::_exit(128 + SIGINT);
    }
  }

  Interrupts interrupts_;
  Fd signals_;
  std::jthread receiving_;
};

}  // namespace

std::unique_ptr<CliHost> make_system_host() {
  return std::make_unique<SystemHost>();
}

}  // namespace ployz::cli

#include "base/subprocess.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <format>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ployz {
namespace {

std::string describe_errno(int error) {
  return std::generic_category().message(error);
}

std::vector<std::string> environment(const Command& command) {
  std::map<std::string, std::string> all = command.env;
  for (char** entry = environ; !command.clean_env && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  std::vector<std::string> lines;
  for (const auto& [key, value] : all) lines.push_back(key + "=" + value);
  return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// posix_spawn's two option objects, freed at the end.
class SpawnOptions {
 public:
  SpawnOptions() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnOptions() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  void set_signals(bool own_group) {
    sigset_t set;
    ::sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes, &set);
    ::sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes, &set);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    const int group = own_group ? POSIX_SPAWN_SETPGROUP : 0;
    ::posix_spawnattr_setflags(
        &attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
  }

  // Connects the child's `target`; for a pipe, `ours` becomes our end.
  Status connect(int target, ChildStream kind, int given, Fd& ours) {
    if (given >= 0) {
      ::posix_spawn_file_actions_adddup2(&actions, given, target);
    } else if (kind == ChildStream::null) {
      ::posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0);
    } else if (kind == ChildStream::pipe) {
      std::array<int, 2> ends{};
      if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail(Code::unavailable, "pipe: " + describe_errno(errno));
      }
      const bool child_reads = target == STDIN_FILENO;
      ours = Fd(ends[child_reads ? 1 : 0]);
      theirs_.emplace_back(ends[child_reads ? 0 : 1]);
      ::posix_spawn_file_actions_adddup2(&actions, theirs_.back().get(), target);
    }
    return {};
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

 private:
  std::vector<Fd> theirs_;
};

Exit to_exit(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {info.si_status, 0};
  return {128 + info.si_status, info.si_status};
}

void set_nonblocking(const Fd& fd) {
  if (fd) ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

// Moves bytes between a child and memory until it has ended.
class Pump {
 public:
  Pump(Child& child, const RunOptions& options)
      : child_(child), options_(options), left_(options.input), stop_(options.stop) {
    set_nonblocking(child.in);
    set_nonblocking(child.out);
    set_nonblocking(child.err);
  }

  Status run(Finished& into);

 private:
  void feed();
  void drain(Fd& fd, std::string& text, bool keep_end, bool& truncated) const;

  Child& child_;
  const RunOptions& options_;
  std::string_view left_;  // of the input
  StopFd stop_;
};

void Pump::feed() {
  while (child_.in && !left_.empty()) {
    const auto sent = write_some(child_.in, left_);
    if (sent && *sent == 0) return;
    left_.remove_prefix(sent.value_or(left_.size()));  // it reads no more: not our error
  }
  child_.in.reset();
}

void Pump::drain(Fd& fd, std::string& text, bool keep_end, bool& truncated) const {
  std::array<char, 16 << 10> buffer{};
  while (fd) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      fd.reset();
      return;
    }
    text.append(buffer.data(), static_cast<size_t>(got));
    if (text.size() <= options_.max_output) continue;
    truncated = true;
    const size_t excess = text.size() - options_.max_output;
    text.erase(keep_end ? 0 : options_.max_output, excess);
  }
}

Status Pump::run(Finished& into) {
  const Deadline deadline = deadline_in(options_.timeout);
  bool ended = false;
  while (!ended) {
    std::array<pollfd, 5> fds{{{child_.pidfd(), POLLIN, 0},
                               {child_.out.get(), POLLIN, 0},
                               {child_.err.get(), POLLIN, 0},
                               {child_.in.get(), POLLOUT, 0},
                               {stop_.get(), POLLIN, 0}}};
    TRY(poll_until(fds, deadline));
    if (fds[4].revents != 0) return fail(Code::canceled, "stopped");
    ended = fds[0].revents != 0;
    if (fds[3].revents != 0) feed();
    drain(child_.out, into.out, false, into.truncated);
    drain(child_.err, into.err, true, into.truncated);
  }
  return {};
}

std::string last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const size_t newline = text.rfind('\n');
  return std::string(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

}  // namespace

Result<Child> Child::start(const Command& command, const ChildStreams& streams) {
  if (command.argv.empty()) return fail(Code::invalid, "a command needs an argument vector");
  SpawnOptions spawn;
  Child child;
  spawn.set_signals(command.own_group);
  TRY(spawn.connect(STDIN_FILENO, streams.in, streams.in_fd, child.in));
  TRY(spawn.connect(STDOUT_FILENO, streams.out, streams.out_fd, child.out));
  TRY(spawn.connect(STDERR_FILENO, streams.err, -1, child.err));
  ::posix_spawn_file_actions_addclosefrom_np(&spawn.actions, 3);
  if (!command.directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&spawn.actions, command.directory.c_str());
  }
  std::vector<std::string> arguments = command.argv;
  std::vector<std::string> variables = environment(command);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0].c_str(), &spawn.actions, &spawn.attributes,
                                   pointers(arguments).data(), pointers(variables).data());
  if (error != 0) {
    const Code code = error == ENOENT   ? Code::not_found
                      : error == EACCES ? Code::denied
                                        : Code::unavailable;
    return fail(code, std::format("starting {}: {}", command.argv[0], describe_errno(error)));
  }
  child.pid_ = pid;
  child.own_group_ = command.own_group;
  child.pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!child.pidfd_) return fail(Code::unsupported, "pidfd_open: " + describe_errno(errno));
  return child;
}

Child::Child(Child&& other) noexcept
    : in(std::move(other.in)),
      out(std::move(other.out)),
      err(std::move(other.err)),
      pid_(std::exchange(other.pid_, -1)),
      own_group_(other.own_group_),
      pidfd_(std::move(other.pidfd_)),
      exit_(other.exit_) {}

Child::~Child() {
  if (pid_ < 0 || exit_) return;
  signal(SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

// Only before the child was reaped is its number certainly still its own.
void Child::signal(int number) {
  if (pid_ > 0 && !exit_) ::kill(own_group_ ? -pid_ : pid_, number);
}

Result<Exit> Child::wait(Deadline deadline, const std::stop_token& stop) {
  if (exit_) return *exit_;
  const StopFd stop_fd(stop);
  TRY(wait_for(pidfd_.get(), POLLIN, deadline, stop_fd));
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0) {
    if (errno != EINTR) return fail(Code::internal, "waitid: " + describe_errno(errno));
  }
  exit_ = to_exit(info);
  return *exit_;
}

Exit Child::terminate() {
  signal(SIGTERM);
  if (auto ended = wait(deadline_in(kTerminateGrace))) return *ended;
  signal(SIGKILL);
  return wait(kNoDeadline).value_or(Exit{128 + SIGKILL, SIGKILL});
}

// The signal is blocked for this thread only, and taken back if the write raised it.
Result<size_t> write_some(const Fd& pipe, std::string_view bytes) {
  sigset_t only;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&only);
  ::sigaddset(&only, SIGPIPE);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &only, &before);
  ssize_t sent = 0;
  do {
    sent = ::write(pipe.get(), bytes.data(), bytes.size());
  } while (sent < 0 && errno == EINTR);
  const int error = sent < 0 ? errno : 0;
  const timespec at_once{};
  if (error == EPIPE && ::sigismember(&pending, SIGPIPE) == 0) {
    ::sigtimedwait(&only, nullptr, &at_once);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == EAGAIN) return 0;
  if (error != 0) return fail(Code::unavailable, "writing: " + describe_errno(error));
  return static_cast<size_t>(sent);
}

Result<Finished> run(const Command& command, const RunOptions& options) {
  ChildStreams streams;
  streams.in = options.input.empty() ? ChildStream::null : ChildStream::pipe;
  streams.in_fd = options.input_fd;
  Child child = TRY(Child::start(command, streams));
  Finished finished;
  if (Status pumped = Pump(child, options).run(finished); !pumped) {
    child.terminate();
    Error error = std::move(pumped).error();
    error.effect = Effect::unknown;
    return fail(std::move(error).at(command.argv[0]));
  }
  finished.exit = TRY(child.wait(kNoDeadline));
  return finished;
}

Result<std::string> run_ok(const Command& command, const RunOptions& options) {
  Finished finished = TRY(run(command, options));
  if (finished.ok()) return std::move(finished.out);
  return fail(Code::internal,
              std::format("{}: exit status {}: {}", command.argv[0], finished.exit.code,
                          last_line(finished.err)),
              {}, Effect::unknown);
}

}  // namespace ployz

// Child processes without a shell: an argument vector, bounded output, a deadline, a stop_token,
// and never a zombie or a leaked file descriptor. Children inherit no descriptor but 0, 1 and 2,
// no blocked signal and no ignored signal.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/fd.h"
#include "base/result.h"
#include "base/unix_stream.h"

namespace ployz {

// What `run` keeps of each output stream: more than any tool we parse prints.
inline constexpr size_t kMaxCommandOutput = 16 << 20;
// SIGTERM is followed by SIGKILL after this, when a command is given up.
inline constexpr std::chrono::milliseconds kTerminateGrace{2000};

struct Command {
  std::vector<std::string> argv;                // argv[0] without a slash is looked up in PATH
  std::map<std::string, std::string> env = {};  // added to ours, or replacing it
  bool clean_env = false;                       // only `env`
  std::string directory = {};                   // empty: ours
  // Signals for giving up go to the child's own process group, so that what it started ends too.
  // False for programs that ask the person at the terminal (ssh): those stay in our group.
  bool own_group = true;
};

struct Exit {
  int code = 0;    // exit status; 128 + signal when killed by one
  int signal = 0;  // 0: it exited
  [[nodiscard]] bool ok() const { return code == 0; }
  bool operator==(const Exit&) const = default;
};

enum class ChildStream { null, pipe, inherit };

struct ChildStreams {
  ChildStream in = ChildStream::null;
  ChildStream out = ChildStream::pipe;
  ChildStream err = ChildStream::pipe;
  int in_fd = -1;  // used instead when ≥ 0; stays the caller's
  int out_fd = -1;
};

// A running child. Destroying it kills (SIGKILL) and reaps what still runs.
class Child {
 public:
  // `not_found`: no such program; `denied`; `invalid`: no argument vector. Effect none.
  [[nodiscard]] static Result<Child> start(const Command& command, const ChildStreams& streams);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  Fd in;  // our ends of the pipes, blocking; reset `in` to let the child read an end
  Fd out;
  Fd err;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // To the group when it has its own. Nothing once it was reaped.
  void signal(int number);
  // Reaps. May be repeated. `timeout` or `canceled`: it still runs.
  [[nodiscard]] Result<Exit> wait(Deadline deadline, const std::stop_token& stop = {});
  // SIGTERM, kTerminateGrace, SIGKILL; reaps.
  Exit terminate();
  // Readable when it has ended, for poll(2).
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

 private:
  Child() = default;
  pid_t pid_ = -1;
  bool own_group_ = false;
  Fd pidfd_;
  std::optional<Exit> exit_;
};

// write(2) to a pipe whose reader may be gone, without raising SIGPIPE: returns the bytes written,
// `unavailable` when nobody reads. 0: a non-blocking pipe is full.
[[nodiscard]] Result<size_t> write_some(const Fd& pipe, std::string_view bytes);

struct RunOptions {
  std::string input = {};  // to stdin, then its end
  int input_fd = -1;       // stdin instead, when ≥ 0
  size_t max_output = kMaxCommandOutput;
  std::chrono::milliseconds timeout{30000};  // 0: none
  std::stop_token stop = {};
};

struct Finished {
  Exit exit;
  std::string out;         // the first max_output bytes
  std::string err;         // the last max_output bytes
  bool truncated = false;  // one of them was longer
  [[nodiscard]] bool ok() const { return exit.ok(); }
};

// Any exit status is a success here. `timeout`, `canceled`: it was terminated, effect unknown.
// Returns when the child has ended, even if something it started keeps the pipes open.
[[nodiscard]] Result<Finished> run(const Command& command, const RunOptions& options = {});

// As run, but another exit status than 0 is an error: `internal` with the last line of its
// stderr, effect unknown. Returns its stdout.
[[nodiscard]] Result<std::string> run_ok(const Command& command, const RunOptions& options = {});

}  // namespace ployz

// exec and logs: what DockerContainers reads as a multiplexed stream.
#include <algorithm>
#include <csignal>
#include <format>

#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/files.h"
#include "drivers/docker/docker_containers.h"
#include "drivers/docker/stream_demux.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kMaxLogTail = 64 << 10;  // ports/containers.h

// Reads a multiplexed answer into `sink` until its end.
Status read_stream(DockerApi& api, std::string method, std::string_view path, const Json& body,
                   const StreamDemux::Sink& sink, HttpExchange exchange) {
  StreamDemux demux(sink);
  Status demuxed;
  exchange.on_chunk = [&](std::string_view chunk) {
    const auto more = demux.feed(chunk);
    if (!more) demuxed = std::unexpected(more.error());
    return more.value_or(false);
  };
  TRY(api.stream(std::move(method), path, body, exchange));
  return demuxed;
}

// Requests a stop at a deadline, unless destroyed before: what bounds a stream as a whole.
class StopAfter {
 public:
  explicit StopAfter(milliseconds timeout)
      : thread_([this, timeout](const std::stop_token& ended) {
          std::unique_lock lock(mutex_);
          changed_.wait_for(lock, ended, timeout, [] { return false; });
          if (!ended.stop_requested()) source_.request_stop();
        }) {}
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

// The engine has no call that ends an exec, and a probe that hangs must not leave a process each
// time. Its pid is of the engine's pid namespace, so it is ours only if /proc says that the process
// is in that very container; the pidfd keeps the number from being reused in between.
void kill_exec(DockerApi& api, const std::string& exec, const std::string& container) {
  const auto state = api.get("/exec/" + exec + "/json");
  const int64_t pid = state ? get_int(*state, "Pid").value_or(0) : 0;
  if (pid <= 1) return;
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const auto cgroup = read_file(std::format("/proc/{}/cgroup", pid));
  if (!process || !cgroup || !*cgroup || !(*cgroup)->contains(container)) return;
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

// Keeps the last kMaxLogTail bytes of what it is fed.
struct Tail {
  std::string text;
  bool cut = false;

  bool operator()(std::string_view piece) {
    text += piece;
    // Twice the bound before it is cut, so that the bytes are moved rarely.
    if (text.size() > 2 * kMaxLogTail) trim();
    return true;
  }
  void trim() {
    if (text.size() <= kMaxLogTail) return;
    cut = true;
    text.erase(0, text.size() - kMaxLogTail);
    const size_t newline = text.find('\n');  // begin with a whole line
    if (newline != std::string::npos && newline + 1 < text.size()) text.erase(0, newline + 1);
  }
};

std::string logs_path(std::string_view container, size_t lines, bool follow) {
  return std::format("/containers/{}/logs?stdout=1&stderr=1&tail={}&follow={}", container, lines,
                     follow ? 1 : 0);
}

}  // namespace

Result<ExecResult> DockerContainers::exec(const InstanceId& instance,
                                          const std::vector<std::string>& command,
                                          milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  const Summary present = TRY(required(instance));
  const auto stopped = [&] {
    return fail(Code::precondition, std::format("instance {} is not running", instance.str()));
  };
  if (present.state != "running") return stopped();
  const auto created =
      api_.post(std::format("/containers/{}/exec", present.container),
                {{"Cmd", command}, {"AttachStdout", true}, {"AttachStderr", true}}, timeout);
  if (!created && created.error().code == Code::conflict) return stopped();
  if (!created) return std::unexpected(created.error());
  const std::string exec = TRY(get_string(*created, "Id"));

  ExecResult result;
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
  const StopAfter timer(std::max(left, milliseconds{1}));
  HttpExchange exchange;
  exchange.stop = timer.token();
  const Status read = read_stream(
      api_, "POST", "/exec/" + exec + "/start", {{"Detach", false}, {"Tty", false}},
      [&](std::string_view piece) {
        result.output += piece.substr(0, kMaxExecOutput - result.output.size());
        return true;
      },
      exchange);
  if (!read && read.error().code == Code::canceled) {
    kill_exec(api_, exec, present.container);
    return fail(Code::timeout,
                std::format("the command in instance {} did not end in {} ms", instance.str(),
                            timeout.count()),
                {}, Effect::unknown);
  }
  if (!read && read.error().code == Code::conflict) return stopped();
  if (!read) return std::unexpected(read.error());
  const Json state = TRY(api_.get("/exec/" + exec + "/json"));
  result.exit_code = static_cast<int>(TRY(get_int(state, "ExitCode")));
  return result;
}

Status DockerContainers::logs(const InstanceId& instance, size_t lines, bool follow,
                              const std::function<bool(std::string_view)>& sink,
                              std::stop_token stop) {
  const Summary present = TRY(required(instance));
  Tail tail;
  HttpExchange exchange;
  exchange.stop = stop;
  const auto ended = [&](const Status& read) {
    return read || (read.error().code == Code::canceled && stop.stop_requested());
  };
  Status read = read_stream(api_, "GET", logs_path(present.container, lines, false), nullptr,
                            std::ref(tail), exchange);
  if (!ended(read)) return read;
  tail.trim();
  if (!follow || stop.stop_requested()) {
    if (!tail.text.empty()) sink(tail.text);
    return {};
  }
  // The end is read again as the beginning of the followed stream, so that there is no gap between
  // the two: only as many lines as are within the bound.
  if (tail.cut) lines = static_cast<size_t>(std::ranges::count(tail.text, '\n'));
  read =
      read_stream(api_, "GET", logs_path(present.container, lines, true), nullptr, sink, exchange);
  return ended(read) ? Status{} : read;
}

}  // namespace ployz

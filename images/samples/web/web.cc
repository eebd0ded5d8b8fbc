// A small HTTP/1.1 server for demonstrations and tests: one thread, epoll, keep-alive, pipelining.
//
//   GET /          200, JSON: service, revision, instance, namespace, version, requests
//   GET /healthz   200 "ok", or 503 with FAIL_HEALTH=1
//   GET /slow?ms=N the same as / after N milliseconds (at most 60,000)
//   anything else  as /
//
// Environment: PORT (8080), PLOYZ_SERVICE, PLOYZ_REVISION, PLOYZ_INSTANCE, PLOYZ_NAMESPACE,
// PLOYZ_SAMPLE_VERSION, and faults on demand: START_DELAY_MS (does not listen before),
// FAIL_START=1 (exits at once with 1), FAIL_HEALTH=1, IGNORE_SIGTERM=1, FLOOD_LOG=1 (writes to
// stdout as fast as it can, beside serving).
//
// On SIGTERM it stops listening, answers what was asked (and what arrives within DRAIN_IDLE_MS on
// open connections) with `Connection: close`, closes idle connections and exits 0, after
// DRAIN_LIMIT_MS at the latest. So nobody behind a proxy that stopped sending it new requests sees
// a failure.
//
// Self-contained on purpose: it is compiled alone and shares nothing with Ployz.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <format>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr size_t MAX_REQUEST_BYTES = 64 * 1024;  // head and body; nobody sends this server more
constexpr int DRAIN_LIMIT_MS = 5'000;            // below Docker's default grace period of 10 s
constexpr int DRAIN_IDLE_MS = 50;                // a request on its way when we were told to stop
constexpr int MAX_SLOW_MS = 60'000;

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string env(const char* name, const char* fallback = "") {
  const char* value = getenv(name);
  return value && *value ? value : fallback;
}

bool env_on(const char* name) {
  return env(name, "0") != "0";
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20) {
      out += std::format("\\u{:04x}", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + '"';
}

struct Connection {
  std::string in;
  std::string out;
  int64_t delayed_until_ms = 0;  // a /slow request is being answered: nothing else is, until then
  bool close_after_write = false;
};

struct Request {
  std::string_view path;
  bool keep_alive = true;
  bool head = false;
  size_t size_bytes = 0;  // of the whole request, body included
};

enum class Parse { complete, incomplete, bad };

bool contains_token(std::string_view line, std::string_view lower_case_token) {
  std::string lower;
  for (char c : line) lower += static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return lower.find(lower_case_token) != std::string::npos;
}

Parse parse(std::string_view in, Request& request) {
  size_t end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return in.size() > MAX_REQUEST_BYTES ? Parse::bad : Parse::incomplete;
  }
  std::string_view head = in.substr(0, end);
  std::string_view line = head.substr(0, head.find("\r\n"));
  size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first) return Parse::bad;
  request.head = line.substr(0, first) == "HEAD";
  request.path = line.substr(first + 1, last - first - 1);
  request.keep_alive = line.substr(last + 1) != "HTTP/1.0";
  size_t body_bytes = 0;
  for (size_t at = line.size(); at < head.size();) {
    at += 2;
    std::string_view header = head.substr(at, head.find("\r\n", at) - at);
    at += header.size();
    if (contains_token(header.substr(0, 11), "connection:")) {
      if (contains_token(header, "close")) request.keep_alive = false;
      if (contains_token(header, "keep-alive")) request.keep_alive = true;
    } else if (contains_token(header.substr(0, 15), "content-length:")) {
      body_bytes = strtoul(std::string(header.substr(15)).c_str(), nullptr, 10);
    } else if (contains_token(header.substr(0, 18), "transfer-encoding:")) {
      return Parse::bad;  // nobody sends this server a chunked body
    }
  }
  request.size_bytes = end + 4 + body_bytes;
  if (request.size_bytes > MAX_REQUEST_BYTES) return Parse::bad;
  return in.size() < request.size_bytes ? Parse::incomplete : Parse::complete;
}

class Server {
 public:
  int run();

 private:
  void listen_on(uint16_t port);
  void watch(int fd, uint32_t events, int operation);
  void dispatch(int fd, uint32_t events);
  void accept_all();
  void begin_drain();
  bool idle_ones_may_close() const;
  void close_idle();
  void on_readable(int fd);
  void serve(int fd);
  void answer(Connection& connection, const Request& request);
  void flush(int fd);
  void close_connection(int fd);
  int wait_limit_ms() const;
  void finish_delayed();

  int epoll_ = -1, listener_ = -1, signals_ = -1;
  int64_t drain_started_ms_ = 0;  // 0: not draining
  uint64_t requests_ = 0;
  const bool healthy_ = !env_on("FAIL_HEALTH");
  const bool ignore_sigterm_ = env_on("IGNORE_SIGTERM");
  const std::string identity_ = std::format(
      "{{\"service\":{},\"revision\":{},\"instance\":{},\"namespace\":{},\"version\":{}",
      json_string(env("PLOYZ_SERVICE")), json_string(env("PLOYZ_REVISION")),
      json_string(env("PLOYZ_INSTANCE")), json_string(env("PLOYZ_NAMESPACE")),
      json_string(env("PLOYZ_SAMPLE_VERSION", "0")));
  std::unordered_map<int, Connection> connections_;
};

[[noreturn]] void fail(const char* what) {
  fprintf(stderr, "web: %s: %s\n", what, strerror(errno));
  exit(1);
}

void Server::listen_on(uint16_t port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address)) fail("bind");
  if (listen(listener_, 4096)) fail("listen");
  watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
}

void Server::watch(int fd, uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_, operation, fd, &event)) fail("epoll_ctl");
}

void Server::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections_[fd];
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }
}

void Server::begin_drain() {
  if (drain_started_ms_) return;
  drain_started_ms_ = now_ms();
  if (listener_ < 0) return;
  accept_all();  // who is in the queue already was accepted as far as the client can tell
  close(listener_);
  listener_ = -1;
}

bool Server::idle_ones_may_close() const {
  return drain_started_ms_ && now_ms() >= drain_started_ms_ + DRAIN_IDLE_MS;
}

void Server::close_idle() {
  std::vector<int> open;
  for (auto& [fd, connection] : connections_) open.push_back(fd);
  for (int fd : open) on_readable(fd);  // reads once more, then flush() closes what is idle
}

void Server::close_connection(int fd) {
  close(fd);
  connections_.erase(fd);
}

void Server::on_readable(int fd) {
  Connection& connection = connections_[fd];
  char buffer[16 * 1024];
  for (;;) {
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0) {
      connection.in.append(buffer, static_cast<size_t>(n));
      if (connection.in.size() > 2 * MAX_REQUEST_BYTES) return close_connection(fd);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      break;
    } else {
      return close_connection(fd);
    }
  }
  serve(fd);
}

// Answers every complete request of a connection, then writes; may close the connection.
void Server::serve(int fd) {
  Connection& connection = connections_[fd];
  while (!connection.close_after_write && !connection.delayed_until_ms) {
    Request request;
    Parse parsed = parse(connection.in, request);
    if (parsed == Parse::incomplete) break;
    if (parsed == Parse::bad) {
      connection.out +=
          "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      connection.close_after_write = true;
      break;
    }
    if (request.path.starts_with("/slow?ms=")) {
      int ms = atoi(std::string(request.path.substr(9)).c_str());
      if (ms > 0) {
        connection.delayed_until_ms = now_ms() + std::min(ms, MAX_SLOW_MS);
        break;  // finish_delayed() comes back to this request
      }
    }
    answer(connection, request);
    connection.in.erase(0, request.size_bytes);
  }
  flush(fd);
}

void Server::answer(Connection& connection, const Request& request) {
  std::string_view path = request.path.substr(0, request.path.find('?'));
  const char* status = "200 OK";
  const char* type = "application/json";
  std::string body;
  if (path == "/healthz") {
    type = "text/plain";
    body = healthy_ ? "ok\n" : "unhealthy: FAIL_HEALTH is set\n";
    if (!healthy_) status = "503 Service Unavailable";
  } else {
    body = std::format("{},\"requests\":{}}}\n", identity_, ++requests_);
  }
  bool close_it = !request.keep_alive || drain_started_ms_;
  connection.out += std::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
                                status, type, body.size(), close_it ? "Connection: close\r\n" : "");
  if (!request.head) connection.out += body;
  connection.close_after_write = close_it;
}

void Server::flush(int fd) {
  Connection& connection = connections_[fd];
  while (!connection.out.empty()) {
    ssize_t n = send(fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (n > 0) {
      connection.out.erase(0, static_cast<size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    } else {
      return close_connection(fd);
    }
  }
  bool idle = connection.in.empty() && !connection.delayed_until_ms;
  if (connection.close_after_write || (idle && idle_ones_may_close())) return close_connection(fd);
  watch(fd, EPOLLIN, EPOLL_CTL_MOD);
}

int Server::wait_limit_ms() const {
  int64_t until = 0;
  if (drain_started_ms_) {
    until = drain_started_ms_ + (idle_ones_may_close() ? DRAIN_LIMIT_MS : DRAIN_IDLE_MS);
  }
  for (auto& [fd, connection] : connections_) {
    int64_t delayed = connection.delayed_until_ms;
    if (delayed && (!until || delayed < until)) until = delayed;
  }
  return until ? static_cast<int>(std::max<int64_t>(0, until - now_ms())) : -1;
}

void Server::finish_delayed() {
  std::vector<int> due;
  for (auto& [fd, connection] : connections_) {
    if (connection.delayed_until_ms && connection.delayed_until_ms <= now_ms()) due.push_back(fd);
  }
  for (int fd : due) {
    Connection& connection = connections_[fd];
    connection.delayed_until_ms = 0;
    Request request;
    if (parse(connection.in, request) == Parse::complete) {
      answer(connection, request);
      connection.in.erase(0, request.size_bytes);
    }
    serve(fd);
  }
}

int Server::run() {
  // Signals as a descriptor, so that they are handled between requests and never inside one.
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  signals_ = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  watch(signals_, EPOLLIN, EPOLL_CTL_ADD);

  int64_t start_ms = now_ms() + atoi(env("START_DELAY_MS", "0").c_str());
  for (;;) {
    int limit_ms = wait_limit_ms();
    if (listener_ < 0 && !drain_started_ms_) {
      if (now_ms() >= start_ms) {
        listen_on(static_cast<uint16_t>(atoi(env("PORT", "8080").c_str())));
      } else {
        limit_ms = static_cast<int>(start_ms - now_ms());
      }
    }
    epoll_event events[256];
    int n = epoll_wait(epoll_, events, 256, limit_ms);
    for (int i = 0; i < n; ++i) dispatch(events[i].data.fd, events[i].events);
    finish_delayed();
    if (idle_ones_may_close()) {
      close_idle();
      if (connections_.empty() || now_ms() >= drain_started_ms_ + DRAIN_LIMIT_MS) return 0;
    }
  }
}

void Server::dispatch(int fd, uint32_t events) {
  if (fd == listener_) {
    accept_all();
  } else if (fd == signals_) {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof info) == sizeof info) {
      if (!ignore_sigterm_) begin_drain();
    }
  } else {
    if ((events & EPOLLOUT) && connections_.contains(fd)) flush(fd);
    if ((events & ~EPOLLOUT) && connections_.contains(fd)) on_readable(fd);
  }
}

}  // namespace

int main() {
  if (env_on("FAIL_START")) {
    fprintf(stderr, "web: FAIL_START is set\n");
    return 1;
  }
  printf("web: version %s on port %s\n", env("PLOYZ_SAMPLE_VERSION", "0").c_str(),
         env("PORT", "8080").c_str());
  fflush(stdout);
  if (env_on("FLOOD_LOG")) {
    std::thread([] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals belong to the server's thread
      for (uint64_t line = 0;; ++line)
        printf("flood %llu\n", static_cast<unsigned long long>(line));
    }).detach();
  }
  return Server().run();
}

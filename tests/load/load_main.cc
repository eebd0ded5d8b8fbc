// ployz_load: load on gateways with kept-alive connections, and the pair check.
//
//   ployz_load ADDRESS[,ADDRESS…] PORT HOST[,HOST…] [--connections N] [--requests N] [--rate N]
//
// The connections are dealt to the addresses in turn. Each asks the hosts in turn. With two hosts A,B of one namespace a pair is an answer
// of A followed, on the same connection, by an answer of B; "A new, then B old" is a violation: a
// client has seen the future and then the past. Versions are the number in `"version":"N"` of the
// body. Runs until N requests were made or SIGTERM/SIGINT; prints one JSON line and exits 0 when
// nothing failed and no pair was violated.
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>

#include <nlohmann/json.hpp>

#include "load/connection.h"

namespace ployz::load {
namespace {

constexpr uint64_t kDeadlineUs = 10'000'000;
constexpr int kTickMs = 2;
constexpr size_t kMaxErrorKinds = 50;

struct Options {
  std::vector<std::string> addresses;
  uint16_t port = 80;
  std::vector<std::string> hosts;
  size_t connections = 16;
  uint64_t requests = 0;  // 0: until a signal
  uint64_t rate = 0;      // per second, 0: as fast as it goes
};

std::string version_in(std::string_view body) {
  const size_t key = body.find("\"version\"");
  if (key == std::string_view::npos) return {};
  const size_t digit = body.find_first_of("0123456789", key);
  if (digit == std::string_view::npos) return {};
  return std::string(body.substr(digit, body.find_first_not_of("0123456789", digit) - digit));
}

class Load {
 public:
  Load(Options options, int epoll) : options_(std::move(options)), epoll_(epoll) {
    for (size_t i = 0; i < options_.connections; ++i) {
      sockaddr_in server{};
      server.sin_family = AF_INET;
      server.sin_port = htons(options_.port);
      inet_pton(AF_INET, options_.addresses[i % options_.addresses.size()].c_str(),
                &server.sin_addr);
      connections_.emplace_back(epoll_, server, options_.hosts,
                                [this](Connection& from, Answer answer) { count(from, answer); });
    }
    start_us_ = now_us();
  }

  // Starts what the pace allows on idle connections.
  void pump() {
    for (Connection& connection : connections_) {
      connection.check_deadline(kDeadlineUs);
      if (!connection.busy() && allowed()) {
        ++asked_;
        connection.ask();
      }
    }
  }

  [[nodiscard]] bool done() const {
    return options_.requests > 0 && answered_ >= options_.requests;
  }

  [[nodiscard]] bool clean() const { return failed_ == 0 && violations_ == 0; }

  [[nodiscard]] nlohmann::json report() {
    std::ranges::sort(latencies_);
    const auto percentile = [&](double p) -> uint64_t {
      return latencies_.empty() ? 0 : latencies_[static_cast<size_t>(p * (latencies_.size() - 1))];
    };
    return {{"requests", answered_}, {"failed", failed_}, {"pairs", pairs_},
            {"violations", violations_}, {"errors", errors_}, {"versions", versions_},
            {"seconds", static_cast<double>(now_us() - start_us_) / 1e6},
            {"p50_us", percentile(0.5)}, {"p99_us", percentile(0.99)}, {"max_us", percentile(1)}};
  }

 private:
  [[nodiscard]] bool allowed() const {
    if (options_.requests > 0 && asked_ >= options_.requests) return false;
    if (options_.rate == 0) return true;
    return asked_ < (now_us() - start_us_) * options_.rate / 1'000'000;
  }

  void count(Connection& from, const Answer& answer) {
    ++answered_;
    latencies_.push_back(static_cast<uint32_t>(answer.latency_us));
    if (!answer.ok) {
      ++failed_;
      if (errors_.size() < kMaxErrorKinds) ++errors_[answer.error];
      from.previous_version.clear();
      return;
    }
    const std::string version = version_in(answer.body);
    ++versions_[options_.hosts[answer.host] + " " + version];
    if (answer.host > 0 && !from.previous_version.empty()) {
      ++pairs_;
      if (std::atoi(from.previous_version.c_str()) > std::atoi(version.c_str())) ++violations_;
    }
    from.previous_version = version;
  }

  Options options_;
  int epoll_;
  std::list<Connection> connections_;
  uint64_t start_us_ = 0, asked_ = 0, answered_ = 0, failed_ = 0, pairs_ = 0, violations_ = 0;
  std::map<std::string, uint64_t> errors_, versions_;
  std::vector<uint32_t> latencies_;
};

bool parse(int argc, char** argv, Options& options) {
  const auto number = [](const char* text, auto& out) {
    const std::string_view view(text);
    return std::from_chars(view.begin(), view.end(), out).ec == std::errc{};
  };
  if (argc < 4) return false;
  const auto list = [](std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
      const size_t comma = std::min(text.find(','), text.size());
      words.emplace_back(text.substr(0, comma));
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return words;
  };
  options.addresses = list(argv[1]);
  if (!number(argv[2], options.port)) return false;
  options.hosts = list(argv[3]);
  for (int i = 4; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const bool ok = flag == "--connections" ? number(argv[i + 1], options.connections)
                    : flag == "--requests"  ? number(argv[i + 1], options.requests)
                    : flag == "--rate"      ? number(argv[i + 1], options.rate)
                                            : false;
    if (!ok) return false;
  }
  return !options.addresses.empty() && !options.hosts.empty();
}

int run(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr, "usage: ployz_load ADDRESS[,ADDRESS] PORT HOST[,HOST] "
                         "[--connections N] [--requests N] [--rate N]\n");
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  epoll_event stop{};
  stop.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, signal_fd, &stop);
  Load load(options, epoll);
  bool stopped = false;
  while (!stopped && !load.done()) {
    load.pump();
    epoll_event events[64];
    const int ready = epoll_wait(epoll, events, 64, kTickMs);
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.ptr == nullptr) {
        stopped = true;
      } else {
        static_cast<Connection*>(events[i].data.ptr)->on_event(events[i].events);
      }
    }
  }
  std::printf("%s\n", load.report().dump().c_str());
  return load.clean() ? 0 : 1;
}

}  // namespace
}  // namespace ployz::load

int main(int argc, char** argv) { return ployz::load::run(argc, argv); }

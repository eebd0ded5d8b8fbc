// What a machine stream costs beside a plain socket copy, over the loopback interface: there nothing
// but the processor counts, so it is the worst case. Prints the ratios; rounds of the two alternate,
// and medians are compared, because the computer may have other things to do.
//
//   stream_bench [MiB per round, 1024] [rounds, 5]
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <print>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/tcp.h"
#include "drivers/transfer/tcp_transfers.h"

namespace ployz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPiece = 256 << 10;

struct Speed {
  double mib_per_second = 0;
  double cpu_ns_per_byte = 0;  // of both ends together, the kernel's part included
};

// From its construction on.
class Meter {
 public:
  [[nodiscard]] Speed speed(size_t bytes) const {
    const std::chrono::duration<double> took = Clock::now() - since_;
    const double size = static_cast<double>(bytes);
    return {size / (1 << 20) / took.count(), (cpu_ns() - cpu_ns_) / size};
  }

 private:
  static double cpu_ns() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
  }
  Clock::time_point since_ = Clock::now();
  double cpu_ns_ = cpu_ns();
};

Speed plain(size_t bytes) {
  const auto listener = listen_tcp("127.0.0.1", 0);
  check(listener.has_value(), "a port is free");
  std::jthread writer([&] {
    const auto fd = connect_tcp(local_address(*listener), kNoDeadline, StopFd({}));
    check(fd.has_value(), "connected");
    const std::vector<char> piece(kPiece, 'x');
    pollfd room{fd->get(), POLLOUT, 0};
    for (size_t sent = 0; sent < bytes;) {
      const ssize_t put =
          ::send(fd->get(), piece.data(), std::min(kPiece, bytes - sent), MSG_NOSIGNAL);
      if (put > 0) sent += static_cast<size_t>(put);
      if (put < 0) ::poll(&room, 1, -1);
    }
  });
  pollfd incoming{listener->get(), POLLIN, 0};
  ::poll(&incoming, 1, -1);
  const Fd fd(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::vector<char> piece(kPiece);
  const Meter meter;
  size_t got = 0;
  while (got < bytes) {
    const ssize_t read = ::recv(fd.get(), piece.data(), piece.size(), 0);
    check(read > 0, "the writer writes all of it");
    got += static_cast<size_t>(read);
  }
  return meter.speed(got);
}

Speed stream(size_t bytes) {
  TransferConfig config;
  config.address = "127.0.0.1";
  const auto source = TcpTransfers::listen(config);
  const auto destination = TcpTransfers::listen(config);
  check(source && destination, "ports are free");
  const auto key =
      (*source)->offer({"bench", "1"}, [bytes](MachineStream& out, std::stop_token) -> Status {
        const std::string piece(kPiece, 'x');
        for (size_t sent = 0; sent < bytes; sent += kPiece) TRY(out.write(piece));
        return {};
      });
  const auto in = (*destination)->dial((*source)->address(), *key, {"bench", "1"}, {});
  check(in.has_value(), "dialed");
  std::vector<char> piece(kPiece);
  const Meter meter;
  size_t got = 0;
  while (true) {
    const auto read = (*in)->read(piece);
    check(read.has_value(), "the stream is whole");
    if (*read == 0) break;
    got += *read;
  }
  return meter.speed(got);
}

double median(std::vector<Speed> all, double Speed::*what) {
  std::ranges::sort(all, {}, what);
  return all[all.size() / 2].*what;
}

}  // namespace
}  // namespace ployz

int main(int argc, char** argv) {
  const size_t bytes = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1024) << 20;
  const size_t rounds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5;
  std::vector<ployz::Speed> plain, stream;
  const auto ratio = [&](double ployz::Speed::*what) {
    return ployz::median(stream, what) / ployz::median(plain, what);
  };
  for (size_t round = 0; round < rounds; ++round) {
    plain.push_back(ployz::plain(bytes));
    stream.push_back(ployz::stream(bytes));
    std::println("plain {:.0f} MiB/s, {:.2f} ns of CPU a byte; stream {:.0f} MiB/s, {:.2f} ns",
                 plain.back().mib_per_second, plain.back().cpu_ns_per_byte,
                 stream.back().mib_per_second, stream.back().cpu_ns_per_byte);
  }
  std::println("ratio of speed {:.2f}, of CPU {:.2f}", ratio(&ployz::Speed::mib_per_second),
               ratio(&ployz::Speed::cpu_ns_per_byte));
}

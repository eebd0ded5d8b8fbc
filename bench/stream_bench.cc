// What a machine stream costs beside a plain socket copy, over the loopback interface: there nothing
// but the processor counts, so it is the worst case. Prints the ratio; rounds of the two alternate,
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
#include "drivers/transfer/sockets.h"
#include "drivers/transfer/tcp_transfers.h"

namespace ployz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPiece = 256 << 10;

double mib_per_second(size_t bytes, Clock::time_point since) {
  const std::chrono::duration<double> took = Clock::now() - since;
  return static_cast<double>(bytes) / (1 << 20) / took.count();
}

double plain(size_t bytes) {
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
  const auto since = Clock::now();
  size_t got = 0;
  while (got < bytes) {
    const ssize_t read = ::recv(fd.get(), piece.data(), piece.size(), 0);
    check(read > 0, "the writer writes all of it");
    got += static_cast<size_t>(read);
  }
  return mib_per_second(got, since);
}

double stream(size_t bytes) {
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
  const auto since = Clock::now();
  size_t got = 0;
  while (true) {
    const auto read = (*in)->read(piece);
    check(read.has_value(), "the stream is whole");
    if (*read == 0) break;
    got += *read;
  }
  return mib_per_second(got, since);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace
}  // namespace ployz

int main(int argc, char** argv) {
  const size_t bytes = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1024) << 20;
  const size_t rounds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5;
  std::vector<double> plain, stream;
  for (size_t round = 0; round < rounds; ++round) {
    plain.push_back(ployz::plain(bytes));
    stream.push_back(ployz::stream(bytes));
    std::println("plain {:.0f} MiB/s, stream {:.0f} MiB/s", plain.back(), stream.back());
  }
  std::println("ratio {:.2f}", ployz::median(stream) / ployz::median(plain));
}

#include "drivers/os/icmp_echo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <format>
#include <string>

#include "base/fd.h"

namespace ployz {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct EchoSocket {
  Fd fd;
  bool raw = false;  // answers come with their IP header, and everybody's
};

// What tells our answer from any other: the kernel chooses the id of an unprivileged socket.
struct Packet {
  icmphdr header{};
  std::array<char, 16> nonce{};
};

std::unexpected<Error> silent(std::string_view address, std::string_view why) {
  return fail(Code::unavailable, std::format("{}: {}", address, why));
}

Result<EchoSocket> open_socket() {
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (Fd fd(::socket(AF_INET, SOCK_DGRAM | kFlags, IPPROTO_ICMP)); fd.get() >= 0) {
    return EchoSocket{std::move(fd), false};
  }
  if (Fd fd(::socket(AF_INET, SOCK_RAW | kFlags, IPPROTO_ICMP)); fd.get() >= 0) {
    return EchoSocket{std::move(fd), true};
  }
  return fail(Code::denied, std::format("an ICMP socket: {}", std::strerror(errno)),
              "run as root, or widen net.ipv4.ping_group_range");
}

Packet new_packet() {
  Packet packet;
  packet.header.type = ICMP_ECHO;
  // Without entropy it is a constant: then only the id and the address tell answers apart.
  (void)::getrandom(packet.nonce.data(), packet.nonce.size(), GRND_NONBLOCK);
  std::memcpy(&packet.header.un.echo.id, packet.nonce.data(), sizeof(uint16_t));
  packet.header.un.echo.sequence = htons(1);
  packet.header.checksum = htons(
      internet_checksum({reinterpret_cast<const char*>(&packet), sizeof packet}));
  return packet;
}

bool is_answer(std::string_view received, bool raw, const Packet& sent) {
  if (raw) {
    if (received.size() < sizeof(iphdr)) return false;
    const size_t header = (static_cast<unsigned char>(received[0]) & 0xf) * size_t{4};
    if (received.size() < header) return false;
    received.remove_prefix(header);
  }
  if (received.size() != sizeof(Packet) || received[0] != ICMP_ECHOREPLY) return false;
  return received.substr(sizeof(icmphdr)) ==
         std::string_view(sent.nonce.data(), sent.nonce.size());
}

Status await_answer(const EchoSocket& socket, const Packet& sent, std::string_view address,
                    SteadyClock::time_point deadline) {
  std::array<char, 256> buffer;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) return silent(address, "no answer in time");
    pollfd waiting{socket.fd.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return silent(address, std::strerror(errno));
    if (ready <= 0) continue;
    const ssize_t got = ::recv(socket.fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno != EAGAIN && errno != EINTR) return silent(address, std::strerror(errno));
    if (got > 0 && is_answer({buffer.data(), static_cast<size_t>(got)}, socket.raw, sent)) {
      return {};
    }
  }
}

}  // namespace

uint16_t internet_checksum(std::string_view bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<unsigned char>(bytes[i]) * 256u;
    if (i + 1 < bytes.size()) sum += static_cast<unsigned char>(bytes[i + 1]);
  }
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Result<uint64_t> IcmpEcho::echo(std::string_view address, std::chrono::milliseconds timeout) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  if (::inet_pton(AF_INET, std::string(address).c_str(), &to.sin_addr) != 1) {
    return fail(Code::invalid, std::format("not an IPv4 address: '{}'", address));
  }
  const EchoSocket socket = TRY(open_socket());
  const Packet packet = new_packet();
  const auto began = SteadyClock::now();
  if (::sendto(socket.fd.get(), &packet, sizeof packet, MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
    return silent(address, std::strerror(errno));
  }
  TRY(await_answer(socket, packet, address, began + timeout));
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - began).count());
}

}  // namespace ployz

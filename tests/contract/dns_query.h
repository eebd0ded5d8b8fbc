// A DNS client of one question, for tests of what clients are answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace ployz::contract {

inline constexpr int kTypeA = 1;
inline constexpr int kTypeAaaa = 28;

struct DnsAnswer {
  int rcode = -1;  // 0: no error, 3: no such name, -1: no answer in time
  bool authoritative = false;
  std::set<std::string> addresses;
  std::set<uint32_t> ttls;
};

// A UDP socket on a free port of 127.0.0.1.
struct BoundPort {
  Fd fd;
  uint16_t number = 0;
};

namespace dns_wire {

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// RFC 1035, 4.1: header, one question, recursion desired.
inline std::string question(const std::string& name, int type) {
  std::string packet("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find('.', at), name.size());
    packet += static_cast<char>(end - at);
    packet += name.substr(at, end - at);
    at = end + 1;
  }
  packet += '\0';
  packet += std::string({'\0', static_cast<char>(type), '\0', '\1'});
  return packet;
}

inline uint32_t number_at(const std::string& packet, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(packet.at(at + i));
  return value;
}

inline size_t after_name(const std::string& packet, size_t at) {
  while (true) {
    const auto length = static_cast<uint8_t>(packet.at(at));
    if (length >= 0xc0) return at + 2;  // a pointer ends a name
    if (length == 0) return at + 1;
    at += length + 1;
  }
}

inline DnsAnswer parse(const std::string& packet) {
  DnsAnswer answer;
  answer.rcode = static_cast<int>(number_at(packet, 3, 1) & 0xf);
  answer.authoritative = number_at(packet, 2, 1) & 0x4;
  size_t at = after_name(packet, 12) + 4;
  for (uint32_t count = number_at(packet, 6, 2); count > 0; --count) {
    at = after_name(packet, at);
    const uint32_t length = number_at(packet, at + 8, 2);
    answer.ttls.insert(number_at(packet, at + 4, 4));
    if (number_at(packet, at, 2) == kTypeA && length == 4) {
      char text[INET_ADDRSTRLEN] = {};
      inet_ntop(AF_INET, packet.data() + at + 10, text, sizeof(text));
      answer.addresses.insert(text);
    }
    at += 10 + length;
  }
  return answer;
}

}  // namespace dns_wire

inline BoundPort bind_free_port() {
  BoundPort port{Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), 0};
  sockaddr_in address = dns_wire::loopback(0);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(bind(port.fd.get(), generic, size), 0);
  EXPECT_EQ(getsockname(port.fd.get(), generic, &size), 0);
  port.number = ntohs(address.sin_port);
  return port;
}

// One question over UDP, from a port of its own.
inline DnsAnswer ask(uint16_t port, const std::string& name, int type = kTypeA,
                     std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = dns_wire::loopback(port);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return {};
  const std::string packet = dns_wire::question(name, type);
  if (send(fd.get(), packet.data(), packet.size(), 0) < 0) return {};
  pollfd waiting{fd.get(), POLLIN, 0};
  if (poll(&waiting, 1, static_cast<int>(timeout.count())) != 1) return {};
  std::string bytes(4096, '\0');
  const ssize_t got = recv(fd.get(), bytes.data(), bytes.size(), 0);
  if (got < 12) return {};
  bytes.resize(static_cast<size_t>(got));
  return dns_wire::parse(bytes);
}

}  // namespace ployz::contract

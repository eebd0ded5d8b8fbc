// Ports for servers that a test starts.
#pragma once

#include <atomic>
#include <cstdint>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

namespace ployz::contract {

// Below the ports that the kernel gives to connections (net.ipv4.ip_local_port_range, from 32768), so
// that none of them takes one before its server listens.
inline constexpr uint16_t kFirstTestPort = 16384;
inline constexpr uint16_t kLastTestPort = 32767;

inline bool is_port_free(uint16_t port, int type) {
  const Fd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

// A port where nobody listens, on TCP and UDP and every address, and which this process was not given
// before. Not what the kernel has free at the moment: it gave two servers that were not started yet the
// same one, and the second's clients were refused by the first.
inline uint16_t free_port() {
  static std::atomic<uint32_t> next = static_cast<uint32_t>(getpid());
  constexpr uint32_t kPorts = kLastTestPort - kFirstTestPort + 1;
  for (uint32_t tries = 0; tries < kPorts; ++tries) {
    const auto port = static_cast<uint16_t>(kFirstTestPort + next++ % kPorts);
    if (is_port_free(port, SOCK_STREAM) && is_port_free(port, SOCK_DGRAM)) return port;
  }
  ADD_FAILURE() << "no port is free";
  return 0;
}

}  // namespace ployz::contract

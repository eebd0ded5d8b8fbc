// TCP sockets of machine streams: addresses, options, connecting with a deadline.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.h"
#include "base/unix_stream.h"

namespace ployz {

// Non-blocking, listening; binds an address no interface has yet, too. `invalid`: not an IPv4
// address; `unavailable`: taken.
[[nodiscard]] Result<Fd> listen_tcp(const std::string& host, uint16_t port);
// "127.0.0.1:4319", of this or the other end.
[[nodiscard]] std::string local_address(const Fd& socket);
[[nodiscard]] std::string peer_address(const Fd& socket);
// No delay, and keepalive that ends what is dead for `silence`.
void set_stream_options(const Fd& socket, std::chrono::milliseconds silence);
// Non-blocking, connected to "host:port". `invalid`, `unavailable` naming it, `canceled`.
[[nodiscard]] Result<Fd> connect_tcp(const std::string& address, Deadline deadline,
                                     const StopFd& stop);

}  // namespace ployz

// TCP sockets between machines: addresses, options, and waits that have a deadline and can be
// stopped.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/unix_stream.h"

namespace ployz {

// Non-blocking, listening; binds an address no interface has yet, too. `purpose` is for errors
// ("machine streams"). `invalid`: not an IPv4 address; `unavailable`: taken.
[[nodiscard]] Result<Fd> listen_tcp(const std::string& host, uint16_t port,
                                    std::string_view purpose);
// "127.0.0.1:4319", of this or the other end.
[[nodiscard]] std::string local_address(const Fd& socket);
[[nodiscard]] std::string peer_address(const Fd& socket);
// No delay, and keepalive that ends what is dead for `silence`.
void set_stream_options(const Fd& socket, std::chrono::milliseconds silence);
// Non-blocking, connected to "host:port", from the address `from` if that is not empty. `invalid`,
// `unavailable` naming it (also when no interface has `from`), `canceled`.
[[nodiscard]] Result<Fd> connect_tcp(const std::string& address, Deadline deadline,
                                     const StopFd& stop, const std::string& from = {});
// All of it. `unavailable`: the peer closed; `timeout`, `canceled`.
[[nodiscard]] Result<std::string> receive_exactly(const Fd& socket, size_t size, Deadline deadline,
                                                  const StopFd& stop);
[[nodiscard]] Status send_exactly(const Fd& socket, std::string_view bytes, Deadline deadline,
                                  const StopFd& stop);

}  // namespace ployz

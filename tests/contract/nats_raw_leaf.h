// A leaf connection spoken by hand, as somebody would who has a machine's key and keeps to no rule:
// unlike nats-server it does not honour the rights the store tells it.
#pragma once

#include <array>
#include <chrono>
#include <format>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/nkey.h"

namespace ployz::contract {

class RawLeaf {
 public:
  // An empty seed: no credentials at all. `first`: sent in one packet with the CONNECT, so before
  // the server has looked up account, rights and mappings.
  RawLeaf(uint16_t port, const std::string& machine, const std::string& seed,
          const std::string& first = {}) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(wait_for("\r\n"));
    Json hello{{"version", "2.10.27"},     {"server_id", "raw-" + machine},
               {"name", "raw-" + machine}, {"domain", "m-" + machine},
               {"headers", true},          {"remote_account", "PLOYZ"}};
    if (!seed.empty()) {
      const Json info = *parse_json(heard_.substr(5, heard_.find("\r\n") - 5));
      const Nkey key = *Nkey::from_seed(seed);
      const auto signature = key.sign(*get_string(info, "nonce"));
      std::array<char, 128> text{};
      sodium_bin2base64(text.data(), text.size(), signature.data(), signature.size(),
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING);
      hello["nkey"] = key.public_key();
      hello["sig"] = text.data();
    }
    send("CONNECT " + to_text(hello) + "\r\n" + first);
  }
  ~RawLeaf() { close(fd_); }
  RawLeaf(const RawLeaf&) = delete;

  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void subscribe(const std::string& subject) const { send("LS+ " + subject + "\r\n"); }
  void publish(const std::string& subject, const std::string& reply,
               const std::string& data) const {
    send(message(subject, reply, data));
  }
  static std::string message(const std::string& subject, const std::string& reply,
                             const std::string& data) {
    return std::format("LMSG {} {}{}{}\r\n{}\r\n", subject, reply, reply.empty() ? "" : " ",
                       data.size(), data);
  }
  // With one header.
  static std::string message(const std::string& subject, const std::string& reply,
                             const std::string& header, const std::string& data) {
    const std::string headers = "NATS/1.0\r\n" + header + "\r\n\r\n";
    return std::format("HMSG {} {}{}{} {}\r\n{}{}\r\n", subject, reply, reply.empty() ? "" : " ",
                       headers.size(), headers.size() + data.size(), headers, data);
  }
  // Everything sent before has been processed by the server; false: it closed the connection.
  bool flush() {
    heard_.clear();
    send("PING\r\n");
    return wait_for("PONG\r\n");
  }
  // False: not within 5 s, or the connection was closed before.
  bool wait_for(const std::string& text) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!heard_.contains(text)) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          until - std::chrono::steady_clock::now());
      pollfd waiting{fd_, POLLIN, 0};
      std::array<char, 65536> bytes{};
      if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return false;
      const ssize_t n = recv(fd_, bytes.data(), bytes.size(), 0);
      if (n <= 0) return false;
      heard_.append(bytes.data(), static_cast<size_t>(n));
    }
    return true;
  }
  // Since the last flush().
  [[nodiscard]] const std::string& heard() const { return heard_; }

 private:
  int fd_ = -1;
  std::string heard_;
};

}  // namespace ployz::contract

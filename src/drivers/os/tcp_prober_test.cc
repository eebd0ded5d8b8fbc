#include "drivers/os/tcp_prober.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace ployz {
namespace {

using std::chrono::milliseconds;

// Listens on loopback; answers one connection with `answer` after it has read something.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool silent = false) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    if (!silent) thread_ = std::jthread([this] { serve(); });
  }
  ~OneAnswer() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& request() const { return request_; }

 private:
  void serve() {
    const int peer = accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    char buffer[1024];
    const ssize_t got = recv(peer, buffer, sizeof buffer, 0);
    if (got > 0) request_.assign(buffer, static_cast<size_t>(got));
    (void)!send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    close(peer);
  }

  std::string answer_, request_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::jthread thread_;
};

constexpr milliseconds kLong(10'000);

TEST(TcpProber, BelowFourHundredIsReady) {
  OneAnswer server("HTTP/1.1 204 No Content\r\n\r\n");
  TcpProber prober;
  EXPECT_TRUE(prober.http("127.0.0.1", server.port(), "/healthz", kLong));
  EXPECT_TRUE(server.request().starts_with("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST(TcpProber, OtherAnswersSayWhatCame) {
  TcpProber prober;
  {
    OneAnswer server("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    const Status status = prober.http("", server.port(), "/", kLong);
    EXPECT_EQ(status.error().code, Code::unavailable);
    EXPECT_TRUE(status.error().message.ends_with("GET / answered 503")) << status.error().message;
  }
  {
    OneAnswer server("SSH-2.0-x\r\n");
    EXPECT_TRUE(prober.http("127.0.0.1", server.port(), "/", kLong)
                    .error()
                    .message.ends_with("does not speak HTTP"));
  }
  {
    OneAnswer server("");
    EXPECT_EQ(prober.http("127.0.0.1", server.port(), "/", kLong).error().code, Code::unavailable);
  }
}

TEST(TcpProber, ASilentServerTimesOutButAcceptsTcp) {
  OneAnswer server("", true);
  TcpProber prober;
  EXPECT_TRUE(prober.tcp("127.0.0.1", server.port(), kLong));
  EXPECT_TRUE(prober.http("127.0.0.1", server.port(), "/", milliseconds(20))
                  .error()
                  .message.ends_with("no answer in time"));
}

TEST(TcpProber, RefusedAndNonsense) {
  uint16_t port = 0;
  { port = OneAnswer("", true).port(); }
  TcpProber prober;
  EXPECT_EQ(prober.tcp("127.0.0.1", port, kLong).error().code, Code::unavailable);
  EXPECT_EQ(prober.tcp("nonsense", 1, kLong).error().code, Code::invalid);
}

}  // namespace
}  // namespace ployz

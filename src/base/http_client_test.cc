#include "base/http_client.h"

#include <filesystem>
#include <future>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

namespace ployz {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Answers one connection with a script: what it got so far → what it does next.
class Server {
 public:
  using Script = std::function<void(int fd, std::string& got)>;

  explicit Server(Script script) : directory_(make_directory()), path_(directory_ + "/s") {
    fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_.get(), 1);
    thread_ = std::jthread([this, script = std::move(script)] {
      Fd peer(::accept(fd_.get(), nullptr, nullptr));
      if (peer) script(peer.get(), got_);
    });
  }
  ~Server() {
    ::shutdown(fd_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    std::filesystem::remove_all(directory_);
  }
  // What the client sent; the script has ended.
  const std::string& got() {
    if (thread_.joinable()) thread_.join();
    return got_;
  }
  HttpClient client() const { return HttpClient(path_); }

  static void read_until(int fd, std::string& got, std::string_view end) {
    char c = 0;
    while (!got.ends_with(end) && ::read(fd, &c, 1) == 1) got += c;
  }
  static void send(int fd, std::string_view text) {
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }
  // Until the client goes away.
  static void wait_end(int fd) {
    char c = 0;
    while (::read(fd, &c, 1) == 1) {
    }
  }

 private:
  static std::string make_directory() {
    std::string name = "/tmp/ployz-http-XXXXXX";
    return ::mkdtemp(name.data());
  }
  std::string directory_;
  std::string path_;
  Fd fd_;
  std::string got_;
  std::jthread thread_;
};

Server::Script answer(std::string text) {
  return [text = std::move(text)](int fd, std::string& got) {
    Server::read_until(fd, got, "\r\n\r\n");
    Server::send(fd, text);
  };
}

TEST(HttpClient, SendsTheRequestAndReadsTheAnswer) {
  Server server(answer("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Thing: a\r\n\r\nhello"));
  HttpRequest request{"POST", "/v1/x?y=z", {{"Content-Type", "application/json"}}, ""};
  const auto response = server.client().request(request, 5s);
  ASSERT_TRUE(response) << response.error().line();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(response->header("x-thing"), "a");
  EXPECT_EQ(server.got(),
            "POST /v1/x?y=z HTTP/1.1\r\nHost: ployz\r\nContent-Type: application/json\r\n"
            "Connection: close\r\nContent-Length: 0\r\n\r\n");
}

TEST(HttpClient, ReadsChunksAndBodiesThatEndWithTheConnection) {
  Server chunked(
      answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_EQ(chunked.client().request({}, 5s).error().code, Code::invalid);  // no target
  HttpRequest get;
  get.target = "/";
  EXPECT_EQ(chunked.client().request(get, 5s)->body, "abcde");
  Server unbounded(answer("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
  EXPECT_EQ(unbounded.client().request(get, 5s)->body, "until the end");
}

TEST(HttpClient, AbsentSocketIsUnavailableWithoutEffect) {
  const auto response = HttpClient("/nonexistent/socket").request({"POST", "/", {}, ""}, 1s);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::unavailable);
  EXPECT_EQ(response.error().effect, Effect::none);
}

TEST(HttpClient, SilenceIsATimeoutOfUnknownEffect) {
  Server server([](int fd, std::string&) { Server::wait_end(fd); });
  const auto response = server.client().request({"POST", "/", {}, ""}, 50ms);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::timeout);
  EXPECT_EQ(response.error().effect, Effect::unknown);
}

TEST(HttpClient, AGetHasNoEffect) {
  Server server([](int fd, std::string&) { Server::wait_end(fd); });
  const auto response = server.client().request({"GET", "/", {}, ""}, 50ms);
  EXPECT_EQ(response.error().code, Code::timeout);
  EXPECT_EQ(response.error().effect, Effect::none);
}

TEST(HttpClient, GarbageIsCorruptAndAClosedConnectionUnavailable) {
  Server garbage(answer("SSH-2.0-OpenSSH\r\n\r\n"));
  EXPECT_EQ(garbage.client().request({"POST", "/", {}, ""}, 5s).error().code, Code::corrupt);
  Server closed(answer(""));
  const auto response = closed.client().request({"POST", "/", {}, ""}, 5s);
  EXPECT_EQ(response.error().code, Code::unavailable);
  EXPECT_EQ(response.error().effect, Effect::unknown);
  Server cut(answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"));
  EXPECT_EQ(cut.client().request({"POST", "/", {}, ""}, 5s).error().code, Code::unavailable);
}

TEST(HttpClient, RefusesAHeaderWithoutEnd) {
  Server server(answer("HTTP/1.1 200 OK\r\nX: " + std::string(2 * kMaxHttpHeader, 'x')));
  EXPECT_EQ(server.client().request({"GET", "/", {}, ""}, 5s).error().code, Code::corrupt);
}

TEST(HttpClient, RefusesHeaderInjection) {
  const HttpClient client("/nonexistent");
  EXPECT_EQ(client.request({"GET", "/ HTTP/1.1\r\nX: y", {}, ""}, 1s).error().code, Code::invalid);
  EXPECT_EQ(client.request({"GET", "/", {{"A", "b\r\nc: d"}}, ""}, 1s).error().code, Code::invalid);
}

TEST(HttpClient, StopInterruptsAStream) {
  Server server([](int fd, std::string& got) {
    Server::read_until(fd, got, "\r\n\r\n");
    Server::send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    Server::wait_end(fd);
  });
  std::stop_source stop;
  std::string got;
  HttpExchange exchange;
  exchange.stop = stop.get_token();
  exchange.on_chunk = [&](std::string_view chunk) {
    got += chunk;
    stop.request_stop();
    return true;
  };
  const auto response = server.client().exchange({"GET", "/", {}, ""}, exchange);
  EXPECT_EQ(response.error().code, Code::canceled);
  EXPECT_EQ(got, "x");
}

TEST(HttpClient, TheSinkCanEndAStream) {
  Server server([](int fd, std::string& got) {
    Server::read_until(fd, got, "\r\n\r\n");
    Server::send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    Server::wait_end(fd);
  });
  HttpExchange exchange;
  exchange.on_chunk = [](std::string_view) { return false; };
  EXPECT_TRUE(server.client().exchange({"GET", "/", {}, ""}, exchange));
}

TEST(HttpClient, UploadsInChunks) {
  Server server([](int fd, std::string& got) {
    Server::read_until(fd, got, "\r\n0\r\n\r\n");
    Server::send(fd, "HTTP/1.1 204 No Content\r\n\r\n");
  });
  int calls = 0;
  HttpExchange exchange;
  exchange.read_body = [&](std::span<char> into) -> Result<size_t> {
    if (calls++ == 2) return 0;
    return std::string_view("abc").copy(into.data(), into.size());
  };
  EXPECT_EQ(server.client().exchange({"PUT", "/", {}, ""}, exchange)->status, 204);
  EXPECT_TRUE(server.got().ends_with("\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n")) << server.got();
}

TEST(HttpClient, AnEarlyRefusalOfAnUploadIsTheAnswer) {
  Server server([](int fd, std::string& got) {
    Server::read_until(fd, got, "\r\n\r\n");
    Server::send(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno");
  });
  HttpExchange exchange;
  exchange.read_body = [](std::span<char> into) -> Result<size_t> {
    std::ranges::fill(into, 'x');
    return into.size();
  };
  const auto response = server.client().exchange({"PUT", "/", {}, ""}, exchange);
  ASSERT_TRUE(response) << response.error().line();
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(response->body, "no");
}

TEST(HttpClient, AnUploadErrorIsTheResult) {
  Server server([](int fd, std::string&) { Server::wait_end(fd); });
  HttpExchange exchange;
  exchange.read_body = [](std::span<char>) -> Result<size_t> {
    return fail(Code::corrupt, "the file is broken");
  };
  EXPECT_EQ(server.client().exchange({"PUT", "/", {}, ""}, exchange).error().code, Code::corrupt);
}

TEST(HttpClient, UpgradesToRawBytes) {
  Server server([](int fd, std::string& got) {
    Server::read_until(fd, got, "\r\n\r\n");
    Server::send(fd, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst");
    Server::read_until(fd, got, "ping");
    Server::send(fd, "pong");
  });
  auto upgraded = server.client().upgrade({"POST", "/attach", {}, ""}, "tcp", 5s);
  ASSERT_TRUE(upgraded && upgraded->duplex);
  const auto read = [&] {
    std::string buffer(16, '\0');
    buffer.resize(upgraded->duplex->read_some(buffer).value_or(0));
    return buffer;
  };
  EXPECT_EQ(read(), "first");
  EXPECT_TRUE(upgraded->duplex->write_all("ping"));
  EXPECT_EQ(read(), "pong");
  EXPECT_EQ(read(), "");
}

TEST(HttpClient, EscapesUrls) {
  EXPECT_EQ(url_escape("a/b:c d~é"), "a%2Fb%3Ac%20d~%C3%A9");
}

}  // namespace
}  // namespace ployz

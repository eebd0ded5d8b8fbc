// The Transfers contract on TCP, peers that do not keep to the protocol, and how fast it is.
#include "contract/tcp_relay.h"
#include "contract/transfer_contract.h"
#include "drivers/transfer/tcp_transfers.h"

namespace ployz::contract {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const StreamPurpose kPurpose{"image", "op-1"};

std::unique_ptr<TcpTransfers> listen(TransferConfig config = {}) {
  config.address = "127.0.0.1";
  auto transfers = TcpTransfers::listen(std::move(config));
  EXPECT_TRUE(transfers) << transfers.error().line();
  return transfers ? std::move(*transfers) : nullptr;
}

uint16_t port_of(const Transfers& transfers) {
  const std::string address = transfers.address();
  return static_cast<uint16_t>(std::stoul(address.substr(address.find(':') + 1)));
}

class TcpTransferWorld final : public TransferWorld {
 public:
  explicit TcpTransferWorld(TransferOptions options)
      : offering_(listen({.silence = options.silence, .key_lifetime = options.key_lifetime})),
        dialing_(listen({.silence = options.silence})),
        relay_(port_of(*offering_)) {}
  Transfers& offering() override { return *offering_; }
  Transfers& dialing() override { return *dialing_; }
  std::string address() override { return relay_.address(); }
  void cut() override { relay_.cut(); }
  void silence() override { relay_.silence(); }
  void end_offering() override { offering_.reset(); }

 private:
  std::unique_ptr<TcpTransfers> offering_;
  std::unique_ptr<TcpTransfers> dialing_;
  TcpRelay relay_;
};

std::unique_ptr<TransferWorld> make(TransferOptions options) {
  return std::make_unique<TcpTransferWorld>(options);
}

Fd connect_raw(uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = loopback(port);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return fd;
}

void send_raw(const Fd& fd, std::string_view bytes) {
  EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

// Nothing more comes: it was closed.
bool closed(const Fd& fd) {
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, 0) <= 0;
}

TEST(TransferReal, GreetingsThatAreNoneAreClosedWithoutAnAnswer) {
  const auto transfers = listen();
  for (const std::string& garbage :
       {std::string(kGreetingSize, 'x'), "GET / HTTP/1.1\r\n" + std::string(200, 'y'),
        encode_greeting(std::string(64, 'a'), kPurpose)}) {
    const Fd fd = connect_raw(port_of(*transfers));
    send_raw(fd, garbage);
    EXPECT_TRUE(closed(fd));
  }
}

TEST(TransferReal, WhoNeverGreetsIsClosedAndDoesNotKeepOthersOut) {
  const auto transfers = listen({.greeting_timeout = milliseconds(300), .max_greetings = 2});
  const Fd one = connect_raw(port_of(*transfers)), two = connect_raw(port_of(*transfers));
  const Fd three = connect_raw(port_of(*transfers));  // one too many
  char answer = 1;
  EXPECT_EQ(::recv(three.get(), &answer, 1, 0), 1);
  EXPECT_EQ(answer, kStreamsFull);
  EXPECT_TRUE(closed(three));
  EXPECT_TRUE(closed(one));
  EXPECT_TRUE(closed(two));
  const auto key = transfers->offer(kPurpose, [](MachineStream&, std::stop_token) -> Status {
    return {};
  });
  EXPECT_TRUE(transfers->dial(transfers->address(), *key, kPurpose, {}));
}

TEST(TransferReal, GuessingIsLimited) {
  const auto transfers = listen({.wrong_greetings_per_second = 4});
  const auto key = transfers->offer(kPurpose, [](MachineStream&, std::stop_token) -> Status {
    return {};
  });
  for (int i = 0; i < 8; ++i) {
    const auto guess = transfers->dial(transfers->address(), std::string(64, 'a'), kPurpose, {});
    EXPECT_FALSE(guess);
  }
  // Closed unread, so the key is as good as before.
  Result<std::unique_ptr<MachineStream>> stream = fail(Code::denied, "");
  const auto limit = std::chrono::steady_clock::now() + seconds(10);
  EXPECT_FALSE(transfers->dial(transfers->address(), *key, kPurpose, {}));
  while (!stream && std::chrono::steady_clock::now() < limit) {
    stream = transfers->dial(transfers->address(), *key, kPurpose, {});
  }
  EXPECT_TRUE(stream);
}

TEST(TransferReal, GarbageAfterTheGreetingIsCorrupt) {
  const auto transfers = listen();
  for (const std::string& garbage : {std::string(100, 'z'), frame_header('D', kMaxFrameData + 1)}) {
    std::promise<Result<std::string>> heard;
    const auto key =
        transfers->offer(kPurpose, [&](MachineStream& stream, std::stop_token) -> Status {
          heard.set_value(read_all(stream));
          return {};
        });
    const Fd fd = connect_raw(port_of(*transfers));
    send_raw(fd, encode_greeting(*key, kPurpose) + garbage);
    const auto got = heard.get_future().get();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::corrupt) << got.error().line();
  }
}

TEST(TransferReal, AnotherVersionIsNamed) {
  Listener listener;
  std::jthread other([&] {
    const Fd peer(::accept(listener.fd(), nullptr, nullptr));
    char greeting[kGreetingSize];
    (void)::recv(peer.get(), greeting, sizeof greeting, MSG_WAITALL);
    const char version = kStreamVersion + 1;
    (void)::send(peer.get(), &version, 1, MSG_NOSIGNAL);
  });
  const auto transfers = listen();
  const auto stream = transfers->dial(std::format("127.0.0.1:{}", listener.port()),
                                      std::string(64, 'a'), kPurpose, {});
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Code::unsupported);
}

TEST(TransferReal, ListensOnAnAddressThatIsNotThereYet) {
  EXPECT_TRUE(TcpTransfers::listen({.address = "10.101.77.1"}));
  EXPECT_EQ(TcpTransfers::listen({.address = "overlay"}).error().code, Code::invalid);
  const auto first = listen();
  EXPECT_EQ(TcpTransfers::listen({.address = "127.0.0.1", .port = port_of(*first)}).error().code,
            Code::unavailable);
}

constexpr uint64_t kMeasured = 1ull << 30;

double mib_per_second(std::chrono::steady_clock::time_point since) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
  return static_cast<double>(kMeasured >> 20) / took.count();
}

// The same bytes over a plain connection, in pieces of the same size.
double plain_copy() {
  Listener listener;
  std::jthread writer([&] {
    const Fd fd = connect_raw(listener.port());
    const std::string piece(kMaxFrameData, 'x');
    for (uint64_t at = 0; at < kMeasured; at += piece.size()) {
      for (std::string_view left = piece; !left.empty();) {
        const ssize_t sent = ::send(fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        left.remove_prefix(static_cast<size_t>(sent));
      }
    }
  });
  const Fd peer(::accept(listener.fd(), nullptr, nullptr));
  std::string piece(kMaxFrameData, '\0');
  const auto since = std::chrono::steady_clock::now();
  uint64_t total = 0;
  while (true) {
    const ssize_t got = ::recv(peer.get(), piece.data(), piece.size(), 0);
    if (got <= 0) break;
    total += static_cast<uint64_t>(got);
  }
  EXPECT_EQ(total, kMeasured);
  return mib_per_second(since);
}

double stream_copy() {
  const auto transfers = listen();
  const auto key =
      transfers->offer(kPurpose, [](MachineStream& stream, std::stop_token) -> Status {
        const std::string piece(kMaxFrameData, 'x');
        for (uint64_t at = 0; at < kMeasured; at += piece.size()) TRY(stream.write(piece));
        return {};
      });
  const auto stream = transfers->dial(transfers->address(), *key, kPurpose, {});
  EXPECT_TRUE(stream);
  std::string piece(kMaxFrameData, '\0');
  const auto since = std::chrono::steady_clock::now();
  uint64_t total = 0;
  while (true) {
    const auto got = (*stream)->read(piece);
    EXPECT_TRUE(got);
    if (!got || *got == 0) break;
    total += *got;
  }
  EXPECT_EQ(total, kMeasured);
  return mib_per_second(since);
}

// Says how fast, and asserts only that the bytes were right: the machine may be busy.
TEST(TransferReal, Throughput) {
  const double plain = std::max(plain_copy(), plain_copy());
  const double stream = std::max(stream_copy(), stream_copy());
  std::printf("plain socket %.0f MiB/s, machine stream %.0f MiB/s: %.0f %%\n", plain, stream,
              100 * stream / plain);
  RecordProperty("stream_percent_of_plain", static_cast<int>(100 * stream / plain));
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Tcp, TransferContract, testing::Values(&make));

}  // namespace ployz::contract

// The small ports' contracts on SQLite, files, the system's clock and real sockets.
#include <filesystem>

#include "contract/http_peer.h"
#include "contract/small_ports_contract.h"
#include "contract/step_journal_contract.h"
#include "drivers/os/icmp_echo.h"
#include "drivers/os/proc_host_facts.h"
#include "drivers/os/projection_file.h"
#include "drivers/os/system_clock.h"
#include "drivers/os/tcp_prober.h"
#include "drivers/os/thread_executor.h"
#include "drivers/sqlite/step_journal.h"

namespace ployz::contract {
namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = "/tmp/ployz-contract-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct SetClock final : Clock {
  uint64_t now_ms = 1'000;
  uint64_t wall_ms() override { return now_ms; }
  uint64_t steady_ms() override { return now_ms; }
  bool sleep_for(std::chrono::milliseconds, std::stop_token) override { return true; }
};

class SqliteUnderTest final : public JournalUnderTest {
 public:
  SqliteUnderTest() { reopen(); }
  StepJournal& journal() override { return *journal_; }
  void advance_ms(uint64_t ms) override { clock_.now_ms += ms; }
  void reopen() override {
    journal_.reset();
    auto opened = open_step_journal(folder_.path() / "steps.sqlite", clock_);
    ASSERT_TRUE(opened) << opened.error().line();
    journal_ = *std::move(opened);
  }

 private:
  Folder folder_;
  SetClock clock_;
  std::unique_ptr<StepJournal> journal_;
};

std::unique_ptr<JournalUnderTest> make() { return std::make_unique<SqliteUnderTest>(); }

// Answers every connection with one 200 and closes it.
class OneAnswerServer {
 public:
  OneAnswerServer() : thread_([this](std::stop_token stop) { serve(stop); }) {}
  [[nodiscard]] uint16_t port() const { return listener_.port(); }

 private:
  void serve(std::stop_token stop) {
    while (!stop.stop_requested()) {
      pollfd ready{listener_.fd(), POLLIN, 0};
      if (::poll(&ready, 1, 20) <= 0) continue;
      const Fd peer(::accept(listener_.fd(), nullptr, nullptr));
      char request[1024];
      if (::recv(peer.get(), request, sizeof request, 0) <= 0) continue;
      static constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
      (void)::send(peer.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    }
  }
  Listener listener_;
  std::jthread thread_;
};

TEST(SmallPortsReal, ProjectionFile) {
  const Folder folder;
  ProjectionFile cache(folder.path() / "commits.json");
  check_projection_cache(cache);
}

TEST(SmallPortsReal, ProjectionFileThatIsGarbageIsCorrupt) {
  const Folder folder;
  std::FILE* file = std::fopen((folder.path() / "commits.json").c_str(), "w");
  std::fputs("{garbage", file);
  std::fclose(file);
  ProjectionFile cache(folder.path() / "commits.json");
  EXPECT_EQ(cache.load().error().code, Code::corrupt);
}

TEST(SmallPortsReal, Clock) {
  SystemClock clock;
  check_clock(clock);
}

TEST(SmallPortsReal, Entropy) {
  SystemEntropy entropy;
  check_entropy(entropy);
}

TEST(SmallPortsReal, Executor) {
  ThreadExecutor executor;
  check_executor(executor);
}

TEST(SmallPortsReal, Prober) {
  const OneAnswerServer server;
  TcpProber prober;
  // 127.0.0.2 is this host too, but nobody listens there.
  check_prober(prober, "127.0.0.1", "127.0.0.2", server.port());
}

TEST(SmallPortsReal, Echo) {
  IcmpEcho echo;
  // 198.51.100.0/24 is for documentation (RFC 5737): nobody is there.
  check_echo(echo, "127.0.0.1", "198.51.100.77");
}

TEST(SmallPortsReal, HostFacts) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  socklen_t size = sizeof any;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&any), &size);
  ProcHostFacts host({"/proc", "/", {}});
  check_host_facts(host, ntohs(any.sin_port));
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Sqlite, StepJournalContract, testing::Values(&make));

}  // namespace ployz::contract

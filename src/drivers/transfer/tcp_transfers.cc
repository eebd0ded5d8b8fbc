#include "drivers/transfer/tcp_transfers.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <format>

#include "base/tcp.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// Of a dialing end that is destroyed after it finished; the offering end waits as long as the peer
// lives.
constexpr milliseconds kDialedPatience{2000};
constexpr milliseconds kServedPatience{24 * 3600 * 1000};

uint64_t now_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

}  // namespace

// What dial() returns: takes itself off the list and closes in order.
class TcpTransfers::Dialed final : public MachineStream {
 public:
  Dialed(TcpTransfers& owner, Fd fd, const std::string& peer, std::string_view key,
         std::stop_token stop)
      : owner_(owner),
        forward_(owner.stop_.get_token(), [this] { stop_.request_stop(); }),
        forward_own_(std::move(stop), [this] { stop_.request_stop(); }),
        stream_(std::move(fd), peer, key, StreamEnd::dialing, owner.config_.silence,
                stop_.get_token()),
        id_(owner.enlist({&stream_, std::nullopt})) {}
  ~Dialed() override {
    stream_.close(kDialedPatience);
    owner_.delist(id_);
  }
  Status write(std::string_view bytes) override { return stream_.write(bytes); }
  Status finish() override { return stream_.finish(); }
  Status finish_with(const Error& error) override { return stream_.finish_with(error); }
  Result<size_t> read(std::span<char> into) override { return stream_.read(into); }

 private:
  TcpTransfers& owner_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> forward_;
  std::stop_callback<std::function<void()>> forward_own_;
  TcpStream stream_;
  const uint64_t id_;
};

Result<std::unique_ptr<TcpTransfers>> TcpTransfers::listen(const TransferConfig& config) {
  Fd listener = TRY(listen_tcp(config.address, config.port, "machine streams"));
  const std::string where = local_address(listener);
  return std::unique_ptr<TcpTransfers>(new TcpTransfers(config, std::move(listener), where));
}

TcpTransfers::TcpTransfers(TransferConfig config, Fd listener, std::string address)
    : config_(std::move(config)),
      listener_(std::move(listener)),
      address_(std::move(address)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      offers_(config_.key_lifetime),
      watcher_([this] { watch(); }),
      acceptor_([this] { accept_all(); }) {}

TcpTransfers::~TcpTransfers() {
  stop_.request_stop();
  ::eventfd_write(wake_.get(), 1);
  acceptor_.join();
  std::list<Connection> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(connections_);
  }
  ending.clear();  // joins
  watcher_.join();
}

Result<std::string> TcpTransfers::offer(const StreamPurpose& purpose, StreamHandler handler) {
  return offers_.add(purpose, std::move(handler), now_ms());
}

void TcpTransfers::withdraw(std::string_view key) { offers_.withdraw(key); }

void TcpTransfers::accept_all() {
  const StopFd stop(stop_.get_token());
  while (wait_for(listener_.get(), POLLIN, kNoDeadline, stop)) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    reap();
    if (!fd) {
      // Out of descriptors: what waits in the backlog is not going away, so wait a little.
      if (errno != EMFILE && errno != ENFILE) continue;
      std::array<pollfd, 1> pause{{{stop.get(), POLLIN, 0}}};
      (void)poll_until(pause, deadline_in(milliseconds(100)));
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (!may_greet()) {
      (void)::send(fd.get(), &kStreamsFull, 1, MSG_NOSIGNAL);
      continue;
    }
    ++greeting_;
    connections_.emplace_back();
    Connection& connection = connections_.back();
    auto shared = std::make_shared<Fd>(std::move(fd));
    connection.thread = std::jthread([this, shared, &connection] {
      serve(std::move(*shared), peer_address(*shared));
      const std::lock_guard done(mutex_);
      connection.done = true;
    });
  }
}

// With mutex_ held.
bool TcpTransfers::may_greet() {
  if (now_ms() - wrong_since_ms_ >= 1000) {
    wrong_since_ms_ = now_ms();
    wrong_ = 0;
  }
  return greeting_ < config_.max_greetings && connections_.size() < config_.max_streams &&
         wrong_ < config_.wrong_greetings_per_second;
}

void TcpTransfers::reap() {
  std::list<Connection> ended;
  const std::lock_guard lock(mutex_);
  for (auto it = connections_.begin(); it != connections_.end();) {
    const auto next = std::next(it);
    if (it->done) ended.splice(ended.end(), connections_, it);
    it = next;
  }
}

std::optional<TcpTransfers::Greeted> TcpTransfers::greet(const Fd& fd) {
  const StopFd stop(stop_.get_token());
  const auto bytes =
      receive_exactly(fd, kGreetingSize, deadline_in(config_.greeting_timeout), stop);
  if (!bytes) return std::nullopt;
  const auto greeting = parse_greeting(*bytes);
  if (!greeting) {
    // The version, so that the other end can say what is wrong.
    if (greeting.error().code == Code::unsupported) {
      (void)::send(fd.get(), &kStreamVersion, 1, MSG_NOSIGNAL);
    }
    return std::nullopt;
  }
  auto handler = offers_.take(greeting->key, greeting->purpose, now_ms());
  if (!handler) return std::nullopt;
  return Greeted{greeting->key, std::move(*handler)};
}

void TcpTransfers::serve(Fd fd, std::string peer) {
  set_stream_options(fd, config_.silence);
  const auto greeted = greet(fd);
  {
    const std::lock_guard lock(mutex_);
    --greeting_;
    if (!greeted) ++wrong_;
  }
  if (!greeted || ::send(fd.get(), &kStreamVersion, 1, MSG_NOSIGNAL) != 1) return;
  TcpStream stream(std::move(fd), std::move(peer), greeted->key, StreamEnd::offering,
                   config_.silence, stop_.get_token());
  run(stream, greeted->handler);
}

void TcpTransfers::run(TcpStream& stream, const StreamHandler& handler) {
  std::stop_source gone;
  const std::stop_callback forward(stop_.get_token(), [&gone] { gone.request_stop(); });
  const uint64_t id = enlist({&stream, gone});
  const Status done = handler(stream, gone.get_token());
  // A direction the handler ended itself is closed already, which is all that can fail here.
  (void)(done ? stream.finish() : stream.finish_with(done.error()));
  stream.close(kServedPatience);
  delist(id);
}

uint64_t TcpTransfers::enlist(Live live) {
  const std::lock_guard lock(mutex_);
  live_.emplace(next_id_, std::move(live));
  ::eventfd_write(wake_.get(), 1);
  return next_id_++;
}

void TcpTransfers::delist(uint64_t id) {
  const std::lock_guard lock(mutex_);
  live_.erase(id);
}

// Sends signs of life and notices peers that close.
void TcpTransfers::watch() {
  const milliseconds interval = std::max(config_.silence / 4, milliseconds(1));
  while (!stop_.stop_requested()) {
    std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
    std::vector<uint64_t> ids{0};
    {
      const std::lock_guard lock(mutex_);
      for (auto& [id, live] : live_) {
        live.stream->pulse(interval);
        if (!live.gone || live.gone->stop_requested()) continue;
        fds.push_back({live.stream->fd(), POLLRDHUP, 0});
        ids.push_back(id);
      }
    }
    (void)poll_until(fds, deadline_in(interval));
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
    notice_gone(fds, ids);
    offers_.forget_expired(now_ms());
  }
}

void TcpTransfers::notice_gone(const std::vector<pollfd>& fds, const std::vector<uint64_t>& ids) {
  for (size_t i = 1; i < fds.size(); ++i) {
    if (fds[i].revents == 0) continue;
    std::optional<std::stop_source> gone;
    {
      const std::lock_guard lock(mutex_);
      // By id: meanwhile the descriptor may be another's.
      if (const auto it = live_.find(ids[i]); it != live_.end()) gone = it->second.gone;
    }
    if (gone) gone->request_stop();
  }
}

Result<std::unique_ptr<MachineStream>> TcpTransfers::dial(const std::string& address,
                                                          std::string_view key,
                                                          const StreamPurpose& purpose,
                                                          std::stop_token stop) {
  if (key.size() != kStreamKeyLength) return fail(Code::invalid, "that is no stream key");
  const StopFd interrupt(stop);
  const auto deadline = deadline_in(config_.greeting_timeout);
  Fd fd = TRY(connect_tcp(address, deadline, interrupt));
  set_stream_options(fd, config_.silence);
  const std::string greeting = encode_greeting(key, purpose);
  // It fits any send buffer.
  if (::send(fd.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(greeting.size())) {
    return fail(Code::unavailable, std::format("{} does not take machine streams", address));
  }
  const auto answer = receive_exactly(fd, 1, deadline, interrupt);
  if (!answer && answer.error().code == Code::unavailable) {
    return fail(Code::denied, std::format("{} did not accept the stream's key", address),
                "keys are good once and for a minute; run the command again");
  }
  if (!answer && answer.error().code == Code::timeout) {
    return fail(Code::unavailable, std::format("{} does not answer to a stream's key", address));
  }
  if (!answer) return fail(answer.error());
  if ((*answer)[0] == kStreamsFull) {
    return fail(Code::unavailable, std::format("{} takes no more streams now", address),
                "try again");
  }
  if ((*answer)[0] != kStreamVersion) {
    return fail(Code::unsupported, std::format("{} speaks another version of streams", address),
                "the machines run different versions of Ployz");
  }
  return std::make_unique<Dialed>(*this, std::move(fd), address, key, std::move(stop));
}

}  // namespace ployz

#include "drivers/nats/connection.h"

#include <format>
#include <map>
#include <mutex>
#include <thread>

#include <sodium.h>

#include "drivers/nats/answers.h"
#include "drivers/nats/guarded.h"
#include "drivers/nats/handle.h"
#include "drivers/nats/pending_requests.h"

namespace ployz {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int64_t kFlushTimeoutMs = 2000;
// The server's and the library's texts are cut at 256 characters.
constexpr size_t kComparedSubject = 150;

bool names_subject(std::string_view text, std::string_view subject) {
  return text.contains("\"" + std::string(subject.substr(0, kComparedSubject)));
}

std::string random_token() {
  std::array<unsigned char, 12> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, 2 * bytes.size() + 1> text{};
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  return text.data();
}

Error lost() {
  return {Code::timeout,
          Effect::unknown,
          "the connection to the NATS server was lost before its answer",
          {},
          {}};
}

Error denied(std::string_view what) {
  return {
      Code::denied, Effect::none, std::format("the NATS server refused this: {}", what), {}, {}};
}

// A subscription as asked for; the library's own object is made anew on every session.
struct Channel {
  Channel(std::string subject, NatsConnection::MessageHandler handler)
      : subject(std::move(subject)), handler(std::move(handler)) {}
  std::string subject;
  Guarded<NatsMessage> handler;
  NatsSubscriptionHandle attached;  // guarded by routes_mutex
};
using ChannelRef = std::shared_ptr<Channel>;

void on_message(natsConnection*, natsSubscription*, natsMsg* raw, void* closure) {
  const NatsMsgHandle msg(raw);
  (*static_cast<ChannelRef*>(closure))->handler(to_message(msg.get()));
}

void on_complete(void* closure) {
  delete static_cast<ChannelRef*>(closure);
}

// nats-server takes a changed configuration over when a machine comes in or leaves; until it has,
// nobody answers for JetStream. Nothing was done then, so asking again is safe. A store that is
// away is waited for once, by the calls of these first seconds together.
constexpr auto kStoreReload = std::chrono::milliseconds(4000);
constexpr auto kStoreRetry = std::chrono::milliseconds(50);

// A server that takes a configuration over forgets which answers it owes: what was asked in that
// moment is never answered (measured through a leaf: 18 of 400 commands waited in vain when there
// were 18 reloads a second; 3 of some 2,000 when they were asked once more). So it is asked again
// after every silence of RequestPatience. Not sooner than a second as a rule: what a slow line answers
// late is not asked twice.

// A holder of the store that knows no leader is heard before the leader is, above all on its own machine
// (answers.h). So the leader has a moment to answer as well: a slow line's answer is to be had by then,
// and what is not asked again gets more.
constexpr auto kLeaderAnswer = std::chrono::milliseconds(300);
constexpr auto kLeaderChange = std::chrono::milliseconds(1000);

}  // namespace

struct NatsConnection::Impl {
  NatsConfig config;
  std::optional<Nkey> key;
  std::string inbox;  // unique to this object

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> urls;
  bool moving = false;    // the session is of other servers
  NatsSession session;    // null: not connected
  int live_sessions = 0;  // connected and not yet reported closed; -1 for a moment is possible
  Clock::time_point lost_at = Clock::now();
  Error last_error{Code::unavailable, Effect::none, "not yet connected to the NATS server", {}, {}};
  std::optional<Clock::time_point> store_away_since;  // nobody has answered for it since
  bool stopping = false;

  std::mutex routes_mutex;  // taken before `mutex`
  uint64_t next_id = 1;
  std::map<uint64_t, ChannelRef> routes;
  std::map<uint64_t, std::shared_ptr<Guarded<>>> listeners;

  PendingRequests pending;
  std::unique_ptr<Subscription> replies;
  std::jthread keeper;

  void keep_connected();
  Status attach(const NatsSession& to, const ChannelRef& route);
  void serve_session(const NatsSession& connected);
  void refused(std::string_view text);
  // Publishes request `index`; what prevents that settles it.
  void send(PendingRequests::Batch& batch, size_t index, const NatsRequest& request,
            Clock::time_point deadline);
  // One question, asked again as long as nothing is heard; `repeated` when it was.
  Result<NatsMessage> ask_store(NatsRequest request, const RequestPatience& patience,
                                Clock::time_point deadline, bool& repeated);
  // Told of every answer about the store; true: it may be there again in a moment.
  bool may_be_reloading(bool nobody_answered);
  Result<NatsSession> current(Clock::time_point deadline);
  Result<std::unique_ptr<Subscription>> add_route(const std::string& subject,
                                                  MessageHandler handler, bool confirmed);

  static void closed(natsConnection*, void* closure) {
    auto& self = *static_cast<Impl*>(closure);
    const std::lock_guard lock(self.mutex);
    --self.live_sessions;
    self.changed.notify_all();
  }
  static void error(natsConnection* session, natsSubscription*, natsStatus status, void* closure) {
    if (status == NATS_NOT_PERMITTED) {
      static_cast<Impl*>(closure)->refused(last_error_text(session));
    }
  }
};

namespace {

// Ends a route or a listener.
class Registration : public Subscription {
 public:
  explicit Registration(std::function<void()> end) : end_(std::move(end)) {}
  ~Registration() override { end_(); }

 private:
  std::function<void()> end_;
};

}  // namespace

bool NatsConnection::Impl::may_be_reloading(bool nobody_answered) {
  const std::lock_guard lock(mutex);
  if (!nobody_answered) {
    store_away_since.reset();
    return false;
  }
  const auto now = Clock::now();
  if (!store_away_since) store_away_since = now;
  return now - *store_away_since + kStoreRetry < kStoreReload;
}

void NatsConnection::Impl::refused(std::string_view text) {
  const auto named = [&](std::string_view subject) { return names_subject(text, subject); };
  pending.fail_if(named, denied(text));
}

Status NatsConnection::Impl::attach(const NatsSession& to, const ChannelRef& route) {
  natsSubscription* raw = nullptr;
  auto closure = std::make_unique<ChannelRef>(route);  // the library's, until on_complete
  const natsStatus s =
      natsConnection_Subscribe(&raw, to.get(), route->subject.c_str(), on_message, closure.get());
  if (s != NATS_OK) {
    return fail(Code::unavailable,
                std::format("subscribing to {}: {}", route->subject, natsStatus_GetText(s)));
  }
  route->attached.reset(raw);
  // What arrives is bounded elsewhere: replies by requests, feeds by flow control, commands by
  // their senders' timeouts. Dropping silently is what must not happen.
  (void)natsSubscription_SetPendingLimits(raw, -1, -1);
  (void)natsSubscription_SetOnCompleteCB(raw, on_complete, closure.release());
  return {};
}

void NatsConnection::Impl::serve_session(const NatsSession& connected) {
  std::vector<std::shared_ptr<Guarded<>>> told;
  {
    const std::lock_guard routes_lock(routes_mutex);
    for (const auto& [id, route] : routes) (void)attach(connected, route);
    (void)natsConnection_FlushTimeout(connected.get(), kFlushTimeoutMs);
    for (const auto& [id, listener] : listeners) told.push_back(listener);
    const std::lock_guard lock(mutex);
    ++live_sessions;
    session = connected;
    changed.notify_all();
  }
  for (const auto& listener : told) (*listener)();
  std::unique_lock lock(mutex);
  changed.wait(lock, [this] { return stopping || moving || live_sessions <= 0; });
  session.reset();
  lost_at = Clock::now();
  last_error = {Code::unavailable,
                Effect::none,
                "the connection to the NATS server was lost",
                "systemctl status ployz-nats.service",
                {}};
  lock.unlock();
  pending.fail_all(lost());
  natsConnection_Close(connected.get());
  lock.lock();
  changed.wait(lock, [this] { return live_sessions <= 0; });
}

void NatsConnection::Impl::keep_connected() {
  auto wait = config.reconnect_wait;
  const NatsEvents events{&Impl::closed, &Impl::error, this};
  std::unique_lock lock(mutex);
  while (!stopping) {
    NatsConfig to = config;
    to.urls = urls;
    moving = false;
    lock.unlock();
    auto connected = connect_session(to, key ? &*key : nullptr, events);
    if (connected) {
      serve_session(*connected);
      wait = config.reconnect_wait;
    }
    lock.lock();
    if (!connected) last_error = std::move(connected).error();
    if (moving) continue;
    changed.wait_for(lock, wait, [this] { return stopping || moving; });
    wait = std::min(wait * 2, kMaxReconnectWait);
  }
}

Result<NatsSession> NatsConnection::Impl::current(Clock::time_point deadline) {
  std::unique_lock lock(mutex);
  const auto until = std::min(deadline, lost_at + config.connect_grace);
  changed.wait_until(lock, until, [this] {
    return session != nullptr || stopping || last_error.code == Code::denied;
  });
  if (session) return session;
  return fail(last_error);
}

Result<std::unique_ptr<Subscription>> NatsConnection::Impl::add_route(const std::string& subject,
                                                                      MessageHandler handler,
                                                                      bool confirmed) {
  auto route = std::make_shared<Channel>(subject, std::move(handler));
  const std::lock_guard routes_lock(routes_mutex);
  NatsSession now;
  {
    const std::lock_guard lock(mutex);
    now = session;
  }
  if (now && attach(now, route) && confirmed) {
    (void)natsConnection_FlushTimeout(now.get(), kFlushTimeoutMs);
    const std::string text = last_error_text(now.get());
    if (text.contains("Subscription") && names_subject(text, subject)) return fail(denied(text));
  }
  const uint64_t id = next_id++;
  routes[id] = route;
  return std::make_unique<Registration>([this, id, route] {
    route->handler.end();
    const std::lock_guard lock(routes_mutex);
    routes.erase(id);
    route->attached.reset();
  });
}

NatsConnection::NatsConnection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<NatsConnection>> NatsConnection::open(NatsConfig config) {
  TRY(check_urls(config));
  auto impl = std::make_unique<Impl>();
  if (!config.seed.empty()) impl->key = TRY(Nkey::from_seed(config.seed));
  if (config.inbox_prefix.empty()) config.inbox_prefix = "_INBOX";
  impl->inbox = config.inbox_prefix + "." + random_token();
  impl->urls = config.urls;
  impl->config = std::move(config);
  Impl* const raw = impl.get();
  const size_t prefix = impl->inbox.size() + std::string_view(".r.").size();
  impl->replies = TRY(impl->add_route(impl->inbox + ".r.*", [raw, prefix](NatsMessage message) {
    const uint64_t token = std::strtoull(message.subject.c_str() + prefix, nullptr, 10);
    raw->pending.complete(token, std::move(message));
  }, true));
  impl->keeper = std::jthread([raw] { raw->keep_connected(); });
  return std::unique_ptr<NatsConnection>(new NatsConnection(std::move(impl)));
}

NatsConnection::~NatsConnection() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->keeper.join();
  impl_->replies.reset();
}

bool NatsConnection::connected() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->session != nullptr;
}

Status NatsConnection::wait_connected(std::chrono::milliseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait_for(lock, timeout, [this] { return impl_->session != nullptr; });
  if (impl_->session) return {};
  return fail(impl_->last_error);
}

Status NatsConnection::move(std::vector<std::string> urls) {
  NatsConfig to;
  to.urls = urls;
  TRY(check_urls(to));
  const std::lock_guard lock(impl_->mutex);
  if (impl_->urls == urls) return {};
  impl_->urls = std::move(urls);
  impl_->moving = true;
  impl_->session.reset();  // nothing is sent there any more; the keeper closes it
  impl_->lost_at = Clock::now();
  impl_->changed.notify_all();
  return {};
}

void NatsConnection::Impl::send(PendingRequests::Batch& batch, size_t index,
                                const NatsRequest& request, Clock::time_point deadline) {
  const uint64_t token = batch.expect(index, request.subject);
  const auto session = current(deadline);
  const Status sent = session
                          ? publish_on(*session, request, std::format("{}.r.{}", inbox, token))
                          : Status(std::unexpected(session.error()));
  if (!sent) batch.settle(index, std::unexpected(sent.error()));
}

Result<NatsMessage> NatsConnection::Impl::ask_store(NatsRequest request,
                                                    const RequestPatience& patience,
                                                    Clock::time_point deadline, bool& repeated) {
  using Heard = PendingRequests::Batch::Heard;
  const auto began = Clock::now();
  const bool repeatable = may_repeat(request.subject);
  PendingRequests::Batch batch(pending, 1, knows_no_leader);
  send(batch, 0, request, deadline);
  while (true) {
    const auto again = repeatable ? std::min(Clock::now() + patience.silence, deadline) : deadline;
    const Heard heard = batch.wait_heard(0, again);
    if (heard == Heard::passed) {
      const auto moment = repeatable ? kLeaderAnswer : kLeaderChange;
      if (batch.wait_settled(std::min(Clock::now() + moment, deadline))) break;
      // It may have arrived all the same, and be answered too late.
      repeated |= is_write(request.subject);
      return fail(no_leader(request.subject));
    }
    if (heard == Heard::settled || again >= deadline) break;
    repeated = true;
    if (patience.again) request = patience.again();
    send(batch, 0, request, deadline);
  }
  const auto limit = std::chrono::round<std::chrono::milliseconds>(deadline - began);
  return understood(std::move(batch.wait(deadline, no_answer(limit)).front()), request.subject);
}

Result<NatsMessage> NatsConnection::request(const NatsRequest& request,
                                            const RequestPatience& patience) {
  const auto limit = impl_->config.request_timeout;
  if (!asks_store(request.subject))
    return std::move(request_all(std::span(&request, 1), limit).front());
  const auto deadline = Clock::now() + limit;
  bool repeated = false;
  while (true) {
    auto reply = impl_->ask_store(request, patience, deadline, repeated);
    const bool nobody = !reply && reply.error().code == Code::unavailable &&
                        reply.error().effect == Effect::none && connected();
    if (impl_->may_be_reloading(nobody) && Clock::now() + kStoreRetry <= deadline) {
      std::this_thread::sleep_for(kStoreRetry);
      continue;
    }
    if (!repeated) return reply;
    // Whatever the last one met, an earlier one may have arrived.
    if (reply)
      reply->repeated = true;
    else
      reply.error().effect = Effect::unknown;
    return reply;
  }
}

std::vector<Result<NatsMessage>> NatsConnection::request_all(std::span<const NatsRequest> requests,
                                                             std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  PendingRequests::Batch batch(impl_->pending, requests.size());
  for (size_t i = 0; i < requests.size(); ++i) impl_->send(batch, i, requests[i], deadline);
  auto replies = batch.wait(deadline, no_answer(timeout));
  for (size_t i = 0; i < requests.size(); ++i) {
    replies[i] = understood(std::move(replies[i]), requests[i].subject);
  }
  return replies;
}

Status NatsConnection::publish(const NatsRequest& message) {
  const auto session = TRY(impl_->current(Clock::now() + impl_->config.request_timeout));
  return publish_on(session, message, {});
}

Result<std::unique_ptr<Subscription>> NatsConnection::subscribe(const std::string& subject,
                                                                MessageHandler handler,
                                                                bool confirmed) {
  return impl_->add_route(subject, std::move(handler), confirmed);
}

std::unique_ptr<Subscription> NatsConnection::on_connect(std::function<void()> handler) {
  auto listener = std::make_shared<Guarded<>>(std::move(handler));
  const std::lock_guard lock(impl_->routes_mutex);
  const uint64_t id = impl_->next_id++;
  impl_->listeners[id] = listener;
  return std::make_unique<Registration>([impl = impl_.get(), id, listener] {
    listener->end();
    const std::lock_guard guard(impl->routes_mutex);
    impl->listeners.erase(id);
  });
}

std::string NatsConnection::new_inbox() {
  const std::lock_guard lock(impl_->routes_mutex);
  return std::format("{}.f.{}", impl_->inbox, impl_->next_id++);
}

const NatsConfig& NatsConnection::config() const {
  return impl_->config;
}

}  // namespace ployz

#include "drivers/nats/feed.h"

#include <algorithm>
#include <format>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/check.h"
#include "drivers/nats/mailbox.h"

namespace ployz {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The server says "nothing new" this often; three times missed means the consumer is gone.
constexpr milliseconds kHeartbeat{1000};
constexpr milliseconds kSilence{3500};
// The server drops a consumer whose reader vanished after this.
constexpr milliseconds kInactive{5000};
// Where a store of several machines has a consumer is drawn among those that hold the store, and a
// machine that vanished counts for minutes (nats-server's createGroupForConsumer and nodeInfo.offline;
// measured: of three with one cut off, every third consumer never answered). So after this long without
// an answer another one is made as well, and the first that answers is read; what nobody reads ends by
// itself.
constexpr milliseconds kCreation{400};
// A reading of the present begins with its first message, or with the word that there is none. When
// that does not come, a reload of the server took the consumer's way to us (connection.cc); so a new
// consumer is made, with double the patience each time.
constexpr milliseconds kFirstPatience{1000};
constexpr milliseconds kFirstRetry{100};
constexpr milliseconds kLastRetry{2000};

int64_t nanoseconds(milliseconds duration) {
  return std::chrono::nanoseconds(duration).count();
}

Json consumer_request(const FeedSource& source, const std::string& name, const std::string& inbox) {
  Json request = {{"stream_name", source.stream},
          {"config",
           {{"name", name},
            {"deliver_subject", inbox},
            {"deliver_policy", source.newest_only ? "last_per_subject" : "all"},
            {"ack_policy", "none"},
            {"max_deliver", 1},
            {"replay_policy", "instant"},
            {"flow_control", true},
            {"idle_heartbeat", nanoseconds(kHeartbeat)},
            {"inactive_threshold", nanoseconds(kInactive)},
            {"num_replicas", 1},
            {"mem_storage", true}}}};
  if (!source.filter.empty()) request["config"]["filter_subject"] = source.filter;
  return request;
}

std::string consumer_call(const FeedSource& source, const std::string& name) {
  return std::format("CONSUMER.CREATE.{}.{}{}{}", source.stream, name,
                     source.filter.empty() ? "" : ".", source.filter);
}

class Feed {
 public:
  Feed(NatsConnection& connection, FeedSource source, FeedHandlers handlers)
      : connection_(connection), source_(std::move(source)), handlers_(std::move(handlers)) {}

  // Makes a new consumer; the reading continues after what was delivered.
  Status start() {
    consumer_sequence_ = 0;
    take(nullptr);
    std::vector<std::unique_ptr<Consumer>> made;
    made.push_back(TRY(prepare(true)));
    const auto another = [&]() -> NatsRequest {
      // Whether it may be listened to was said of the first.
      if (auto more = prepare(false)) made.push_back(std::move(*more));
      return creation_of(*made.back());
    };
    const NatsRequest first = creation_of(*made.back());
    const Json answer = TRY(jetstream::ask(connection_, first, {kCreation, another}));
    const std::string name = TRY(get_string(answer, "name"));
    const auto answered = std::ranges::find(made, name, [](const auto& each) { return each->name; });
    if (answered == made.end()) return fail(Code::corrupt, "another consumer than those asked for: " + name);
    const auto delivered = get_object(answer, "delivered");
    const uint64_t begun = delivered ? get_uint_or(*delivered, "consumer_seq", 0).value_or(0) : 0;
    nothing_there_ = get_uint_or(answer, "num_pending", 1).value_or(1) + begun == 0;
    take(std::move(*answered));
    return {};
  }

  // Handles one message. False: the consumer is lost, or `interrupt` was called.
  bool step(milliseconds patience) {
    if (std::exchange(nothing_there_, false)) {
      caught_up();
      return true;
    }
    const auto message = consumer_->mailbox.take(patience);
    if (!message) return false;
    if (!message->header("Status").empty()) return on_protocol(*message);
    const auto delivery = jetstream::parse_delivery(message->reply);
    if (!delivery || delivery->consumer_sequence != consumer_sequence_ + 1) return false;
    consumer_sequence_ = delivery->consumer_sequence;
    if (delivery->stream_sequence > last_sequence_) {
      last_sequence_ = delivery->stream_sequence;
      handlers_.on_message({delivery->stream_sequence, std::move(message->subject),
                            std::move(message->data), std::move(message->headers)});
    }
    if (delivery->pending == 0) caught_up();
    return true;
  }

  void interrupt() {
    const std::lock_guard lock(mutex_);
    if (consumer_) consumer_->mailbox.interrupt();
  }
  [[nodiscard]] bool is_caught_up() const { return caught_up_; }

 private:
  // One that was asked for, and where its messages come.
  struct Consumer {
    std::string name;
    std::string inbox;
    Mailbox mailbox;
    std::unique_ptr<Subscription> subscription;  // after the mailbox: it writes there
  };

  Result<std::unique_ptr<Consumer>> prepare(bool confirmed) {
    auto consumer = std::make_unique<Consumer>();
    consumer->inbox = connection_.new_inbox();
    consumer->name = consumer->inbox;  // unique, and says whose it is
    std::ranges::replace(consumer->name, '.', '_');
    Mailbox& mailbox = consumer->mailbox;
    consumer->subscription = TRY(connection_.subscribe(
        consumer->inbox, [&mailbox](NatsMessage message) { mailbox.put(std::move(message)); },
        confirmed));
    return consumer;
  }

  NatsRequest creation_of(const Consumer& consumer) const {
    return jetstream::api_request(connection_.config().domain, consumer_call(source_, consumer.name),
                                  consumer_request(source_, consumer.name, consumer.inbox));
  }

  void take(std::unique_ptr<Consumer> consumer) {
    std::unique_ptr<Consumer> former;  // ends without the lock: its handler may be running
    const std::lock_guard lock(mutex_);
    former = std::exchange(consumer_, std::move(consumer));
  }

  void caught_up() {
    if (caught_up_) return;
    caught_up_ = true;
    if (handlers_.on_caught_up) handlers_.on_caught_up();
  }

  // Status 100: a heartbeat, or a request to say how far we are. Anything else ends the consumer.
  bool on_protocol(const NatsMessage& message) {
    if (message.header("Status") != "100") return false;
    if (!message.reply.empty()) {  // flow control: answered in turn, after what preceded it
      (void)connection_.publish({message.reply, {}, {}});
      return true;
    }
    if (const auto stalled = message.header("Nats-Consumer-Stalled"); !stalled.empty()) {
      (void)connection_.publish({std::string(stalled), {}, {}});
    }
    const std::string last(message.header("Nats-Last-Consumer"));
    if (!last.empty() && std::strtoull(last.c_str(), nullptr, 10) != consumer_sequence_) {
      return false;
    }
    // Sent only when there is nothing left to deliver.
    caught_up();
    return true;
  }

  NatsConnection& connection_;
  FeedSource source_;
  FeedHandlers handlers_;
  uint64_t consumer_sequence_ = 0;
  uint64_t last_sequence_ = 0;
  bool nothing_there_ = false;  // as the new consumer said; told by the next step
  bool caught_up_ = false;
  std::mutex mutex_;
  std::unique_ptr<Consumer> consumer_;  // replaced on the reading thread, with the mutex held
};

class Follower : public Subscription {
 public:
  Follower(NatsConnection& connection, FeedSource source, FeedHandlers handlers)
      : feed_(connection, std::move(source), std::move(handlers)) {
    on_connect_ = connection.on_connect([this] { feed_.interrupt(); });
  }

  ~Follower() override {
    on_connect_.reset();
    thread_.request_stop();
    feed_.interrupt();
    wake_.notify_all();
    check(thread_.get_id() != std::this_thread::get_id(),
          "a feed is not ended by its own callback");
  }

  Status start() {
    Status first = feed_.start();
    if (!first && (first.error().code == Code::denied || first.error().code == Code::invalid)) {
      return first;
    }
    thread_ = std::jthread(
        [this, ok = first.has_value()](const std::stop_token& stop) { run(stop, ok); });
    return {};
  }

 private:
  void run(const std::stop_token& stop, bool started) {
    milliseconds wait = kFirstRetry;
    while (!stop.stop_requested()) {
      while (started && !stop.stop_requested() && feed_.step(kSilence)) wait = kFirstRetry;
      if (stop.stop_requested()) return;
      started = feed_.start().has_value();
      if (started) continue;
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, wait, [] { return false; });
      wait = std::min(wait * 2, kLastRetry);
    }
  }

  Feed feed_;
  std::unique_ptr<Subscription> on_connect_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

Result<std::unique_ptr<Subscription>> follow_feed(NatsConnection& connection, FeedSource source,
                                                  FeedHandlers handlers) {
  auto follower = std::make_unique<Follower>(connection, std::move(source), std::move(handlers));
  TRY(follower->start());
  return follower;
}

Status read_feed(NatsConnection& connection, FeedSource source,
                 const std::function<void(jetstream::Message)>& on_message) {
  Feed feed(connection, std::move(source), {on_message, {}});
  const milliseconds limit = connection.config().request_timeout;
  auto give_up = Clock::now() + limit;
  for (milliseconds patience = kFirstPatience;; patience = std::min(2 * patience, limit)) {
    if (Status started = feed.start(); !started) {
      Error error = std::move(started).error();
      error.effect = Effect::none;  // a consumer that may be left expires by itself
      return fail(std::move(error));
    }
    while (!feed.is_caught_up()) {
      const auto left = std::chrono::ceil<milliseconds>(give_up - Clock::now());
      if (left.count() <= 0) return fail(Code::timeout, "reading the store was cut short");
      if (!feed.step(std::min(patience, left))) break;
      give_up = Clock::now() + limit;
    }
    if (feed.is_caught_up()) return {};
  }
}

}  // namespace ployz

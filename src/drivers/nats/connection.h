// One connection to this machine's NATS server, shared by the commit log, the records and the RPC.
// It reconnects for ever by itself; what was asked of it meanwhile fails rather than waits in a
// queue.
//
// Errors of every call (ports/control_store.h):
// - `unavailable`, effect none: not connected, or nobody listens on the subject (answered in about
//   a millisecond). A call made within `connect_grace` of losing the connection waits that long for
//   a new one first, so that a restart of the server is not an error.
// - `denied`, effect none: the server refused the credentials, or the subject to this user.
// - `timeout`, effect unknown: no answer, or the connection was lost before it.
// - `invalid`, effect none: larger than the server accepts.
//
// Why not cnats's own reconnect: it keeps what is published meanwhile and sends it later, which
// makes "effect none" a lie, and it gives up for good after two refused log-ins.
//
// Threading: every method may be called from any thread. Callbacks run on threads of the
// connection, one per subscription. The connection outlives its subscriptions.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/nats/message.h"
#include "ports/control_store.h"

namespace ployz {

// Of `request` and `request_all`: there is nobody on the subject, as opposed to no connection.
[[nodiscard]] bool nobody_listens(const Error& error);

struct NatsConfig {
  std::vector<std::string> urls{"nats://127.0.0.1:4222"};
  std::string seed;              // nkey "SU…"; empty: no credentials
  std::string name;              // what the server's log calls this client
  std::string inbox_prefix;      // this user's own (server_config.h), "_INBOX.<machine>.daemon"
  std::string domain = "ployz";  // "$JS.<domain>.API.": of the store, as clients name it
  std::chrono::milliseconds request_timeout{5000};
  std::chrono::milliseconds connect_grace{2000};
  std::chrono::milliseconds reconnect_wait{50};  // doubles up to kMaxReconnectWait
};
inline constexpr std::chrono::milliseconds kMaxReconnectWait{1000};

// How a request to the store waits for its answer. A store that has no server or no leader at the moment
// is waited for as well; what may be repeated is, and the first answer counts, to whichever of them.
struct RequestPatience {
  std::chrono::milliseconds silence{1000};  // after which it is asked again
  std::function<NatsRequest()> again;       // what is asked then; none: the same
};

class NatsConnection {
 public:
  // Returns at once, connected or not; `invalid` for a seed or URL that does not parse.
  [[nodiscard]] static Result<std::unique_ptr<NatsConnection>> open(NatsConfig config);
  ~NatsConnection();
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;

  [[nodiscard]] bool connected() const;
  // Returns early when connected; otherwise the error of the last attempt.
  [[nodiscard]] Status wait_connected(std::chrono::milliseconds timeout);

  // From now on to these servers: the session ends as if it were lost, subscriptions and all else go on
  // there. For a store that has moved: users and keys are the same. `invalid`: one does not parse.
  [[nodiscard]] Status move(std::vector<std::string> urls);

  // Request and reply.
  [[nodiscard]] Result<NatsMessage> request(const NatsRequest& request,
                                            const RequestPatience& patience = {});
  // All are sent, then all replies are gathered, in the order of the requests.
  [[nodiscard]] std::vector<Result<NatsMessage>> request_all(std::span<const NatsRequest> requests,
                                                             std::chrono::milliseconds timeout);
  // Without an answer: success says only that it was handed to the connection.
  [[nodiscard]] Status publish(const NatsRequest& message);

  using MessageHandler = std::function<void(NatsMessage)>;
  // Lasts over reconnects (messages of the gap are lost). `denied` when the server refuses it now;
  // a server that is away is not an error. The handler must not block for long. Not `confirmed`: returns
  // at once, and a refusal is not noticed.
  [[nodiscard]] Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject,
                                                                MessageHandler handler,
                                                                bool confirmed = true);
  // Called after every connect, from the next on, when all subscriptions are in place again.
  [[nodiscard]] std::unique_ptr<Subscription> on_connect(std::function<void()> handler);

  // A subject nobody else knows, below this user's inbox prefix.
  [[nodiscard]] std::string new_inbox();
  // Its `urls` are the first ones.
  [[nodiscard]] const NatsConfig& config() const;

 private:
  struct Impl;
  explicit NatsConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ployz

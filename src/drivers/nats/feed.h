// An ordered reading of a stream: the newest message of every subject, then everything that
// follows, in stream order. Its consumer lives in the server's memory; whenever it is lost (the
// server restarted, a message went missing, silence), a new one is made and what was delivered
// already is skipped: every subject's newest message is always delivered, older ones may not be.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/nats/jetstream.h"
#include "ports/control_store.h"

namespace ployz {

struct FeedSource {
  std::string stream;
  std::string filter;       // subject, with wildcards; empty: all
  bool newest_only = true;  // false: the whole history of the subjects
};

struct FeedHandlers {
  std::function<void(jetstream::Message)> on_message;
  std::function<void()> on_caught_up;  // once, when the present is complete
};

// Reads until the Subscription ends, on a thread of its own. Fails only where the first attempt to
// create the consumer is refused for good (`denied`, `invalid`); a server that is away is not an
// error.
[[nodiscard]] Result<std::unique_ptr<Subscription>> follow_feed(NatsConnection& connection,
                                                                FeedSource source,
                                                                FeedHandlers handlers);

// Reads the present and returns. Bounded: `timeout` (effect none) unless something arrives in every
// request timeout of the connection.
[[nodiscard]] Status read_feed(NatsConnection& connection, FeedSource source,
                               const std::function<void(jetstream::Message)>& on_message);

}  // namespace ployz

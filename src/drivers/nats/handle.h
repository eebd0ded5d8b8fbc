// The client library's objects with owners, and its status values as errors. Private to this
// folder: nobody else includes nats.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nats/nats.h>

#include "base/nkey.h"
#include "base/result.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/message.h"

namespace ployz {

template <auto Destroy>
struct NatsDelete {
  template <class T>
  void operator()(T* object) const {
    Destroy(object);
  }
};
using NatsOptionsHandle = std::unique_ptr<natsOptions, NatsDelete<&natsOptions_Destroy>>;
using NatsMsgHandle = std::unique_ptr<natsMsg, NatsDelete<&natsMsg_Destroy>>;
using NatsSubscriptionHandle =
    std::unique_ptr<natsSubscription, NatsDelete<&natsSubscription_Destroy>>;
using NatsSession = std::shared_ptr<natsConnection>;

struct NatsEvents {
  natsConnectionHandler closed;  // exactly once for every session that was connected
  natsErrHandler error;
  void* closure;
};

// One attempt to connect, without reconnects. `key` must outlive the session.
[[nodiscard]] Result<NatsSession> connect_session(const NatsConfig& config, const Nkey* key,
                                                  const NatsEvents& events);
// Whether the URLs of the configuration parse.
[[nodiscard]] Status check_urls(const NatsConfig& config);

[[nodiscard]] NatsMessage to_message(natsMsg* msg);
// Hands the message to the session; `reply` empty: none is expected.
[[nodiscard]] Status publish_on(const NatsSession& session, const NatsRequest& message,
                                const std::string& reply);
// The last error text of the session, such as 'Permissions Violation for Publish to "x"'.
[[nodiscard]] std::string last_error_text(natsConnection* session);

}  // namespace ployz

// The few JetStream calls Ployz needs, on the wire protocol itself (docs.nats.io, "NATS API
// Reference"): cnats's own context hides which error means what, and has no compare-and-set
// removal. Reads are answered by the stream's leader, so a read sees every write acknowledged
// before it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "drivers/nats/connection.h"

namespace ployz::jetstream {

// Error codes of nats-server (server/errors.json) that we branch on; in Error::context "err_code".
inline constexpr uint64_t kWrongLastSequence = 10071;
inline constexpr uint64_t kNoMessage = 10037;
inline constexpr uint64_t kNoStream = 10059;
inline constexpr uint64_t kStreamExists = 10058;

struct Message {
  uint64_t sequence = 0;
  std::string subject;
  std::string data;
  NatsHeaders headers;

  [[nodiscard]] std::string_view header(std::string_view key) const;
};

// One call of the JetStream API: "STREAM.INFO.COMMITS". The answer without its error; an error has
// effect none, except a timeout, or a change that a leader may have heard of.
[[nodiscard]] Result<Json> api(NatsConnection& connection, std::string_view call,
                               const Json& request);
// The same of another JetStream domain than the connection's.
[[nodiscard]] Result<Json> api_of(NatsConnection& connection, std::string_view domain,
                                  std::string_view call, const Json& request);
// The same in two halves. `ask` stores a message as well, as it is, under no expectation but those of
// its headers.
[[nodiscard]] NatsRequest api_request(std::string_view domain, std::string_view call,
                                      const Json& request);
[[nodiscard]] Result<Json> ask(NatsConnection& connection, const NatsRequest& request,
                               const RequestPatience& patience = {});
// The server's error code, 0 when the error is not the server's.
[[nodiscard]] uint64_t err_code(const Error& error);

// Stores a message if the subject's newest sequence is `expected` (0: has none); returns its
// sequence once it is on disk. `conflict`, effect none: it is not. A record ("$KV.…") is sent by
// way of the domain's API: a leaf node keeps the plain subject to itself (2.10), and the store's
// account is reached by no other.
[[nodiscard]] Result<uint64_t> append(NatsConnection& connection, NatsRequest message,
                                      uint64_t expected);
// Nullopt: none. Effect of errors: none.
[[nodiscard]] Result<std::optional<Message>> last(NatsConnection& connection,
                                                  std::string_view stream,
                                                  std::string_view subject);
[[nodiscard]] Result<std::optional<Message>> at(NatsConnection& connection, std::string_view stream,
                                                uint64_t sequence);

// The answer of STREAM.MSG.GET. `invalid`, `corrupt`: it is none.
[[nodiscard]] Result<Message> parse_message(const Json& answer);

// What the server puts into the reply subject of every message a consumer delivers.
struct Delivery {
  uint64_t stream_sequence = 0;
  uint64_t consumer_sequence = 0;
  uint64_t pending = 0;  // messages of the consumer after this one
};
[[nodiscard]] std::optional<Delivery> parse_delivery(std::string_view reply_subject);
// "NATS/1.0\r\nKey: value\r\n\r\n".
[[nodiscard]] NatsHeaders parse_headers(std::string_view bytes);

}  // namespace ployz::jetstream

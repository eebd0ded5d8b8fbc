// What may be asked of the store a second time, and what an answer to a request means. Pure.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "drivers/nats/message.h"

namespace ployz {

// Asked of JetStream, as opposed to a machine.
[[nodiscard]] bool asks_store(std::string_view subject);
// A commit or a record. It carries what it expects, so that of several at most one arrives
// (jetstream::append).
[[nodiscard]] bool is_write(std::string_view subject);
// Besides writes, what changes nothing, and a consumer: made twice it is one, as its name and
// configuration are the same.
[[nodiscard]] bool may_repeat(std::string_view subject);

// JSClusterNotAvailErr of nats-server's errors.json: a holder of the store that knows no leader (it was
// cut off until now, or starts) answers so for whatever it hears, beside the leader, and does nothing.
[[nodiscard]] bool knows_no_leader(const NatsMessage& answer);

// The errors. Of a change that may not be repeated the effect is unknown: a leader may have heard of it.
[[nodiscard]] Error no_leader(const std::string& subject);
[[nodiscard]] Error no_answer(std::chrono::milliseconds limit);
// The answer, or the error it stands for: of the store in an operator's words, the subject in the context.
[[nodiscard]] Result<NatsMessage> understood(Result<NatsMessage> reply, const std::string& subject);

// Where the bytes of a restored stream go, of the answer to STREAM.RESTORE. The machine that leads the new
// stream takes them; when it dies first, the next leader answers as if an empty stream had been asked for
// (processStreamLeaderChange of nats-server 2.10; one of 230 moves with kills met it): `unavailable`.
// `corrupt`: neither.
[[nodiscard]] Result<std::string> restore_subject(const Json& answer);

}  // namespace ployz

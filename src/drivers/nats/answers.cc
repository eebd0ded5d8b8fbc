#include "drivers/nats/answers.h"

#include <format>

#include "drivers/nats/connection.h"

namespace ployz {
namespace {

// Nothing but an error has these bytes: in JSON a client's quotes are escaped.
constexpr std::string_view kNoLeader = R"("err_code":10008)";
constexpr size_t kLongestRefusal = 400;
constexpr std::string_view kNobodyListens = "nobody listens on";
constexpr std::string_view kNoAnswer = "no answer";

// What an operator reads when JetStream is away, instead of the subject that was asked: that stays
// in the context. Without a connection of our own the error says so already.
Error told_of_store(Error error, std::string_view subject) {
  if (!asks_store(subject) || (error.code != Code::timeout && error.code != Code::unavailable))
    return error;
  if (error.message.starts_with(kNoAnswer))
    error.message = "the store gave " + error.message;
  else if (nobody_listens(error))
    error.message = "the store cannot be reached";
  if (error.hint.empty())
    error.hint = "is its machine up, and reachable from this one? what runs goes on without it";
  return error;
}

}  // namespace

bool asks_store(std::string_view subject) {
  return subject.starts_with("$JS.") || subject.starts_with("ployz.commit.") ||
         subject == "ployz.epoch" || subject.starts_with("ployz.frozen.");
}

bool is_write(std::string_view subject) {
  return subject.starts_with("ployz.commit.") || subject.contains(".API.$KV.");
}

bool may_repeat(std::string_view subject) {
  return is_write(subject) || subject.contains(".API.STREAM.INFO.") ||
         subject.contains(".API.STREAM.MSG.GET.") || subject.contains(".API.CONSUMER.CREATE.");
}

bool knows_no_leader(const NatsMessage& answer) {
  return answer.data.size() < kLongestRefusal && answer.data.contains(kNoLeader);
}

Error no_leader(const std::string& subject) {
  return {Code::unavailable,
          may_repeat(subject) ? Effect::none : Effect::unknown,
          "too few of the machines that hold the store hear each other",
          "once they do, this goes on; what runs goes on without it",
          {{"subject", subject}, {"err_code", "10008"}}};
}

Error no_answer(std::chrono::milliseconds limit) {
  return {Code::timeout, Effect::unknown, std::format("{} within {} ms", kNoAnswer, limit.count()), {}, {}};
}

Result<NatsMessage> understood(Result<NatsMessage> reply, const std::string& subject) {
  if (!reply) return fail(told_of_store(std::move(reply).error().with("subject", subject), subject));
  if (reply->header("Status") != "503") return reply;
  return fail(told_of_store({Code::unavailable,
                             Effect::none,
                             std::format("{} {}", kNobodyListens, subject),
                             {},
                             {{"subject", subject}}},
                            subject));
}

bool nobody_listens(const Error& error) {
  return error.code == Code::unavailable && error.message.starts_with(kNobodyListens);
}

Result<std::string> restore_subject(const Json& answer) {
  auto subject = get_string(answer, "deliver_subject");
  if (subject) return subject;
  if (!answer.contains("config")) {
    return fail(Code::corrupt, "the store does not say where a copy goes");
  }
  return fail(Code::unavailable, "the machine that was to take the copy ended before it came",
              "give the command again");
}

}  // namespace ployz

#include "drivers/nats/jetstream.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <thread>

#include <sodium.h>

#include "drivers/nats/streams.h"

namespace ployz::jetstream {
namespace {

// The message was not stored for certain: a write to disk failed half-way.
constexpr uint64_t kStoreFailed = 10077;
constexpr uint64_t kRestoredBefore = 10130;
constexpr auto kFrozenRetry = std::chrono::milliseconds(50);
constexpr uint64_t kWrongLastSequenceConstant = 10164;  // what newer servers say

Error api_error(const Json& error, std::string_view call) {
  const uint64_t code = get_uint_or(error, "err_code", 0).value_or(0);
  const uint64_t status = get_uint_or(error, "code", 0).value_or(0);
  const std::string description = get_string_or(error, "description", "").value_or("");
  Error result;
  result.message = std::format("{}: {}", call, description.empty() ? "refused" : description);
  result.code = status == 503 || status == 500 ? Code::unavailable : Code::internal;
  if (status == 400) result.code = Code::invalid;
  if (status == 404) result.code = Code::not_found;
  if (code == kWrongLastSequence || code == kWrongLastSequenceConstant)
    result.code = Code::conflict;
  if (code == kStreamExists || code == kRestoredBefore) result.code = Code::exists;
  if (code == kNoStream) {
    result.code = Code::unavailable;
    result.hint = "the control-plane store has not been created";
  }
  if (code == kStoreFailed) {
    result.code = Code::unavailable;
    result.effect = Effect::unknown;
  }
  return std::move(result).with("err_code", std::to_string(code));
}

Result<Json> parse_answer(const NatsMessage& reply, std::string_view call) {
  auto json = parse_json(reply.data);
  if (!json || !json->is_object()) {
    return fail(Code::corrupt, std::format("{}: the NATS server's answer does not parse", call), {},
                Effect::unknown);
  }
  if (const auto error = json->find("error"); error != json->end()) {
    return fail(api_error(*error, call));
  }
  return std::move(*json);
}

// A read that got no answer changed nothing.
Error without_effect(Error error) {
  error.effect = Effect::none;
  return error;
}

Result<std::string> decode_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return fail(Code::corrupt, "a stored message is not base64");
  }
  bytes.resize(length);
  return bytes;
}

Result<std::optional<Message>> get_message(NatsConnection& connection, std::string_view stream,
                                           const Json& which) {
  auto answer = api(connection, std::format("STREAM.MSG.GET.{}", stream), which);
  if (!answer) {
    if (err_code(answer.error()) == kNoMessage) return std::nullopt;
    return fail(without_effect(std::move(answer).error()));
  }
  auto message = parse_message(*answer);
  if (!message) return fail(Error{Code::corrupt, Effect::none, message.error().message, {}, {}});
  return std::move(*message);
}

// Says which write a message is of, to whoever made it.
constexpr auto kMarkHeader = "Ployz-Write";

std::string random_mark() {
  uint64_t number = 0;
  randombytes_buf(&number, sizeof number);
  return std::format("{:016x}", number);
}

// "$KV.leases.x" → "KV_leases".
std::string stream_of(std::string_view subject) {
  if (!subject.starts_with("$KV.")) return std::string(kCommitStream);
  const auto bucket = subject.substr(4, subject.find('.', 4) - 4);
  return std::format("KV_{}", bucket);
}

// A write that was sent more than once is refused: by itself, when the subject's newest message is
// it. Otherwise it may have arrived and have been followed by another one.
Result<uint64_t> find_own(NatsConnection& connection, const std::string& subject,
                          std::string_view mark) {
  const auto newest = get_message(connection, stream_of(subject), {{"last_by_subj", subject}});
  if (newest && *newest && (*newest)->header(kMarkHeader) == mark) return (*newest)->sequence;
  return fail(Code::timeout, std::format("{}: no answer to the first of several tries", subject),
              {}, Effect::unknown);
}

}  // namespace

Result<Message> parse_message(const Json& answer) {
  const auto field = answer.find("message");
  if (field == answer.end()) return fail(Code::corrupt, "STREAM.MSG.GET: no message in the answer");
  Message message;
  message.sequence = TRY(get_uint(*field, "seq"));
  message.subject = TRY(get_string(*field, "subject"));
  // Left out when empty. By reference: it may be 9 MB of text.
  if (const auto data = field->find("data"); data != field->end() && data->is_string()) {
    message.data = TRY(decode_base64(data->get_ref<const std::string&>()));
  }
  const std::string headers = TRY(get_string_or(*field, "hdrs", ""));
  message.headers = parse_headers(TRY(decode_base64(headers)));
  return message;
}

std::string_view Message::header(std::string_view key) const {
  for (const auto& [name, value] : headers) {
    if (name == key) return value;
  }
  return {};
}

NatsRequest api_request(std::string_view domain, std::string_view call, const Json& request) {
  return {std::format("$JS.{}.API.{}", domain, call), request.is_null() ? "" : to_text(request), {}};
}

Result<Json> api_of(NatsConnection& connection, std::string_view domain, std::string_view call,
                    const Json& request) {
  return ask(connection, api_request(domain, call, request));
}

Result<Json> api(NatsConnection& connection, std::string_view call, const Json& request) {
  return api_of(connection, connection.config().domain, call, request);
}

uint64_t err_code(const Error& error) {
  for (const Context& entry : error.context) {
    if (entry.key == "err_code") return std::strtoull(entry.value.c_str(), nullptr, 10);
  }
  return 0;
}

Result<Json> ask(NatsConnection& connection, const NatsRequest& request,
                 const RequestPatience& patience) {
  constexpr std::string_view kCalls = ".API.";
  auto reply = connection.request(request, patience);
  if (!reply) return fail(std::move(reply).error());
  std::string_view asked = request.subject;
  if (const size_t calls = asked.find(kCalls); calls != std::string_view::npos) {
    asked.remove_prefix(calls + kCalls.size());
  }
  return parse_answer(*reply, asked);
}

namespace {

// Nobody listens where a frozen stream was written to, and nobody does where there is no store at all.
bool is_frozen_now(NatsConnection& connection, std::string_view subject) {
  const auto info = api(connection, "STREAM.INFO." + stream_of(subject), Json());
  const auto config = info ? get_object(*info, "config") : Result<Json>(Json());
  return config && is_frozen(*config);
}

Result<uint64_t> append_once(NatsConnection& connection, NatsRequest message, uint64_t expected) {
  const std::string mark = random_mark();
  message.headers.emplace_back(kMarkHeader, mark);
  message.headers.emplace_back("Nats-Expected-Last-Subject-Sequence", std::to_string(expected));
  const std::string subject = message.subject;
  if (subject.starts_with("$KV.")) {
    message.subject = std::format("$JS.{}.API.{}", connection.config().domain, subject);
  }
  auto reply = connection.request(message);
  if (!reply) return fail(std::move(reply).error());
  const auto answered = parse_answer(*reply, subject);
  if (!answered && answered.error().code == Code::conflict && reply->repeated) {
    return find_own(connection, subject, mark);
  }
  const Json answer = TRY(Result<Json>(answered));
  const auto sequence = get_uint(answer, "seq");
  if (!sequence) {
    return fail(Code::corrupt, std::format("{}: not a JetStream acknowledgement", subject), {},
                Effect::unknown);
  }
  return *sequence;
}

}  // namespace

// A store that moves takes no writes for a moment, and the connection moves with it: as with a restart
// of the server, that is waited for.
Result<uint64_t> append(NatsConnection& connection, NatsRequest message, uint64_t expected) {
  const auto until = std::chrono::steady_clock::now() + connection.config().request_timeout;
  while (true) {
    auto appended = append_once(connection, message, expected);
    if (appended || appended.error().code != Code::unavailable ||
        appended.error().effect != Effect::none || !is_frozen_now(connection, message.subject)) {
      return appended;
    }
    if (std::chrono::steady_clock::now() + kFrozenRetry >= until) {
      Error error = std::move(appended).error();
      error.message = "the store takes no writes: it is being moved to other machines";
      error.hint = "try again in a moment; what runs goes on";
      return fail(std::move(error));
    }
    std::this_thread::sleep_for(kFrozenRetry);
  }
}

Result<std::optional<Message>> last(NatsConnection& connection, std::string_view stream,
                                    std::string_view subject) {
  return get_message(connection, stream, {{"last_by_subj", subject}});
}

Result<std::optional<Message>> at(NatsConnection& connection, std::string_view stream,
                                  uint64_t sequence) {
  return get_message(connection, stream, {{"seq", sequence}});
}

std::optional<Delivery> parse_delivery(std::string_view reply_subject) {
  // $JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>, or with
  // <domain>.<account hash> before the stream and a random token at the end.
  std::vector<std::string_view> tokens;
  for (size_t start = 0; start <= reply_subject.size();) {
    const size_t end = std::min(reply_subject.find('.', start), reply_subject.size());
    tokens.push_back(reply_subject.substr(start, end - start));
    start = end + 1;
  }
  if (tokens.size() < 9 || tokens[0] != "$JS" || tokens[1] != "ACK") return std::nullopt;
  const size_t base = tokens.size() == 9 ? 4 : 6;
  if (tokens.size() < base + 5) return std::nullopt;
  const auto number = [&](size_t index, uint64_t& value) {
    const std::string_view text = tokens[index];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  };
  Delivery delivery;
  if (!number(base + 1, delivery.stream_sequence) ||
      !number(base + 2, delivery.consumer_sequence) || !number(base + 4, delivery.pending)) {
    return std::nullopt;
  }
  return delivery;
}

NatsHeaders parse_headers(std::string_view bytes) {
  NatsHeaders headers;
  size_t start = bytes.find("\r\n");
  while (start != std::string_view::npos && start + 2 < bytes.size()) {
    start += 2;
    const size_t end = std::min(bytes.find("\r\n", start), bytes.size());
    const std::string_view line = bytes.substr(start, end - start);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = line.substr(colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      headers.emplace_back(line.substr(0, colon), value);
    }
    start = end;
  }
  return headers;
}

}  // namespace ployz::jetstream

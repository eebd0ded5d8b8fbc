#include "drivers/nats/stream_copy.h"

#include <algorithm>
#include <format>
#include <fstream>

#include "base/digest.h"
#include "drivers/nats/answers.h"
#include "drivers/nats/feed.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/mailbox.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

constexpr uint64_t kChunkBytes = 256 << 10;
// nats-server: "wrong last msg ID" (server/errors.json).
constexpr uint64_t kWrongLastMessageId = 10070;

Error cannot_write(const std::filesystem::path& file) {
  return {Code::denied, Effect::none, std::format("cannot write {}", file.string()), {}, {}};
}

// The end is an empty message: of status 204, or without any in older servers.
Result<bool> is_end(const NatsMessage& chunk) {
  const std::string_view status = chunk.header("Status");
  if (!chunk.data.empty() && status.empty()) return false;
  if (status.empty() || status == "204") return true;
  return fail(Code::unavailable,
              std::format("the store broke its snapshot off: {} {}", status,
                          chunk.header("Description")));
}

Status receive(NatsConnection& admin, Mailbox& inbox, std::ofstream& out,
               const std::filesystem::path& file) {
  while (true) {
    const auto chunk = inbox.take(admin.config().request_timeout);
    if (!chunk) return fail(Code::timeout, "the store stopped sending");
    if (TRY(is_end(*chunk))) return {};
    out.write(chunk->data.data(), static_cast<std::streamsize>(chunk->data.size()));
    if (!out) return fail(cannot_write(file));
    // The server waits for these: they bound what is under way.
    if (!chunk->reply.empty()) TRY(admin.publish({chunk->reply, {}, {}}));
  }
}

// Of a stream that takes writes.
Result<Json> writable_config(const std::string& stream, int replicas) {
  for (Json& config : stream_configs(replicas)) {
    if (config["name"] == stream) return std::move(config);
  }
  return fail(Code::invalid, std::format("{} is no stream of the store", stream));
}

// A chunk is answered with nothing, or with what went wrong.
Status acknowledged(const NatsMessage& answer) {
  if (answer.data.empty()) return {};
  const auto json = parse_json(answer.data);
  if (json && json->is_object() && !json->contains("error")) return {};
  return fail(Code::internal, "the store refused its copy: " + answer.data.substr(0, 200));
}

Status send_chunks(NatsConnection& admin, const std::string& to,
                   const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string buffer(kChunkBytes, '\0');
  while (true) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    const auto got = static_cast<size_t>(in.gcount());
    if (in.bad() || (got == 0 && !in.eof())) {
      return fail(Code::denied, std::format("cannot read {}", file.string()));
    }
    // The last is empty, and answered when the stream is there.
    TRY(acknowledged(TRY(admin.request({to, buffer.substr(0, got), {}}))));
    if (got == 0) return {};
  }
}

// What was taken before the freeze may not have been agreed on yet by the machines of the store. This
// comes after it, through the same log, and is refused there: nothing of it stays.
Status await_still(NatsConnection& admin, const std::string& stream) {
  const auto answer = jetstream::ask(
      admin, {frozen_subject(stream), "", {{"Nats-Expected-Last-Msg-Id", "none has one"}}});
  if (!answer && jetstream::err_code(answer.error()) == kWrongLastMessageId) return {};
  if (!answer) return fail(answer.error());
  return fail(Code::internal, "what can only be refused was stored", "", Effect::unknown);
}

void add_to(Sha256& sum, std::string_view text) {
  sum.update(std::format("{}:", text.size()));
  sum.update(text);
}

}  // namespace

Result<StreamSnapshot> take_snapshot(NatsConnection& connection, const std::string& stream,
                                     const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (!out) return fail(cannot_write(file));
  Mailbox inbox;
  const std::string subject = connection.new_inbox();
  const auto subscription = TRY(connection.subscribe(
      subject, [&inbox](NatsMessage message) { inbox.put(std::move(message)); }));
  auto answer = jetstream::api(
      connection, "STREAM.SNAPSHOT." + stream,
      {{"deliver_subject", subject}, {"no_consumers", true}, {"chunk_size", kChunkBytes}});
  if (!answer) return fail(std::move(answer).error().at("copying stream " + stream));
  Status received = receive(connection, inbox, out, file);
  if (!received) return fail(std::move(received).error().at("copying stream " + stream));
  out.close();
  if (!out) return fail(cannot_write(file));
  return StreamSnapshot{stream, TRY(get_object(*answer, "state")), file};
}

Status restore_stream(NatsConnection& admin, const StreamSnapshot& snapshot, int replicas) {
  const Json request{{"config", TRY(writable_config(snapshot.stream, replicas))},
                     {"state", snapshot.state}};
  const auto to =
      jetstream::api(admin, "STREAM.RESTORE." + snapshot.stream, request).and_then(restore_subject);
  Status sent = to ? send_chunks(admin, *to, snapshot.file) : fail(to.error());
  if (!sent) return fail(std::move(sent).error().at("restoring stream " + snapshot.stream));
  return {};
}

Status check_settled(NatsConnection& admin, const std::string& stream) {
  const Json info = TRY(jetstream::api(admin, "STREAM.INFO." + stream, Json()));
  const Json config = TRY(get_object(info, "config"));
  const uint64_t copies = TRY(get_uint_or(config, "num_replicas", 1));
  const auto cluster = info.find("cluster");
  const auto missing = [&](std::string_view what) {
    return fail(Code::unavailable, std::format("stream {} has {}", stream, what));
  };
  if (copies == 1) return {};
  if (cluster == info.end()) return missing("one copy still");
  if (TRY(get_string_or(*cluster, "leader", "")).empty()) return missing("no leader");
  const Json others = TRY(get_array_or_empty(*cluster, "replicas"));
  if (others.size() + 1 < copies) return missing("too few copies");
  for (const Json& other : others) {
    if (!TRY(get_bool_or(other, "current", false))) return missing("a copy that is behind");
  }
  return {};
}

Result<StreamDigest> digest_stream(NatsConnection& connection, const std::string& stream) {
  StreamDigest result;
  Sha256 sum;
  auto read = read_feed(connection, {stream, "", false}, [&](jetstream::Message message) {
    ++result.messages;
    result.last_sequence = message.sequence;
    add_to(sum, std::to_string(message.sequence));
    add_to(sum, message.subject);
    std::ranges::sort(message.headers);  // the client library tells them in no order
    for (const auto& [key, value] : message.headers) {
      add_to(sum, key);
      add_to(sum, value);
    }
    add_to(sum, message.data);
  });
  if (!read) return fail(std::move(read).error().at("reading stream " + stream));
  result.digest = sum.digest();
  return result;
}

Status freeze_stream(NatsConnection& admin, const std::string& stream, bool frozen) {
  const Json info = TRY(jetstream::api(admin, "STREAM.INFO." + stream, Json()));
  Json config = TRY(get_object(info, "config"));
  const auto in_vain = [&](Error error) {
    return fail(std::move(error).at(
        std::format("{} stream {}", frozen ? "freezing" : "unfreezing", stream)));
  };
  if (is_frozen(config) != frozen) {
    config["subjects"] = frozen ? Json::array({frozen_subject(stream)})
                                : TRY(writable_config(stream, 1))["subjects"];
    const auto updated = jetstream::api(admin, "STREAM.UPDATE." + stream, config);
    if (!updated) return in_vain(updated.error());
  }
  if (!frozen) return {};
  Status still = await_still(admin, stream);
  if (!still) return in_vain(std::move(still).error());
  return {};
}

Status check_frozen(NatsConnection& admin, const std::string& stream) {
  const Json info = TRY(jetstream::api(admin, "STREAM.INFO." + stream, Json()));
  if (is_frozen(TRY(get_object(info, "config")))) return {};
  return fail(Code::conflict, std::format("stream {} takes writes", stream));
}

}  // namespace ployz

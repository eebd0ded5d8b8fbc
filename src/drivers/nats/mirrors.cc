#include "drivers/nats/mirrors.h"

#include <algorithm>
#include <charconv>
#include <format>
#include <vector>

#include "drivers/nats/feed.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/server_config.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

constexpr std::string_view kStoreApi = "$JS.ployz.API";
constexpr std::string_view kSourceHeader = "Nats-Stream-Source";

// Below the machine's inbox: the only subjects its leaf connection may hear.
std::string deliver_prefix(const MachineId& machine) {
  return std::format("_INBOX.{}.mirror.x.f", machine.str());
}

Json copy_config(const std::string& stream, const MachineId& machine) {
  const bool bucket = stream != kCommitStream;
  Json config = {
      {"name", stream},    {"storage", "file"},   {"retention", "limits"},
      {"num_replicas", 1}, {"max_msgs", -1},      {"max_bytes", -1},
      {"max_age", 0},      {"max_consumers", -1}, {"max_msgs_per_subject", bucket ? 1 : -1},
      {"discard", "old"}};
  const Json origin = {{"name", stream},
                       {"external", {{"api", kStoreApi}, {"deliver", deliver_prefix(machine)}}}};
  if (bucket) {
    config["sources"] = Json::array({origin});
  } else {
    config["mirror"] = origin;
  }
  return config;
}

bool is_mirror_of(const Json& config, const std::string& stream) {
  const auto mirror = config.find("mirror");
  return mirror != config.end() && get_string_or(*mirror, "name", "").value_or("") == stream;
}

bool is_fed_by(const Json& config, const std::string& stream) {
  const auto sources = get_array_or_empty(config, "sources");
  return sources && sources->size() == 1 &&
         get_string_or(sources->front(), "name", "").value_or("") == stream;
}

Result<Json> create_copy(NatsConnection& local, const MachineId& machine,
                         const std::string& stream) {
  return jetstream::api_of(local, mirror_domain(machine), "STREAM.CREATE." + stream,
                           copy_config(stream, machine));
}

// It may lack records, so it is no copy; and what it is of is there.
Result<Json> replace_mirror(NatsConnection& local, const MachineId& machine,
                            const std::string& stream) {
  (void)TRY(jetstream::api(local, "STREAM.INFO." + stream, Json()));
  (void)TRY(jetstream::api_of(local, mirror_domain(machine), "STREAM.DELETE." + stream, Json()));
  return create_copy(local, machine, stream);
}

Status ensure_copy(NatsConnection& local, const MachineId& machine, const std::string& stream) {
  auto info = jetstream::api_of(local, mirror_domain(machine), "STREAM.INFO." + stream, Json());
  if (!info && jetstream::err_code(info.error()) == jetstream::kNoStream) {
    info = create_copy(local, machine, stream);
  }
  const Json found = TRY(std::move(info));
  Json config = TRY(get_object(found, "config"));
  const bool bucket = stream != kCommitStream;
  if (bucket && is_mirror_of(config, stream)) {
    config = TRY(get_object(TRY(replace_mirror(local, machine, stream)), "config"));
  }
  if (bucket ? is_fed_by(config, stream) : is_mirror_of(config, stream)) return {};
  return fail(Code::precondition, std::format("stream {} is no copy of the store's", stream));
}

// An empty bucket whose sequences begin above 1 (store_restore.h) tells the one before its first as its
// last.
Result<uint64_t> last_sequence(const Json& info) {
  const Json state = TRY(get_object(info, "state"));
  if (TRY(get_uint_or(state, "messages", 0)) == 0) return 0;
  return get_uint_or(state, "last_seq", 0);
}

// The newest message of the copy that fits `subject`, as the sequence it has in the store. 0: none.
Result<uint64_t> copied_sequence(NatsConnection& local, const MachineId& machine,
                                 const std::string& stream, std::string_view subject) {
  const auto answer = jetstream::api_of(local, mirror_domain(machine), "STREAM.MSG.GET." + stream,
                                        {{"last_by_subj", subject}});
  if (!answer && jetstream::err_code(answer.error()) == jetstream::kNoMessage) return 0;
  const jetstream::Message message = TRY(jetstream::parse_message(TRY(Result<Json>(answer))));
  return source_sequence(message.header(kSourceHeader));
}

}  // namespace

Status ensure_mirrors(NatsConnection& local, const MachineId& machine) {
  for (const std::string& stream : all_streams()) {
    Status made = ensure_copy(local, machine, stream);
    if (!made) return fail(std::move(made).error().at("copy of " + stream));
  }
  return {};
}

Result<StreamSequences> store_sequences(NatsConnection& connection) {
  StreamSequences sequences;
  for (const std::string& stream : all_streams()) {
    sequences[stream] =
        TRY(last_sequence(TRY(jetstream::api(connection, "STREAM.INFO." + stream, Json()))));
  }
  return sequences;
}

Result<StreamSequences> copied_sequences(NatsConnection& local, const MachineId& machine) {
  StreamSequences sequences;
  for (const std::string& stream : all_streams()) {
    auto reached = stream == kCommitStream ? jetstream::api_of(local, mirror_domain(machine),
                                                               "STREAM.INFO." + stream, Json())
                                                 .and_then(last_sequence)
                                           : copied_sequence(local, machine, stream, ">");
    if (!reached) return fail(std::move(reached).error().at("copy of " + stream));
    sequences[stream] = *reached;
  }
  return sequences;
}

bool has_reached(const StreamSequences& copied, const StreamSequences& stored) {
  return std::ranges::all_of(stored, [&](const auto& entry) {
    const auto found = copied.find(entry.first);
    return found != copied.end() && found->second >= entry.second;
  });
}

Status check_whole(NatsConnection& local, const MachineId& machine) {
  for (const Bucket bucket : all_buckets()) {  // the sequences of commits have no gaps
    const std::string stream = bucket_stream(bucket);
    std::map<std::string, uint64_t> stored;
    TRY(read_feed(
        local, {stream, record_subject(bucket, ">"), true},
        [&](const jetstream::Message& message) { stored[message.subject] = message.sequence; }));
    for (const auto& [subject, sequence] : stored) {
      const uint64_t copied = TRY(copied_sequence(local, machine, stream, subject));
      if (copied >= sequence) continue;
      return fail(Code::corrupt, std::format("the copy of the store lacks {} as of {}: it has {}",
                                             subject, sequence, copied));
    }
  }
  return {};
}

Result<uint64_t> source_sequence(std::string_view header) {
  const size_t begin = header.find(' ') + 1;  // 0: none
  const std::string_view text = header.substr(begin, header.find(' ', begin) - begin);
  uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  if (begin > 0 && error == std::errc() && end == text.data() + text.size() && sequence > 0) {
    return sequence;
  }
  return fail(Code::corrupt,
              std::format("'{}' does not say which message of the store it is", header));
}

}  // namespace ployz

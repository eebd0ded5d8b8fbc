#include "drivers/nats/key_value.h"

#include <algorithm>
#include <format>

#include "drivers/nats/feed.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/streams.h"
#include "model/commit.h"

namespace ployz {
namespace {

constexpr size_t kMaxKeyBytes = 200;
constexpr std::string_view kOperationHeader = "KV-Operation";

bool allowed_in_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '/' || c == '_' || c == '=' || c == '.';
}

Status check_key(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxKeyBytes && key.front() != '.' && key.back() != '.' &&
      !key.contains("..") && std::ranges::all_of(key, allowed_in_key)) {
    return {};
  }
  return fail(Code::invalid, std::format("'{}' is not a key of a record", key));
}

Status check_value(std::string_view value) {
  if (value.size() <= kMaxCommitBytes) return {};
  return fail(Code::invalid,
              std::format("a record of {} bytes is larger than {}", value.size(), kMaxCommitBytes));
}

bool is_removal(const jetstream::Message& message) {
  return !message.header(kOperationHeader).empty();  // DEL or PURGE
}

// "$KV.<bucket>.<key>" → key.
std::string key_of(std::string_view subject) {
  const size_t bucket = subject.find('.') + 1;
  return std::string(subject.substr(subject.find('.', bucket) + 1));
}

Record to_record(jetstream::Message message) {
  return {key_of(message.subject), std::move(message.data), message.sequence};
}

FeedSource source_of(Bucket bucket) {
  return {bucket_stream(bucket), std::format("$KV.{}.>", to_string(bucket))};
}

Error about(Error error, Bucket bucket, std::string_view key) {
  return std::move(error).at(std::format("record {}/{}", to_string(bucket), key));
}

std::unexpected<Error> already_there(Bucket bucket, std::string_view key) {
  return fail(Code::exists, std::format("record {}/{} exists", to_string(bucket), key));
}

}  // namespace

Result<std::optional<Record>> NatsKeyValue::get(Bucket bucket, std::string_view key) {
  TRY(check_key(key));
  auto found = jetstream::last(connection_, bucket_stream(bucket), record_subject(bucket, key));
  if (!found) return fail(about(std::move(found).error(), bucket, key));
  if (!*found || is_removal(**found)) return std::nullopt;
  return to_record(std::move(**found));
}

Result<uint64_t> NatsKeyValue::create(Bucket bucket, std::string_view key, std::string_view value) {
  TRY(check_key(key));
  TRY(check_value(value));
  const NatsRequest message{record_subject(bucket, key), std::string(value), {}};
  auto created = jetstream::append(connection_, message, 0);
  if (!created && created.error().code == Code::conflict) {
    // Something is there; if it is a removal, we follow it.
    const auto found = TRY(jetstream::last(connection_, bucket_stream(bucket), message.subject));
    if (!found || !is_removal(*found)) return already_there(bucket, key);
    created = jetstream::append(connection_, message, found->sequence);
    if (!created && created.error().code == Code::conflict) return already_there(bucket, key);
  }
  if (!created) return fail(about(std::move(created).error(), bucket, key));
  return *created;
}

Result<uint64_t> NatsKeyValue::update(Bucket bucket, std::string_view key, std::string_view value,
                                      uint64_t revision) {
  TRY(check_key(key));
  TRY(check_value(value));
  if (revision == 0) {
    return fail(Code::conflict,
                std::format("record {}/{}: no record has revision 0", to_string(bucket), key));
  }
  auto updated = jetstream::append(connection_,
                                   {record_subject(bucket, key), std::string(value), {}}, revision);
  if (!updated) return fail(about(std::move(updated).error(), bucket, key));
  return *updated;
}

Status NatsKeyValue::remove(Bucket bucket, std::string_view key, uint64_t revision) {
  TRY(check_key(key));
  Result<uint64_t> removed = fail(Code::conflict, "it has another revision");
  if (revision != 0) {
    removed = jetstream::append(
        connection_, {record_subject(bucket, key), {}, {{std::string(kOperationHeader), "DEL"}}},
        revision);
  }
  if (removed) return {};
  if (removed.error().code == Code::conflict && !TRY(get(bucket, key))) return {};
  return fail(about(std::move(removed).error(), bucket, key));
}

Result<std::vector<Record>> NatsKeyValue::list(Bucket bucket) {
  std::map<std::string, Record> records;
  auto read = read_feed(connection_, source_of(bucket), [&](jetstream::Message message) {
    const bool removed = is_removal(message);
    Record record = to_record(std::move(message));
    if (removed) {
      records.erase(record.key);
    } else {
      records[record.key] = std::move(record);
    }
  });
  if (!read) return fail(std::move(read).error().at(std::format("records {}", to_string(bucket))));
  std::vector<Record> sorted;
  sorted.reserve(records.size());
  for (auto& [key, record] : records) sorted.push_back(std::move(record));
  return sorted;
}

Result<std::unique_ptr<Subscription>> NatsKeyValue::watch(
    Bucket bucket, std::function<void(Record, bool removed)> on_change) {
  auto present = std::make_shared<bool>(true);  // used on the feed's thread only
  return follow_feed(connection_, source_of(bucket),
                     {[present, on_change = std::move(on_change)](jetstream::Message message) {
                        const bool removed = is_removal(message);
                        if (removed && *present) return;
                        Record record = to_record(std::move(message));
                        if (removed) record.value.clear();
                        on_change(std::move(record), removed);
                      },
                      [present] { *present = false; }});
}

}  // namespace ployz

#include "drivers/nats/store_restore.h"

#include <algorithm>
#include <format>

#include "drivers/nats/jetstream.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

Status create_bucket(NatsConnection& admin, Bucket bucket, uint64_t first) {
  for (Json& config : stream_configs(1)) {
    if (config["name"] != bucket_stream(bucket)) continue;
    config["first_seq"] = first;
    const Json made = TRY(jetstream::api(admin, "STREAM.CREATE." + bucket_stream(bucket), config));
    // The server answers with the stream as it was, if it was there with the same configuration.
    if (TRY(get_uint_or(TRY(get_object(made, "state")), "messages", 0)) == 0) return {};
    return fail(Code::exists, std::format("the new store has {} already", bucket_stream(bucket)));
  }
  return fail(Code::internal, std::format("{} has no stream", to_string(bucket)));
}

bool same(const Record& a, const Record& b) {
  return a.key == b.key && a.value == b.value;
}

}  // namespace

Result<uint64_t> restore_bucket(const RestorePorts& ports, Bucket bucket, uint64_t reached) {
  const std::vector<Record> copied = TRY(NatsKeyValue(ports.copy).list(bucket));
  TRY(create_bucket(ports.admin, bucket, reached + kRecordGap));
  NatsKeyValue into(ports.daemon);
  for (const Record& record : copied) (void)TRY(into.create(bucket, record.key, record.value));
  const std::vector<Record> written = TRY(into.list(bucket));
  if (std::ranges::equal(copied, written, same)) return copied.size();
  return fail(Code::corrupt, std::format("the restored records {} differ from the copy: {} of {}",
                                         to_string(bucket), written.size(), copied.size()));
}

Status skip_commits(NatsConnection& daemon, uint64_t count) {
  uint64_t newest = 0;
  const auto last = TRY(jetstream::last(daemon, kCommitStream, kSkippedSubject));
  if (last) newest = last->sequence;
  for (uint64_t i = 0; i < count; ++i) {
    newest = TRY(jetstream::append(daemon, {std::string(kSkippedSubject), {}, {}}, newest));
  }
  return {};
}

}  // namespace ployz

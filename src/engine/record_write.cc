#include "engine/record_write.h"

#include <format>

namespace ployz {
namespace {

// With the pauses below about 3 s: a store that is restarted by its init system is back by then
// (measured: under 1 s), one that is gone is reported within seconds.
constexpr int kTries = 6;

Result<uint64_t> write_once(KeyValue& records, Bucket bucket, std::string_view key,
                            std::string_view value, uint64_t expected) {
  if (expected == 0) return records.create(bucket, key, value);
  return records.update(bucket, key, value, expected);
}

bool is_refusal(const Error& error) {
  return error.code == Code::conflict || error.code == Code::exists;
}

std::unexpected<Error> lost(Bucket bucket, std::string_view key) {
  return fail(Code::conflict,
              std::format("the record {}/{} was changed by somebody else", to_string(bucket), key));
}

}  // namespace

std::chrono::milliseconds backoff(int repetition) {
  constexpr int kDoublings = 5;
  return std::chrono::milliseconds(100) * (1 << std::min(repetition - 1, kDoublings));
}

Result<uint64_t> write_record(KeyValue& records, Clock& clock, Bucket bucket, std::string_view key,
                              std::string_view value, uint64_t expected) {
  bool unknown = false;
  Error last;
  for (int tried = 0; tried < kTries; ++tried) {
    if (tried > 0) clock.sleep_for(backoff(tried), {});
    auto written = write_once(records, bucket, key, value, expected);
    if (written) return *written;
    last = std::move(written).error();
    if (is_refusal(last)) {
      if (!unknown) return lost(bucket, key);
      const auto found = records.get(bucket, key);
      if (found && *found && (*found)->value == value) return (*found)->revision;
      if (found) return lost(bucket, key);
      last = found.error();
      continue;
    }
    if (last.effect == Effect::unknown) unknown = true;
    if (last.code != Code::unavailable && last.code != Code::timeout) break;
  }
  if (unknown) last.effect = Effect::unknown;
  return fail(std::move(last));
}

}  // namespace ployz

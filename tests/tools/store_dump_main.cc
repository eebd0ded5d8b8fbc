// ployz_store_dump: everything that the store has, as JSON, for scenarios that compare it.
//
//   ployz_store_dump IDENTITY SEED
//
// Runs inside a machine, as ployz_nats_put. {"commits": {"7": "shop sha256:…"}, "records":
// {"meta/epoch": "1"}}
#include <cstdio>

#include "base/digest.h"
#include "drivers/nats/feed.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/streams.h"
#include "tools/member_connection.h"

namespace ployz {
namespace {

Result<Json> dump(NatsConnection& connection) {
  Json commits = Json::object();
  TRY(read_feed(connection, {std::string(kCommitStream), "", false},
                [&](const jetstream::Message& message) {
                  if (message.subject == kSkippedSubject) return;
                  commits[std::to_string(message.sequence)] =
                      message.subject + " " + sha256_digest(message.data);
                }));
  Json records = Json::object();
  NatsKeyValue key_value(connection);
  for (const Bucket bucket : all_buckets()) {
    for (const Record& record : TRY(key_value.list(bucket))) {
      records[std::format("{}/{}", to_string(bucket), record.key)] = record.value;
    }
  }
  return Json{{"commits", std::move(commits)}, {"records", std::move(records)}};
}

Result<Json> dump_as_daemon(const char* identity, const char* seed) {
  const auto connection = TRY(connect_as_daemon(identity, seed));
  return dump(*connection);
}

}  // namespace
}  // namespace ployz

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: ployz_store_dump IDENTITY SEED\n");
    return 2;
  }
  const auto dumped = ployz::dump_as_daemon(argv[1], argv[2]);
  if (dumped) {
    std::puts(ployz::to_text(*dumped).c_str());
    return 0;
  }
  std::fprintf(stderr, "ployz_store_dump: %s\n", dumped.error().line().c_str());
  return 1;
}

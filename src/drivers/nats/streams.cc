#include "drivers/nats/streams.h"

#include <array>
#include <format>

#include "drivers/nats/jetstream.h"

namespace ployz {
namespace {

constexpr std::array kBuckets{Bucket::machines, Bucket::operations, Bucket::plans,
                              Bucket::invites,  Bucket::leases,     Bucket::meta};

constexpr std::string_view kFrozenPrefix = "ployz.frozen.";

Json base_config(const std::string& name, std::string_view subjects, int replicas) {
  return {{"name", name},
          {"subjects", Json::array({subjects})},
          {"storage", "file"},
          {"retention", "limits"},
          {"num_replicas", replicas},
          {"max_msgs", -1},
          {"max_bytes", -1},
          {"max_age", 0},
          {"max_consumers", -1},
          {"discard", "new"},  // full: refuse, never forget
          // No message ids are used (commit_log.h); this is the server's shortest window.
          {"duplicate_window", 100'000'000},
          // History is kept; what ends gets a tombstone.
          {"deny_delete", true},
          {"deny_purge", true},
          {"allow_rollup_hdrs", false},  // a header would purge, too
          {"allow_direct", true}};
}

Json commit_config(int replicas) {
  Json config = base_config(std::string(kCommitStream), kCommitSubjects, replicas);
  config["max_msgs_per_subject"] = -1;
  return config;
}

Json bucket_config(Bucket bucket, int replicas) {
  Json config =
      base_config(bucket_stream(bucket), std::format("$KV.{}.>", to_string(bucket)), replicas);
  config["max_msgs_per_subject"] = 1;
  return config;
}

// What must hold of a stream found, whoever made it: it refuses rather than forgets.
Status check_found(const Json& info, const Json& wanted) {
  const Json found = TRY(get_object(info, "config"));
  for (const char* key : {"subjects", "storage", "retention", "max_msgs", "max_bytes", "max_age",
                          "max_msgs_per_subject", "discard"}) {
    if (!found.contains(key) || found[key] == wanted[key]) continue;
    if (key == std::string_view("subjects") && is_frozen(found)) continue;
    return fail(Code::precondition,
                std::format("stream {} has {} {}, not {}", wanted["name"].get<std::string>(), key,
                            to_text(found[key]), to_text(wanted[key])));
  }
  return {};
}

Status ensure_stream(NatsConnection& connection, const Json& config) {
  const std::string name = config["name"];
  auto info = jetstream::api(connection, "STREAM.INFO." + name, Json());
  if (!info && jetstream::err_code(info.error()) == jetstream::kNoStream) {
    info = jetstream::api(connection, "STREAM.CREATE." + name, config);
    if (!info && jetstream::err_code(info.error()) == jetstream::kStreamExists) {
      info = jetstream::api(connection, "STREAM.INFO." + name, Json());
    }
  }
  if (!info) return fail(std::move(info).error().at("creating stream " + name));
  return check_found(*info, config);
}

}  // namespace

std::string commit_subject(const NamespaceName& name_space) {
  return "ployz.commit." + name_space.str();
}

std::string bucket_stream(Bucket bucket) {
  return std::format("KV_{}", to_string(bucket));
}

std::string record_subject(Bucket bucket, std::string_view key) {
  return std::format("$KV.{}.{}", to_string(bucket), key);
}

std::string frozen_subject(std::string_view stream) {
  return std::format("{}{}", kFrozenPrefix, stream);
}

bool is_frozen(const Json& stream_config) {
  const auto subjects = stream_config.find("subjects");
  if (subjects == stream_config.end() || !subjects->is_array() || subjects->size() != 1) return false;
  const Json& subject = subjects->front();
  return subject.is_string() && subject.get_ref<const std::string&>().starts_with(kFrozenPrefix);
}

std::span<const Bucket> all_buckets() { return kBuckets; }

std::vector<std::string> all_streams() {
  std::vector<std::string> names{std::string(kCommitStream)};
  for (const Bucket bucket : all_buckets()) names.push_back(bucket_stream(bucket));
  return names;
}

std::vector<Json> stream_configs(int replicas) {
  std::vector<Json> configs{commit_config(replicas)};
  for (const Bucket bucket : all_buckets()) configs.push_back(bucket_config(bucket, replicas));
  return configs;
}

Status ensure_streams(NatsConnection& connection, int replicas) {
  for (const Json& config : stream_configs(replicas)) TRY(ensure_stream(connection, config));
  return ensure_epoch_stream(connection, replicas);
}

Status ensure_epoch_stream(NatsConnection& connection, int replicas) {
  Json config = base_config(std::string(kEpochStream), kEpochSubject, replicas);
  config["max_msgs_per_subject"] = -1;
  return ensure_stream(connection, config);
}

Status ensure_epoch(KeyValue& records, uint64_t epoch) {
  const std::string wanted = std::to_string(epoch);
  const auto created = records.create(Bucket::meta, kEpochKey, wanted);
  if (created) return {};
  if (created.error().code != Code::exists) return fail(created.error());
  const auto found = TRY(records.get(Bucket::meta, kEpochKey));
  if (found && found->value == wanted) return {};
  return fail(Code::precondition, std::format("the store is of epoch {}, not {}",
                                              found ? found->value : "(none)", wanted));
}

}  // namespace ployz

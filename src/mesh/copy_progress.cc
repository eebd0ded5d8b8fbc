#include "mesh/copy_progress.h"

#include <algorithm>

namespace ployz {
namespace {

Json json_of(const StoreReach& reach) {
  return {{"commits", reach.commits}, {"records", reach.records}};
}

Result<StoreReach> store_reach_from_json(const Json& json) {
  return StoreReach{TRY(get_uint(json, "commits")), TRY(get_uint(json, "records"))};
}

Result<CopyProgress> parse(const Json& json) {
  return CopyProgress{TRY(get_uint(json, "whole_at_ms")),
                      TRY(store_reach_from_json(TRY(get_object(json, "copied")))),
                      TRY(store_reach_from_json(TRY(get_object(json, "stored"))))};
}

}  // namespace

Json to_json(const CopyProgress& progress) {
  return {{"whole_at_ms", progress.whole_at_ms},
          {"copied", json_of(progress.copied)},
          {"stored", json_of(progress.stored)}};
}

Result<CopyProgress> copy_progress_from_json(const Json& json) {
  auto progress = parse(json);
  if (progress) return progress;
  Error error = std::move(progress).error();
  error.code = Code::corrupt;
  return fail(std::move(error).at("progress of the copy of the store"));
}

MirrorReach reach_of(uint64_t epoch, const CopyProgress& progress, const StoreReach& copied,
                     uint64_t now_ms) {
  MirrorReach reach;
  reach.epoch = epoch;
  reach.complete =
      copied.commits >= progress.copied.commits && copied.records >= progress.copied.records;
  reach.commits = copied.commits;
  reach.records = copied.records;
  reach.stored_commits = std::max(progress.stored.commits, copied.commits);
  reach.stored_records = std::max(progress.stored.records, copied.records);
  reach.window_ms = now_ms > progress.whole_at_ms ? now_ms - progress.whole_at_ms : 0;
  return reach;
}

}  // namespace ployz

#include "store_copy.h"

#include <format>

#include <spdlog/spdlog.h>

#include "base/files.h"
#include "drivers/nats/mirrors.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

// What is lost with the store at most, when nothing else is wrong: this, and the way of a message.
constexpr auto kLookEvery = std::chrono::seconds(2);
// The note is for a daemon that starts with the store gone: then as much more may be called lost.
constexpr uint64_t kNoteEveryMs = 10'000;
constexpr auto kArrival = std::chrono::milliseconds(100);
constexpr int kArrivals = 10;

StoreReach total(const StreamSequences& sequences) {
  StoreReach reach;
  for (const auto& [stream, sequence] : sequences) {
    (stream == kCommitStream ? reach.commits : reach.records) += sequence;
  }
  return reach;
}

bool is_away(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timeout;
}

}  // namespace

void StoreCopy::keep(uint64_t epoch) {
  end();
  made_ = false;
  noted_at_ms_ = 0;
  set_progress(noted(epoch));
  kept_since_ms_ = clock_.wall_ms();
  thread_ = std::jthread([this, epoch](const std::stop_token& stop) { run(stop, epoch); });
}

void StoreCopy::end() {
  thread_ = {};
  kept_since_ms_ = 0;
  set_progress(std::nullopt);
}

void StoreCopy::run(const std::stop_token& stop, uint64_t epoch) {
  std::string last_error;
  while (!stop.stop_requested()) {
    const Status looked = look(stop, epoch);
    // With the store away others say so.
    const std::string error = looked || is_away(looked.error()) ? "" : looked.error().line();
    if (!error.empty() && error != last_error) spdlog::warn("copy of the store: {}", error);
    last_error = error;
    clock_.sleep_for(kLookEvery, stop);
  }
}

Status StoreCopy::look(const std::stop_token& stop, uint64_t epoch) {
  if (!made_) TRY(ensure_mirrors(connection_, self_));
  made_ = true;
  const uint64_t asked_ms = clock_.wall_ms();
  const StreamSequences stored = TRY(store_sequences(connection_));
  auto known = progress();
  if (known) {
    known->stored = total(stored);
    set_progress(known);
  }
  StreamSequences copied = TRY(copied_sequences(connection_, self_));
  for (int i = 0; i < kArrivals && !has_reached(copied, stored); ++i) {
    if (!clock_.sleep_for(kArrival, stop)) return {};
    copied = TRY(copied_sequences(connection_, self_));
  }
  if (!has_reached(copied, stored)) return {};  // it is on its way
  if (!known) TRY(check_whole(connection_, self_));
  const CopyProgress now{asked_ms, total(copied), total(stored)};
  set_progress(now);
  if (known && clock_.steady_ms() < noted_at_ms_ + kNoteEveryMs) return {};
  // Of a while ago: the server's files may be behind by what it has not yet written to disk.
  TRY(write_file(paths_.copy_progress(epoch), to_text(to_json(known.value_or(now)))));
  noted_at_ms_ = clock_.steady_ms();
  if (!known) spdlog::info("this machine has a copy of the store, epoch {}", epoch);
  return {};
}

MirrorReach StoreCopy::reach(uint64_t epoch) {
  MirrorReach none;
  none.epoch = epoch;
  const auto known = progress();
  if (!known || !connection_.connected()) return none;
  const auto copied = copied_sequences(connection_, self_);
  return copied ? reach_of(epoch, *known, total(*copied), clock_.wall_ms()) : none;
}

std::optional<CopyFacts> StoreCopy::facts() const {
  const uint64_t kept_since = kept_since_ms_;
  if (kept_since == 0) return std::nullopt;
  const auto known = progress();
  const uint64_t since = known ? known->whole_at_ms : kept_since;
  const uint64_t now = clock_.wall_ms();
  const CopyProgress seen = known.value_or(CopyProgress{});
  return CopyFacts{known.has_value(), now > since ? now - since : 0, seen.copied.commits,
                   seen.stored.commits};
}

std::optional<CopyProgress> StoreCopy::noted(uint64_t epoch) const {
  const auto text = read_file(paths_.copy_progress(epoch));
  if (text && !*text) return std::nullopt;
  auto read = text ? parse_json(**text).and_then(copy_progress_from_json)
                   : Result<CopyProgress>(fail(text.error()));
  if (read) return *read;
  spdlog::warn("{}: {}; the copy of the store is compared with it anew",
               paths_.copy_progress(epoch).string(), read.error().line());
  return std::nullopt;
}

std::optional<CopyProgress> StoreCopy::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void StoreCopy::set_progress(const std::optional<CopyProgress>& progress) {
  const std::lock_guard lock(mutex_);
  progress_ = progress;
}

}  // namespace ployz

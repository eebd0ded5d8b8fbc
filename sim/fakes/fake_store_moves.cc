// The half of FakeStore that a move of the store needs.
#include <algorithm>
#include <format>

#include "sim/fakes/fake_store.h"

namespace ployz::sim {

Result<std::optional<StoredTransfer>> FakeStore::newest() {
  TRY(read("store.newest_transfer", ""));
  const auto found = newest_transfer();
  hook_.leave("store.newest_transfer",
              found ? std::string(to_string(found->record.state)) : std::string("none"));
  return found;
}

Result<uint64_t> FakeStore::append(const TransferRecord& record, uint64_t expected) {
  return write<uint64_t>("store.append_transfer",
                         std::format("{} {}", record.operation.str(), to_string(record.state)),
                         [this, record, expected] { return append_transfer_now(record, expected); });
}

Result<uint64_t> FakeStore::append_transfer_now(const TransferRecord& record, uint64_t expected) {
  const std::lock_guard lock(mutex_);
  if (transfers_.size() != expected && expected != kWhatever) {
    return fail(Code::conflict, std::format("the newest transfer is {}, not {}", transfers_.size(),
                                            expected));
  }
  transfers_.push_back({record, transfers_.size() + 1});
  if (on_transfer_) on_transfer_(record);
  return transfers_.size();
}

Status FakeStore::check_frozen() {
  for (const StreamName& stream : all_fake_streams()) {
    TRY(read("store.check_frozen", ""));
    bool frozen = false;
    {
      const std::lock_guard lock(mutex_);
      frozen = frozen_.contains(stream);
    }
    hook_.leave("store.check_frozen", frozen ? "yes" : "no");
    if (!frozen) return fail(Code::conflict, "a stream of the store takes writes");
  }
  return {};
}

// One of them happens after another in the log of whoever keeps streams, so none comes late.
Status FakeStore::set_frozen(bool frozen) {
  for (const StreamName& stream : all_fake_streams()) {
    TRY(read("store.set_frozen", frozen ? "yes" : "no"));
    {
      const std::lock_guard lock(mutex_);
      if (frozen) {
        frozen_.insert(stream);
      } else {
        frozen_.erase(stream);
      }
    }
    hook_.leave("store.set_frozen", "ok");
  }
  return {};
}

bool FakeStore::StreamCopy::operator==(const StreamCopy& other) const {
  return changes == other.changes &&
         std::ranges::equal(commits, other.commits,
                            [](const StoredCommit& a, const StoredCommit& b) {
                              return a.sequence == b.sequence && a.name_space == b.name_space &&
                                     a.bytes == b.bytes;
                            });
}

FakeStore::StreamCopy FakeStore::look(StreamName stream) {
  const std::lock_guard lock(mutex_);
  StreamCopy copy{stream, {}, {}};
  if (!stream) {
    copy.commits = log_;
    return copy;
  }
  for (const auto& [revision, change] : changes_) {
    if (change.bucket == *stream) copy.changes.push_back(change);
  }
  return copy;
}

Result<FakeStore::StreamCopy> FakeStore::take_copy(StreamName stream) {
  TRY(read("store.take_copy", ""));
  StreamCopy copy = look(stream);
  hook_.leave("store.take_copy", "ok");
  return copy;
}

Status FakeStore::restore(const StreamCopy& copy) {
  TRY(read("store.restore", ""));
  {
    const std::lock_guard lock(mutex_);
    if (!restored_.insert(copy.stream).second) return fail(Code::exists, "that stream exists");
    for (const StoredCommit& commit : copy.commits) {
      log_.push_back(commit);
      newest_[commit.name_space] = commit.sequence;
    }
    for (const RecordChange& change : copy.changes) {
      changes_[change.record.revision] = change;
      revision_ = std::max(revision_, change.record.revision);
      auto& records = buckets_[change.bucket];
      if (change.removed) {
        records.erase(change.record.key);
      } else {
        records[change.record.key] = change.record;
      }
    }
  }
  hook_.leave("store.restore", "ok");
  return {};
}

void FakeStore::attach(const Follower& follower, std::optional<uint64_t> after) {
  const std::lock_guard lock(mutex_);
  if (after) {
    for (size_t i = std::min<size_t>(*after, log_.size()); i < log_.size(); ++i) {
      follower->push({log_[i]});
    }
  } else {
    std::vector<StoredCommit> present = newest_locked();
    std::ranges::sort(present, {}, &StoredCommit::sequence);
    for (StoredCommit& commit : present) follower->push({std::move(commit)});
    follower->push({std::nullopt});
  }
  followers_.push_back(follower);
}

uint64_t FakeStore::detach(const Follower& follower) {
  const std::lock_guard lock(mutex_);
  std::erase(followers_, follower);
  return log_.size();
}

std::optional<StoredTransfer> FakeStore::newest_transfer() {
  const std::lock_guard lock(mutex_);
  if (transfers_.empty()) return std::nullopt;
  return transfers_.back();
}

bool FakeStore::frozen() {
  const std::lock_guard lock(mutex_);
  return !frozen_.empty();
}

}  // namespace ployz::sim

#include "sim/fakes/fake_store.h"

#include <algorithm>
#include <format>

#include "model/commit.h"

namespace ployz::sim {
namespace {

std::unexpected<Error> unavailable() {
  return fail(Code::unavailable, "the control-plane store does not answer");
}

std::unexpected<Error> timed_out(Effect effect) {
  return fail(Code::timeout, "the control-plane store did not answer in time", "", effect);
}

Status check_key(std::string_view key) {
  const bool legal = !key.empty() && key.size() <= 200 && !key.starts_with('.') &&
                     !key.ends_with('.') && !key.contains("..") &&
                     std::ranges::all_of(key, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || std::string_view("_=./-").contains(c);
                     });
  if (legal) return {};
  return fail(Code::invalid, std::format("not a key: '{}'", key));
}

Status check_size(std::string_view bytes) {
  if (bytes.size() <= kMaxCommitBytes) return {};
  return fail(Code::invalid, std::format("{} bytes are too large", bytes.size()));
}

template <class T>
std::string text_of(const Result<T>& result) {
  if (!result) return result.error().message;
  if constexpr (std::is_same_v<T, uint64_t>) return std::to_string(*result);
  return "ok";
}

}  // namespace

const std::vector<StreamName>& all_fake_streams() {
  static const std::vector<StreamName> all{std::nullopt,   Bucket::machines, Bucket::operations,
                                           Bucket::plans,  Bucket::invites,  Bucket::leases,
                                           Bucket::meta};
  return all;
}

// Every write of the store, with all that may become of it.
template <class T>
Result<T> FakeStore::write(std::string_view call, const std::string& detail,
                           std::function<Result<T>()> effect) {
  switch (hook_.enter(call, detail, Kind::write)) {
    case Fate::refused:
      return unavailable();
    case Fate::never:
      hook_.give_up();
      return timed_out(Effect::unknown);
    case Fate::reply_lost:
      (void)effect();
      hook_.give_up();
      return timed_out(Effect::unknown);
    case Fate::late:
      hook_.later(hook_.delivery().late_by, [effect] { (void)effect(); });
      hook_.give_up();
      return timed_out(Effect::unknown);
    case Fate::normal:
      break;
  }
  Result<T> result = effect();
  hook_.leave(call, text_of(result));
  return result;
}

Status FakeStore::read(std::string_view call, std::string_view detail) {
  const Fate fate = hook_.enter(call, detail, Kind::read);
  if (fate == Fate::refused) return unavailable();
  if (fate == Fate::normal) return {};
  hook_.give_up();
  return timed_out(Effect::none);
}

Result<uint64_t> FakeStore::append(const NamespaceName& name_space, uint64_t expected,
                                   std::string_view bytes) {
  TRY(check_size(bytes));
  return write<uint64_t>("store.append", std::format("{} after {}", name_space.str(), expected),
                         [this, name_space, expected, copy = std::string(bytes)] {
                           return append_now(name_space, expected, copy);
                         });
}

Result<uint64_t> FakeStore::append_now(const NamespaceName& name_space, uint64_t expected,
                                       const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  TRY(check_open(std::nullopt));
  uint64_t& newest = newest_[name_space];
  if (newest != expected) {
    return fail(Code::conflict, std::format("the newest commit of {} is {}, not {}",
                                            name_space.str(), newest, expected));
  }
  newest = log_.size() + 1;
  log_.push_back({newest, name_space, bytes});
  if (on_write_) on_write_();
  for (const auto& follower : followers_) follower->push({log_.back()});
  return newest;
}

Result<std::optional<StoredCommit>> FakeStore::newest(const NamespaceName& name_space) {
  TRY(read("store.newest", name_space.str()));
  std::optional<StoredCommit> found;
  {
    const std::lock_guard lock(mutex_);
    const auto it = newest_.find(name_space);
    if (it != newest_.end() && it->second != 0) found = log_[it->second - 1];
  }
  hook_.leave("store.newest", found ? std::to_string(found->sequence) : "none");
  return found;
}

std::vector<StoredCommit> FakeStore::newest_locked() const {
  std::vector<StoredCommit> all;
  for (const auto& [name_space, sequence] : newest_) {
    if (sequence != 0) all.push_back(log_[sequence - 1]);
  }
  return all;
}

Result<std::vector<StoredCommit>> FakeStore::newest_of_all() {
  TRY(read("store.newest_of_all", ""));
  std::vector<StoredCommit> all;
  {
    const std::lock_guard lock(mutex_);
    all = newest_locked();
  }
  hook_.leave("store.newest_of_all", std::to_string(all.size()));
  return all;
}

Result<std::vector<StoredCommit>> FakeStore::history(const NamespaceName& name_space,
                                                     size_t limit) {
  TRY(read("store.history", name_space.str()));
  std::vector<StoredCommit> found;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = log_.rbegin(); it != log_.rend() && found.size() < limit; ++it) {
      if (it->name_space == name_space) found.push_back(*it);
    }
  }
  hook_.leave("store.history", std::to_string(found.size()));
  return found;
}

Result<std::unique_ptr<Subscription>> FakeStore::follow(
    std::function<void(StoredCommit)> on_commit, std::function<void()> on_caught_up) {
  // A subscription begun while the store is away catches up later.
  (void)hook_.enter("store.follow", "", Kind::read);
  auto queue = std::make_shared<Queue<Logged>>();
  attach(queue, std::nullopt);
  return std::make_unique<Delivery<Logged>>(
      hook_, "store.follow", queue,
      [on_commit = std::move(on_commit), on_caught_up = std::move(on_caught_up)](Logged logged) {
        if (logged.commit) {
          on_commit(std::move(*logged.commit));
        } else {
          on_caught_up();
        }
      });
}

Result<std::optional<Record>> FakeStore::get(Bucket bucket, std::string_view key) {
  TRY(check_key(key));
  TRY(read("store.get", key));
  std::optional<Record> found;
  {
    const std::lock_guard lock(mutex_);
    const auto& records = buckets_[bucket];
    if (const auto it = records.find(key); it != records.end()) found = it->second;
  }
  hook_.leave("store.get", found ? std::to_string(found->revision) : "none");
  return found;
}

Result<uint64_t> FakeStore::create(Bucket bucket, std::string_view key, std::string_view value) {
  TRY(check_key(key));
  TRY(check_size(value));
  return write<uint64_t>("store.create", std::format("{}/{}", to_string(bucket), key),
                         [this, bucket, name = std::string(key), copy = std::string(value)] {
                           return put_now(bucket, name, copy, std::nullopt);
                         });
}

Result<uint64_t> FakeStore::update(Bucket bucket, std::string_view key, std::string_view value,
                                   uint64_t revision) {
  TRY(check_key(key));
  TRY(check_size(value));
  return write<uint64_t>("store.update",
                         std::format("{}/{} at {}", to_string(bucket), key, revision),
                         [this, bucket, name = std::string(key), copy = std::string(value),
                          revision] { return put_now(bucket, name, copy, revision); });
}

Result<uint64_t> FakeStore::put_now(Bucket bucket, const std::string& key,
                                    const std::string& value, std::optional<uint64_t> revision) {
  const std::lock_guard lock(mutex_);
  TRY(check_open(bucket));
  auto& records = buckets_[bucket];
  const auto it = records.find(key);
  if (!revision && it != records.end()) {
    return fail(Code::exists, std::format("{}/{} exists", to_string(bucket), key));
  }
  if (revision && (it == records.end() || it->second.revision != *revision)) {
    return fail(Code::conflict,
                std::format("{}/{} is not at revision {}", to_string(bucket), key, *revision));
  }
  Record& record = records[key];
  record = {key, value, ++revision_};
  tell({bucket, record, false});
  return record.revision;
}

Status FakeStore::remove(Bucket bucket, std::string_view key, uint64_t revision) {
  TRY(check_key(key));
  return write<void>("store.remove", std::format("{}/{} at {}", to_string(bucket), key, revision),
                     [this, bucket, name = std::string(key), revision] {
                       return remove_now(bucket, name, revision);
                     });
}

Status FakeStore::remove_now(Bucket bucket, const std::string& key, uint64_t revision) {
  const std::lock_guard lock(mutex_);
  TRY(check_open(bucket));
  auto& records = buckets_[bucket];
  const auto it = records.find(key);
  if (it == records.end()) return {};
  if (it->second.revision != revision) {
    return fail(Code::conflict,
                std::format("{}/{} is not at revision {}", to_string(bucket), key, revision));
  }
  records.erase(it);
  tell({bucket, {key, "", ++revision_}, true});
  return {};
}

void FakeStore::tell(const RecordChange& change) {
  changes_[change.record.revision] = change;
  if (on_write_) on_write_();
  for (const Watcher& watcher : watchers_) {
    if (watcher.bucket == change.bucket) watcher.queue->push(change);
  }
}

Status FakeStore::check_open(StreamName stream) const {
  if (!frozen_.contains(stream)) return {};
  Error error{Code::unavailable, Effect::none, "the store takes no writes", "", {}};
  return fail(std::move(error).with(std::string(kFrozenKey), "yes"));
}

Result<std::vector<Record>> FakeStore::list(Bucket bucket) {
  TRY(read("store.list", to_string(bucket)));
  std::vector<Record> found = records(bucket);
  hook_.leave("store.list", std::to_string(found.size()));
  return found;
}

Result<std::unique_ptr<Subscription>> FakeStore::watch(
    Bucket bucket, std::function<void(Record, bool removed)> on_change) {
  (void)hook_.enter("store.watch", to_string(bucket), Kind::read);
  auto queue = std::make_shared<Queue<RecordChange>>();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, record] : buckets_[bucket]) queue->push({bucket, record, false});
    watchers_.push_back({bucket, queue});
  }
  return std::make_unique<Delivery<RecordChange>>(
      hook_, "store.watch", queue, [on_change = std::move(on_change)](RecordChange change) {
        on_change(std::move(change.record), change.removed);
      });
}

std::vector<StoredCommit> FakeStore::log_since(uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  return {log_.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(sequence, log_.size())),
          log_.end()};
}

std::vector<StoredCommit> FakeStore::log() {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::vector<Record> FakeStore::records(Bucket bucket) {
  const std::lock_guard lock(mutex_);
  std::vector<Record> found;
  for (const auto& [key, record] : buckets_[bucket]) found.push_back(record);
  return found;
}

}  // namespace ployz::sim

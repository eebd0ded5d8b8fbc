// The control-plane store, seen from one client: the commit log and small records. The only
// implementation that keeps anything is NATS JetStream (src/drivers/nats); the fake is in sim/.
// All calls block, are thread-safe and may be repeated; none retries by itself. Bounded: a call
// returns within the driver's request timeout (default 5 s) plus the time of its bytes.
//
// Errors of every call: `unavailable` (no responders, refused, no quorum; effect none),
// `timeout` (effect `unknown` for writes, `none` for reads), `denied`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/commit.h"
#include "model/names.h"

namespace ployz {

// Ends when destroyed; after that its callback is not running and will not run again.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// Commits are read raw so that one corrupt message cannot hide the others: `bytes` may be garbage.
struct StoredCommit {
  uint64_t sequence = 0;
  NamespaceName name_space;
  std::string bytes;
};

class CommitLog {
 public:
  virtual ~CommitLog() = default;

  // Appends if the namespace's newest sequence is `expected` (0: has none); returns the new
  // sequence, after the store fsynced it. `conflict` (effect none): it is not. On effect `unknown`
  // the message may still arrive later: see Commit::kind fence.
  [[nodiscard]] virtual Result<uint64_t> append(const NamespaceName& name_space, uint64_t expected,
                                                std::string_view bytes) = 0;
  // Nullopt: the namespace never had a commit.
  [[nodiscard]] virtual Result<std::optional<StoredCommit>> newest(
      const NamespaceName& name_space) = 0;
  // The newest of every namespace, tombstones included, in one consistent enough pass: each was the
  // newest of its namespace at some moment during the call.
  [[nodiscard]] virtual Result<std::vector<StoredCommit>> newest_of_all() = 0;
  // The namespace's history, newest first, at most `limit`.
  [[nodiscard]] virtual Result<std::vector<StoredCommit>> history(const NamespaceName& name_space,
                                                                  size_t limit) = 0;
  // Delivers the newest commit of every namespace, then `on_caught_up` once, then every later
  // commit in order, on a thread of the driver. Survives reconnects without gaps (a namespace's
  // older commits may be skipped, its newest never).
  [[nodiscard]] virtual Result<std::unique_ptr<Subscription>> follow(
      std::function<void(StoredCommit)> on_commit, std::function<void()> on_caught_up) = 0;
};

enum class Bucket { machines, operations, plans, invites, leases, meta };
[[nodiscard]] std::string_view to_string(Bucket bucket);

struct Record {
  std::string key;
  std::string value;
  uint64_t revision = 0;  // what the next update or remove must name
};

// Keys: [A-Za-z0-9_=./-]+, at most 200 bytes. Values: at most kMaxCommitBytes.
class KeyValue {
 public:
  virtual ~KeyValue() = default;

  [[nodiscard]] virtual Result<std::optional<Record>> get(Bucket bucket, std::string_view key) = 0;
  // Returns the revision. `exists` (effect none) when the key has a value.
  [[nodiscard]] virtual Result<uint64_t> create(Bucket bucket, std::string_view key,
                                                std::string_view value) = 0;
  // `conflict` (effect none) when the key's revision is another, or it was removed.
  [[nodiscard]] virtual Result<uint64_t> update(Bucket bucket, std::string_view key,
                                                std::string_view value, uint64_t revision) = 0;
  // Removing what is absent succeeds; `conflict` when it exists at another revision.
  [[nodiscard]] virtual Status remove(Bucket bucket, std::string_view key, uint64_t revision) = 0;
  // Sorted by key.
  [[nodiscard]] virtual Result<std::vector<Record>> list(Bucket bucket) = 0;
  // Calls back with each present record, then with every change (value empty and revision > 0:
  // removed), on a thread of the driver. Survives reconnects.
  [[nodiscard]] virtual Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool removed)> on_change) = 0;
};

}  // namespace ployz

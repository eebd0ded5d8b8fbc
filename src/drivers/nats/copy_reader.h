// A machine's copy of the store (mirrors.h), read as if it were the store. It takes no writes and
// follows nothing: `unavailable`, effect none. Revisions are the copy's own, good for nothing but to tell
// two reads apart.
#pragma once

#include "drivers/nats/commit_log.h"
#include "drivers/nats/key_value.h"

namespace ployz {

// `copy`: a connection as the admin of the machine's copy (server_config.h), which may make consumers
// and nothing else. It outlives this.
class CopiedCommits final : public CommitLog {
 public:
  explicit CopiedCommits(NatsConnection& copy) : copy_(copy), log_(copy) {}

  [[nodiscard]] Result<uint64_t> append(const NamespaceName& name_space, uint64_t expected,
                                        std::string_view bytes) override;
  [[nodiscard]] Result<std::optional<StoredCommit>> newest(
      const NamespaceName& name_space) override;
  [[nodiscard]] Result<std::vector<StoredCommit>> newest_of_all() override;
  [[nodiscard]] Result<std::vector<StoredCommit>> history(const NamespaceName& name_space,
                                                          size_t limit) override;
  [[nodiscard]] Result<std::unique_ptr<Subscription>> follow(
      std::function<void(StoredCommit)> on_commit, std::function<void()> on_caught_up) override;

 private:
  NatsConnection& copy_;
  NatsCommitLog log_;
};

class CopiedRecords final : public KeyValue {
 public:
  explicit CopiedRecords(NatsConnection& copy) : records_(copy) {}

  [[nodiscard]] Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override;
  [[nodiscard]] Result<uint64_t> create(Bucket bucket, std::string_view key,
                                        std::string_view value) override;
  [[nodiscard]] Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                                        uint64_t revision) override;
  [[nodiscard]] Status remove(Bucket bucket, std::string_view key, uint64_t revision) override;
  [[nodiscard]] Result<std::vector<Record>> list(Bucket bucket) override;
  [[nodiscard]] Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool removed)> on_change) override;

 private:
  NatsKeyValue records_;
};

}  // namespace ployz

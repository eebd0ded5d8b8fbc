// The commit log on JetStream: stream COMMITS, one subject per namespace, appended by
// compare-and-set on the subject's newest sequence.
//
// No `Nats-Msg-Id`: the engine repeats an append of unknown outcome with the same expectation, and
// the compare-and-set alone makes that safe (a first that arrived answers the second with
// `conflict`, and the newest commit is then the engine's own). The server's deduplication would
// answer the second with success instead, but only inside its time window and, on a replicated
// stream, possibly from a message that is only proposed: an answer that is right most of the time.
#pragma once

#include "drivers/nats/connection.h"
#include "ports/control_store.h"

namespace ployz {

// The newest `limit` commits of the namespace with sequences below `below`, newest first. Reads all of its
// history, with a consumer, and so needs no right to read single messages.
[[nodiscard]] Result<std::vector<StoredCommit>> scan_history(NatsConnection& connection,
                                                             const NamespaceName& name_space,
                                                             uint64_t below, size_t limit);

class NatsCommitLog : public CommitLog {
 public:
  // The connection outlives the log and its subscriptions.
  explicit NatsCommitLog(NatsConnection& connection) : connection_(connection) {}

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
  NatsConnection& connection_;
};

}  // namespace ployz

#include "drivers/nats/commit_log.h"

#include <deque>
#include <format>
#include <iterator>
#include <map>

#include "drivers/nats/feed.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/streams.h"
#include "model/commit.h"

namespace ployz {
namespace {

// Written with every commit: the sequence of the one before it. The server offers no walk
// backwards, and the commit itself may be of a version this build cannot read.
constexpr std::string_view kPreviousHeader = "Ployz-Previous";

StoredCommit to_commit(jetstream::Message message) {
  const size_t dot = message.subject.rfind('.');
  return {message.sequence, NamespaceName(message.subject.substr(dot + 1)),
          std::move(message.data)};
}

// A namespace becomes one token of a subject.
Status check_namespace(const NamespaceName& name_space) {
  return check_dns_label(name_space.str(), "namespace");
}

}  // namespace

Result<std::vector<StoredCommit>> scan_history(NatsConnection& connection,
                                               const NamespaceName& name_space, uint64_t below,
                                               size_t limit) {
  TRY(check_namespace(name_space));
  std::deque<StoredCommit> newest;
  TRY(read_feed(connection, {std::string(kCommitStream), commit_subject(name_space), false},
                [&](jetstream::Message message) {
                  if (message.sequence >= below) return;
                  newest.push_front(to_commit(std::move(message)));
                  if (newest.size() > limit) newest.pop_back();
                }));
  return std::vector<StoredCommit>(std::move_iterator(newest.begin()),
                                   std::move_iterator(newest.end()));
}

Result<uint64_t> NatsCommitLog::append(const NamespaceName& name_space, uint64_t expected,
                                       std::string_view bytes) {
  TRY(check_namespace(name_space));
  if (bytes.size() > kMaxCommitBytes) {
    return fail(Code::invalid, std::format("a commit of {} bytes is larger than {}", bytes.size(),
                                           kMaxCommitBytes));
  }
  auto sequence = jetstream::append(connection_,
                                    {commit_subject(name_space),
                                     std::string(bytes),
                                     {{std::string(kPreviousHeader), std::to_string(expected)}}},
                                    expected);
  if (!sequence) return fail(std::move(sequence).error().at("commit of " + name_space.str()));
  return *sequence;
}

Result<std::optional<StoredCommit>> NatsCommitLog::newest(const NamespaceName& name_space) {
  TRY(check_namespace(name_space));
  auto found = TRY(jetstream::last(connection_, kCommitStream, commit_subject(name_space)));
  if (!found) return std::nullopt;
  return to_commit(std::move(*found));
}

Result<std::vector<StoredCommit>> NatsCommitLog::newest_of_all() {
  std::map<NamespaceName, StoredCommit> newest;
  TRY(read_feed(connection_, {std::string(kCommitStream), std::string(kCommitSubjects)},
                [&](jetstream::Message message) {
                  if (message.subject == kSkippedSubject) return;
                  StoredCommit commit = to_commit(std::move(message));
                  newest[commit.name_space] = std::move(commit);
                }));
  std::vector<StoredCommit> commits;
  commits.reserve(newest.size());
  for (auto& [name_space, commit] : newest) commits.push_back(std::move(commit));
  return commits;
}

Result<std::vector<StoredCommit>> NatsCommitLog::history(const NamespaceName& name_space,
                                                         size_t limit) {
  TRY(check_namespace(name_space));
  const std::string subject = commit_subject(name_space);
  std::vector<StoredCommit> commits;
  auto found = TRY(jetstream::last(connection_, kCommitStream, subject));
  while (found && commits.size() < limit) {
    const std::string previous(found->header(kPreviousHeader));
    const uint64_t sequence = found->sequence;
    commits.push_back(to_commit(std::move(*found)));
    if (previous == "0" || commits.size() == limit) return commits;
    const uint64_t before = std::strtoull(previous.c_str(), nullptr, 10);
    found.reset();
    if (before > 0 && before < sequence) {
      found = TRY(jetstream::at(connection_, kCommitStream, before));
    }
    if (found && found->subject == subject) continue;
    // A message of another writer: all is read.
    for (auto& commit :
         TRY(scan_history(connection_, name_space, sequence, limit - commits.size()))) {
      commits.push_back(std::move(commit));
    }
    return commits;
  }
  return commits;
}

Result<std::unique_ptr<Subscription>> NatsCommitLog::follow(
    std::function<void(StoredCommit)> on_commit, std::function<void()> on_caught_up) {
  return follow_feed(connection_, {std::string(kCommitStream), std::string(kCommitSubjects)},
                     {[on_commit = std::move(on_commit)](jetstream::Message message) {
                        if (message.subject == kSkippedSubject) return;
                        on_commit(to_commit(std::move(message)));
                      },
                      std::move(on_caught_up)});
}

}  // namespace ployz

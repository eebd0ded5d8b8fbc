#include "backend.h"

#include <algorithm>
#include <format>

#include <spdlog/spdlog.h>

#include "base/version.h"
#include "components.h"
#include "reports.h"

namespace ployz {
namespace {

constexpr size_t kStatusOperations = 200;   // how far back `status` looks for unfinished ones
constexpr size_t kShowHistory = 1000;       // commits per namespace `show` searches

Result<CommitEntry> decode(const StoredCommit& stored) {
  auto commit = decode_commit(stored.bytes);
  if (!commit) {
    return fail(std::move(commit).error().at(
        std::format("commit {} of {}", stored.sequence, stored.name_space.str())));
  }
  return CommitEntry{stored.sequence, *std::move(commit)};
}

}  // namespace

Result<StatusReport> Backend::status() {
  StatusReport report;
  report.version = version();
  report.started_at_ms = node_.started_at_ms();
  report.components.push_back(containers_component(node_.drivers()));
  if (const auto removed = node_.removed()) {
    report.network = removed->network;
    report.machine = removed->machine;
    report.removed = removed->removed;
    report.components.push_back({"network", false, node_.member().error().line()});
    return report;
  }
  const auto member = node_.member();
  if (!member) return report;
  report.network = (*member)->identity().network;
  report.machine = (*member)->identity().machine;
  std::ranges::move(components_of(**member, node_.drivers()),
                    std::back_inserter(report.components));
  if (const auto all = namespaces()) report.namespaces = all->size();
  if (const auto all = instances({})) report.instances = all->size();
  if (const auto operations = this->operations(kStatusOperations)) {
    for (const Operation& operation : *operations) {
      if (!operation.ended()) report.unfinished.push_back(operation.id);
    }
  }
  return report;
}

Result<Plan> Backend::deploy_preview(const DeployRequest& request) {
  return TRY(node_.member())->engine().preview(request);
}

Result<Operation> Backend::deploy(const DeployRequest& request, const EventSink& events,
                                  std::stop_token cancel) {
  return TRY(node_.member())->engine().run(request, events, std::move(cancel));
}

Result<Plan> Backend::namespace_rm_preview(const NamespaceRmRequest& request) {
  return TRY(node_.member())->engine().preview(request);
}

Result<Operation> Backend::namespace_rm(const NamespaceRmRequest& request, const EventSink& events,
                                        std::stop_token cancel) {
  return TRY(node_.member())->engine().run(request, events, std::move(cancel));
}

Result<std::vector<NamespaceReport>> Backend::namespaces() {
  const auto member = TRY(node_.member());
  std::vector<NamespaceReport> reports;
  for (const StoredCommit& stored : TRY(member->commits().newest_of_all())) {
    const auto entry = decode(stored);
    // One that does not parse hides no other; asking for it by name says what is wrong.
    if (!entry) {
      spdlog::warn("{}", entry.error().line());
    } else if (!entry->commit.removed) {
      reports.push_back(namespace_report(*entry, cluster_config(node_.config())));
    }
  }
  std::ranges::sort(reports, {}, [](const NamespaceReport& report) {
    return report.newest.commit.name_space;
  });
  return reports;
}

Result<NamespaceReport> Backend::namespace_inspect(const NamespaceName& name) {
  const auto member = TRY(node_.member());
  const auto stored = TRY(member->commits().newest(name));
  if (stored) {
    const CommitEntry entry = TRY(decode(*stored));
    if (!entry.commit.removed) return namespace_report(entry, cluster_config(node_.config()));
  }
  return fail(Code::not_found, std::format("there is no namespace {}", name.str()),
              "list them: ployzctl namespace ls");
}

Result<std::vector<CommitEntry>> Backend::log(const NamespaceName& name, size_t limit) {
  const auto member = TRY(node_.member());
  std::vector<CommitEntry> entries;
  for (const StoredCommit& stored : TRY(member->commits().history(name, limit))) {
    CommitEntry entry = TRY(decode(stored));
    if (entry.commit.kind != CommitKind::fence) entries.push_back(std::move(entry));
  }
  if (!entries.empty()) return entries;
  return fail(Code::not_found, std::format("there is no namespace {}", name.str()),
              "list them: ployzctl namespace ls");
}

Result<CommitEntry> Backend::show(std::string_view id_or_prefix) {
  const auto member = TRY(node_.member());
  std::vector<CommitEntry> matches;
  for (const StoredCommit& newest : TRY(member->commits().newest_of_all())) {
    for (const StoredCommit& stored :
         TRY(member->commits().history(newest.name_space, kShowHistory))) {
      auto entry = decode(stored);
      if (entry && entry->commit.id.str().starts_with(id_or_prefix)) {
        matches.push_back(*std::move(entry));
      }
    }
  }
  if (matches.size() == 1) return std::move(matches.front());
  if (matches.empty()) {
    return fail(Code::not_found, std::format("no commit begins with '{}'", id_or_prefix),
                "list commits: ployzctl log NAMESPACE");
  }
  std::string names;
  for (const CommitEntry& entry : matches) names += ' ' + entry.commit.id.str();
  return fail(Code::conflict,
              std::format("{} commits begin with '{}'", matches.size(), id_or_prefix),
              "one of:" + names);
}

Result<std::vector<InstanceReport>> Backend::instances(const NamespaceName& name) {
  const Snapshot snapshot = TRY(TRY(node_.member())->engine().snapshot({}));
  return instance_reports(snapshot, name);
}

}  // namespace ployz

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

// With the store away nobody is on the way to the others, but over the overlay to one's own.
constexpr std::chrono::milliseconds kCopyPatience{1500};

void count(ApiService& from, StatusReport& report) {
  if (const auto all = from.namespaces()) report.namespaces = all->size();
  if (const auto all = from.instances({})) report.instances = all->size();
  if (const auto operations = from.operations(kStatusOperations)) {
    for (const Operation& operation : *operations) {
      if (!operation.ended()) report.unfinished.push_back(operation.id);
    }
  }
}

Result<CommitEntry> decode(const StoredCommit& stored) {
  auto commit = decode_commit(stored.bytes);
  if (!commit) {
    return fail(std::move(commit).error().at(
        std::format("commit {} of {}", stored.sequence, stored.name_space.str())));
  }
  return CommitEntry{stored.sequence, *std::move(commit)};
}

}  // namespace

Result<Backend::Reading> Backend::reading() {
  auto member = TRY(node_.member());
  if (copied_) return Reading{std::move(member), copied_->reading()};
  const ReadSource store{member->commits(), member->records(), member->engine(),
                           member->admissions(), member->invites()};
  return Reading{std::move(member), store};
}

ApiService::Copy Backend::copy() {
  const auto member = node_.member();
  const auto facts = member && !copied_ ? (*member)->copy_facts() : std::nullopt;
  if (!facts || !facts->whole) return {};
  auto connection = (*member)->store().connect_to_copy();
  if (!connection) {
    spdlog::warn("copy of the store: {}", connection.error().line());
    return {};
  }
  EngineConfig config;
  config.self = (*member)->identity().machine.id;
  config.cluster = cluster_config(node_.config());
  config.rpc_timeout = kCopyPatience;
  const LocalDrivers& drivers = node_.drivers();
  auto copied = std::make_shared<CopyReading>(
      config, *std::move(connection),
      CopyReading::Ports{(*member)->rpc(), drivers.clock, drivers.entropy, drivers.executor});
  const uint64_t now = drivers.clock.wall_ms();
  return {std::unique_ptr<ApiService>(new Backend(node_, std::move(copied))),
          {now - std::min(now, facts->behind_ms), facts->behind_ms, facts->commits}};
}

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
  const auto store = std::ranges::find(report.components, "store", &ComponentReport::name);
  if (store == report.components.end() || store->healthy) {
    count(*this, report);
  } else if (const Copy copy = this->copy(); copy.service) {
    report.as_of = copy.as_of;
    count(*copy.service, report);
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
  const Reading from = TRY(reading());
  std::vector<NamespaceReport> reports;
  for (const StoredCommit& stored : TRY(from.store.commits.newest_of_all())) {
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
  const Reading from = TRY(reading());
  const auto stored = TRY(from.store.commits.newest(name));
  if (stored) {
    const CommitEntry entry = TRY(decode(*stored));
    if (!entry.commit.removed) return namespace_report(entry, cluster_config(node_.config()));
  }
  return fail(Code::not_found, std::format("there is no namespace {}", name.str()),
              "list them: ployzctl namespace ls");
}

Result<std::vector<CommitEntry>> Backend::log(const NamespaceName& name, size_t limit) {
  const Reading from = TRY(reading());
  std::vector<CommitEntry> entries;
  for (const StoredCommit& stored : TRY(from.store.commits.history(name, limit))) {
    CommitEntry entry = TRY(decode(stored));
    if (entry.commit.kind != CommitKind::fence) entries.push_back(std::move(entry));
  }
  if (!entries.empty()) return entries;
  return fail(Code::not_found, std::format("there is no namespace {}", name.str()),
              "list them: ployzctl namespace ls");
}

Result<CommitEntry> Backend::show(std::string_view id_or_prefix) {
  const Reading from = TRY(reading());
  std::vector<CommitEntry> matches;
  for (const StoredCommit& newest : TRY(from.store.commits.newest_of_all())) {
    for (const StoredCommit& stored :
         TRY(from.store.commits.history(newest.name_space, kShowHistory))) {
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
  const Reading from = TRY(reading());
  const Snapshot snapshot = TRY(from.store.engine.snapshot({}));
  return instance_reports(snapshot, name);
}

}  // namespace ployz

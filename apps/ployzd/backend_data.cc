// What moves data: plans of the engine, and the datasets that machines tell of.
#include <algorithm>
#include <map>
#include <tuple>

#include "backend.h"
#include "plan/carry_over.h"

namespace ployz {
namespace {

Request engine_request(const ChangeRequest& request) {
  return std::visit([](const auto& one) { return Request(one); }, request);
}

// The names that newest commits give datasets.
std::map<DatasetId, std::pair<NamespaceName, VolumeName>> names_of(const Snapshot& snapshot) {
  std::map<DatasetId, std::pair<NamespaceName, VolumeName>> names;
  for (const auto& [name, entry] : snapshot.newest) {
    for (const CommittedVolume& volume : entry.commit.volumes) {
      names.try_emplace(volume.dataset, name, volume.spec.name);
    }
  }
  return names;
}

}  // namespace

Result<Plan> Backend::change_preview(const ChangeRequest& request) {
  return TRY(node_.member())->engine().preview(engine_request(request));
}

Result<Operation> Backend::change(const ChangeRequest& request, const EventSink& events,
                                  std::stop_token cancel) {
  return TRY(node_.member())->engine().run(engine_request(request), events, std::move(cancel));
}

Result<PreparedReport> Backend::prepare(const ChangeRequest& request, uint64_t ttl_ms) {
  PreparedPlan plan = TRY(TRY(node_.member())
                              ->engine()
                              .prepare(engine_request(request), std::chrono::milliseconds(ttl_ms)));
  return PreparedReport{plan.id, plan.expires_at_ms, std::move(plan.plan)};
}

Result<Operation> Backend::apply_prepared(const OperationId& id, const EventSink& events,
                                          std::stop_token cancel) {
  return TRY(node_.member())->engine().apply_prepared(id, events, std::move(cancel));
}

Result<VolumesReport> Backend::volumes(const NamespaceName& name) {
  SnapshotQuery query;
  query.datasets = true;
  const Reading from = TRY(reading());
  const Snapshot snapshot = TRY(from.store.engine.snapshot(query));
  const auto names = names_of(snapshot);
  VolumesReport reports;
  for (const Machine& machine : snapshot.machines) {
    const auto facts = snapshot.facts.find(machine.id);
    if (facts == snapshot.facts.end()) {
      reports.silent.push_back(machine.name);
      continue;
    }
    for (const Dataset& dataset : facts->second.datasets) {
      VolumeReport report{dataset, machine.id, machine.name, {}, {}};
      if (const auto known = names.find(dataset.spec.id); known != names.end()) {
        std::tie(report.name_space, report.volume) = known->second;
      }
      const NamespaceName& owner =
          report.name_space.empty() ? dataset.spec.name_space : report.name_space;
      if (name.empty() || owner == name) reports.volumes.push_back(std::move(report));
    }
  }
  std::ranges::sort(reports.volumes, {}, [](const VolumeReport& report) {
    const DatasetSpec& spec = report.dataset.spec;
    return std::tuple(spec.name_space, spec.volume, report.dataset.created_at_ms, spec.id);
  });
  return reports;
}

Result<Manifest> Backend::manifest_of(const NamespaceName& name) {
  const NamespaceReport report = TRY(namespace_inspect(name));
  const Commit& commit = report.newest.commit;
  Manifest manifest = ployz::manifest_of(as_it_is(commit, "manifest", commit.kind));
  normalise(manifest);
  return manifest;
}

}  // namespace ployz

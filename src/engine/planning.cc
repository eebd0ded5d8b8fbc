#include "engine/planning.h"

#include <algorithm>
#include <format>
#include <set>

#include "plan/planners.h"

namespace ployz {
namespace {

using Images = std::set<std::string>;

// Whether something is read for a request: nothing of data is, where there are no volumes.
enum class When { never, with_volumes, always };

// What a commit's services run, by name and by id.
void add_images(const Commit& commit, Images& images) {
  for (const CommittedService& committed : commit.services) {
    images.insert(committed.service.container.image);
    images.insert(committed.service.container.image_id);
  }
}

void add_newest_images(const Snapshot& snapshot, const NamespaceName& name_space, Images& images) {
  const auto newest = snapshot.newest.find(name_space);
  if (newest != snapshot.newest.end()) add_images(newest->second.commit, images);
}

// Of the commit that is gone back to; when there is none, the planner says so.
void add_target_images(const Snapshot& snapshot, const RollbackRequest& request, Images& images) {
  if (const auto target = rollback_target(request, snapshot)) add_images(target->commit, images);
}

// Of all earlier commits that this very manifest was deployed for: it may be one of them again.
void add_images_of_manifest(const Snapshot& snapshot, const Manifest& manifest, Images& images) {
  const auto history = snapshot.history.find(manifest.name_space);
  if (history == snapshot.history.end()) return;
  const std::string digest = manifest_digest(manifest);
  for (const CommitEntry& entry : history->second) {
    if (entry.commit.manifest_digest == digest) add_images(entry.commit, images);
  }
}

// What a kind of request is called, what has to be read for it, and its planner. One function
// `entry_of` for each kind.
struct Entry {
  std::string_view kind;
  const NamespaceName& name_space;  // where its commit goes
  const NamespaceName* from = nullptr;  // whose state it takes, if it is not its own
  When history = When::never;           // former commits of `name_space`
  When datasets = When::with_volumes;   // of the machines
  bool brings_volumes = false;          // that no commit has yet
  // References, and ids of images that run already: where they are decides where they can go.
  std::function<Images(const Snapshot&)> images = {};
  std::function<Result<Plan>(const Snapshot&, const PlanIdentity&)> plan = {};
};

std::function<Images(const Snapshot&)> images_of(std::vector<NamespaceName> namespaces) {
  return [namespaces = std::move(namespaces)](const Snapshot& snapshot) {
    Images images;
    for (const NamespaceName& one : namespaces) add_newest_images(snapshot, one, images);
    return images;
  };
}

// How every planner is called.
template <class R, class Plans>
auto planned_by(Plans plans, const R& request) {
  return [plans, &request](const Snapshot& snapshot, const PlanIdentity& identity) {
    return plans(request, snapshot, identity);
  };
}

Entry entry_of(const DeployRequest& request) {
  const Manifest& manifest = request.manifest;
  Entry entry{"deploy", manifest.name_space};
  if (manifest.promote) entry.from = &manifest.promote->from;
  entry.history = manifest.rollback ? When::always : When::with_volumes;
  entry.brings_volumes = !manifest.volumes.empty();
  entry.images = [&request](const Snapshot& snapshot) {
    const Manifest& manifest = request.manifest;
    Images images;
    for (const Service& service : manifest.services) images.insert(service.container.image);
    if (manifest.promote) {
      add_newest_images(snapshot, manifest.name_space, images);
      add_newest_images(snapshot, manifest.promote->from, images);
    }
    if (manifest.rollback) {
      add_target_images(snapshot, {manifest.name_space, manifest.rollback->to}, images);
    } else {
      add_images_of_manifest(snapshot, manifest, images);
    }
    return images;
  };
  entry.plan = planned_by(plan_deploy, request);
  return entry;
}

Entry entry_of(const NamespaceRmRequest& request) {
  Entry entry{"namespace_rm", request.name_space};
  entry.history = request.volumes ? When::with_volumes : When::never;
  entry.plan = planned_by(plan_namespace_rm, request);
  return entry;
}

Entry entry_of(const BranchRequest& request) {
  Entry entry{"branch", request.target, &request.source};
  entry.images = images_of({request.source, request.target});
  entry.plan = planned_by(plan_branch, request);
  return entry;
}

Entry entry_of(const ForkVolumeRequest& request) {
  Entry entry{"fork_volume", request.target, &request.source};
  entry.datasets = When::always;
  entry.plan = planned_by(plan_fork_volume, request);
  return entry;
}

Entry entry_of(const MigrateRequest& request) {
  Entry entry{"migrate", request.name_space};
  entry.images = images_of({request.name_space});
  entry.plan = planned_by(plan_migrate, request);
  return entry;
}

Entry entry_of(const EvacuateRequest& request) {
  Entry entry{"drain", request.name_space};
  entry.images = images_of({request.name_space});
  entry.plan = planned_by(plan_evacuate, request);
  return entry;
}

Entry entry_of(const AbandonRequest& request) {
  Entry entry{"abandon", request.name_space};
  entry.images = images_of({request.name_space});
  entry.plan = planned_by(plan_abandon, request);
  return entry;
}

Entry entry_of(const PromoteRequest& request) {
  Entry entry{"promote", request.target, &request.from};
  entry.images = images_of({request.from, request.target});
  entry.plan = [&request](const Snapshot& snapshot, const PlanIdentity& identity) {
    return plan_promote(request, {}, snapshot, identity);
  };
  return entry;
}

Entry entry_of(const RollbackRequest& request) {
  Entry entry{"rollback", request.name_space};
  entry.history = When::always;
  entry.images = [&request](const Snapshot& snapshot) {
    Images images;
    add_target_images(snapshot, request, images);
    return images;
  };
  entry.plan = planned_by(plan_rollback, request);
  return entry;
}

Entry entry_of(const VolumeSnapshotRequest& request) {
  Entry entry{"volume_snapshot", request.name_space};
  entry.plan = planned_by(plan_volume_snapshot, request);
  return entry;
}

Entry entry_of(const VolumeRmRequest& request) {
  Entry entry{"volume_rm", request.name_space};
  entry.history = When::always;
  entry.datasets = When::always;
  entry.plan = planned_by(plan_volume_rm, request);
  return entry;
}

Entry entry_of(const VolumePruneRequest& request) {
  Entry entry{"volume_prune", request.name_space};
  entry.history = When::always;
  entry.datasets = When::always;
  entry.plan = planned_by(plan_volume_prune, request);
  return entry;
}

Entry entry_of(const Request& request) {
  return std::visit([](const auto& one) { return entry_of(one); }, request);
}

std::vector<NamespaceName> namespaces_of(const Entry& entry) {
  std::vector<NamespaceName> names{entry.name_space};
  if (entry.from != nullptr && *entry.from != entry.name_space) names.push_back(*entry.from);
  return names;
}

bool has_volumes(const Entry& entry, const Snapshot& snapshot) {
  return entry.brings_volumes || std::ranges::any_of(namespaces_of(entry), [&](const auto& name) {
           const auto newest = snapshot.newest.find(name);
           return newest != snapshot.newest.end() && !newest->second.commit.volumes.empty();
         });
}

// Everything the planner looks at.
Result<ReadSnapshot> read_for(const EngineConfig& config, const Engine::Ports& ports,
                              const Entry& entry) {
  ReadSnapshot read = TRY(read_store(config, ports));
  for (const NamespaceName& name : namespaces_of(entry)) {
    if (const auto bad = read.unreadable.find(name); bad != read.unreadable.end()) {
      return fail(bad->second);
    }
  }
  const bool volumes = has_volumes(entry, read.snapshot);
  const auto wanted = [&](When when) {
    return when == When::always || (when == When::with_volumes && volumes);
  };
  if (wanted(entry.history)) TRY(read_history(ports.commits, entry.name_space, read));
  FactsRequest facts;
  facts.datasets = wanted(entry.datasets);
  if (entry.images) {
    const Images images = entry.images(read.snapshot);
    facts.images.assign(images.begin(), images.end());
  }
  ask_machines(config, ports, facts, read);
  return read;
}

void name_machines(const std::vector<Machine>& machines, const MachineId& self, Plan& plan) {
  std::set<MachineId> wanted{self};
  for (const auto* list : {&plan.apply, &plan.cleanup}) {
    for (const Step& step : *list) {
      wanted.insert(step.machine);
      if (const auto* receive = std::get_if<ReceiveDataset>(&step.action)) wanted.insert(receive->from);
    }
  }
  for (const Machine& machine : machines) {
    if (wanted.contains(machine.id)) plan.machine_names[machine.id] = machine.name;
  }
}

}  // namespace

std::string_view kind_of(const Request& request) { return entry_of(request).kind; }

const NamespaceName& namespace_of(const Request& request) { return entry_of(request).name_space; }

Result<PlanAndSnapshot> plan_now(const EngineConfig& config, const Engine::Ports& ports,
                                 const Request& request, const OperationId& operation) {
  const Entry entry = entry_of(request);
  ReadSnapshot read = TRY(read_for(config, ports, entry));
  const PlanIdentity identity{operation, ports.entropy.next_u64()};
  PlanAndSnapshot made;
  made.plan = TRY(entry.plan(read.snapshot, identity));
  name_machines(read.snapshot.machines, config.self, made.plan);
  for (const NamespaceName& name : namespaces_of(entry)) {
    const auto newest = read.snapshot.newest.find(name);
    made.sequences[name] = newest == read.snapshot.newest.end() ? 0 : newest->second.sequence;
  }
  made.machines = std::move(read.snapshot.machines);
  made.notes = std::move(read.notes);
  return made;
}

PlanMaker planning_of(const Request& request) {
  return [&request](Session& session) -> Status {
    PlanAndSnapshot made = TRY(plan_now(session.config, session.ports, request, session.op.id));
    session.op.plan = std::move(made.plan);
    // A manifest may turn out to be a rollback.
    if (!session.op.plan.kind.empty()) session.op.kind = session.op.plan.kind;
    session.know(made.machines);
    for (std::string& note : made.notes) session.emit(Event::Kind::note, std::move(note));
    return {};
  };
}

}  // namespace ployz

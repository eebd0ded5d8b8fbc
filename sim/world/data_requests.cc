#include "sim/world/data_requests.h"

#include <format>

#include "plan/change_request.h"

namespace ployz::sim {
namespace {

template <class T>
const T& any_of(Random& random, const std::vector<T>& choices) {
  return choices[random.below(choices.size())];
}

std::optional<Consistency> random_consistency(Random& random) {
  switch (random.below(4)) {
    case 0: return Consistency::crash;
    case 1:
    case 2: return Consistency::pause;
    default: return std::nullopt;
  }
}

BranchMode random_mode(Random& random) {
  return random.below(4) > 0 ? BranchMode::branch : BranchMode::fresh;
}

class Requests {
 public:
  Requests(Random& random, const std::map<NamespaceName, CommitEntry>& newest,
           const std::vector<Commit>& log, const std::vector<NamespaceName>& namespaces,
           const std::vector<std::string>& machines)
      : random_(random), log_(log), namespaces_(namespaces), machines_(machines) {
    for (const auto& [name, entry] : newest) {
      if (!entry.commit.removed) living_.push_back(&entry.commit);
      if (!entry.commit.volumes.empty()) with_volumes_.push_back(&entry.commit);
    }
  }

  std::optional<Request> draw() {
    if (living_.empty()) return std::nullopt;
    const Commit& source = *any_of(random_, living_);
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2: return branch(source);
      case 3: return fork();
      case 4:
      case 5:
      case 6:
      case 7: return migrate();
      case 8:
      case 9: return promote();
      case 10:
      case 11: return rollback(source);
      case 12: return VolumeSnapshotRequest{source.name_space, random_consistency(random_)};
      case 13: return volume_rm();
      case 14: return VolumePruneRequest{any_of(random_, living_)->name_space, random_.below(3)};
      default: return NamespaceRmRequest{source.name_space, random_.coin()};
    }
  }

 private:
  NamespaceName branch_name() { return NamespaceName(std::format("pr{}", random_.between(1, 2))); }

  std::optional<Request> branch(const Commit& source) {
    BranchRequest request;
    request.source = source.name_space;
    request.target = branch_name();
    request.service_mode = random_mode(random_);
    request.volume_mode = random_mode(random_);
    for (const CommittedVolume& volume : source.volumes) {
      if (random_.below(4) == 0) request.volumes[volume.spec.name] = random_mode(random_);
    }
    request.consistency = random_consistency(random_);
    return request;
  }

  std::optional<Request> fork() {
    if (with_volumes_.empty()) return std::nullopt;
    const Commit& source = *any_of(random_, with_volumes_);
    ForkVolumeRequest request;
    request.source = source.name_space;
    request.volume = any_of(random_, source.volumes).spec.name;
    request.target = random_.coin() ? any_of(random_, namespaces_) : branch_name();
    request.new_name = VolumeName(std::format("copy{}", random_.between(1, 3)));
    request.consistency = random_consistency(random_);
    return request;
  }

  // Mostly of a service that has data.
  std::optional<Request> migrate() {
    std::vector<std::pair<NamespaceName, ServiceName>> services;
    for (const Commit* commit : living_) {
      for (const CommittedService& service : commit->services) {
        const bool data = !service.service.container.mounts.empty();
        services.insert(services.end(), data ? 6 : 1, {commit->name_space, service.service.name});
      }
    }
    if (services.empty()) return std::nullopt;
    const auto& [name_space, service] = any_of(random_, services);
    return MigrateRequest{name_space, service, any_of(random_, machines_)};
  }

  std::optional<Request> promote() {
    std::vector<const Commit*> branches;
    for (const Commit* commit : living_) {
      if (commit->name_space.str().starts_with("pr")) branches.push_back(commit);
    }
    const Commit& from = *any_of(random_, branches.empty() ? living_ : branches);
    PromoteRequest request;
    request.from = from.name_space;
    request.target = any_of(random_, namespaces_);
    for (const CommittedVolume& volume : from.volumes) {
      if (random_.below(3) == 0) continue;
      request.volumes[volume.spec.name] = random_.coin() ? PromoteData::keep : PromoteData::take;
    }
    request.consistency = random_consistency(random_);
    if (random_.below(3) > 0) return request;
    DeployRequest manifest;
    manifest.manifest.name_space = request.target;
    manifest.manifest.promote = {request.from, request.volumes};
    return manifest;
  }

  std::optional<Request> rollback(const Commit& source) {
    RollbackRequest request;
    request.name_space = source.name_space;
    constexpr std::array kStates{RollbackData::last, RollbackData::last, RollbackData::commit,
                                 RollbackData::keep};
    request.state = kStates[random_.below(kStates.size())];
    std::vector<const Commit*> former;
    for (const Commit& commit : log_) {
      if (commit.name_space == source.name_space) former.push_back(&commit);
    }
    if (random_.below(3) == 0 && !former.empty()) request.to = any_of(random_, former)->id.str();
    if (random_.below(4) > 0) return request;
    DeployRequest manifest;
    manifest.manifest.name_space = request.name_space;
    manifest.manifest.rollback = {request.to, request.state};
    return manifest;
  }

  std::optional<Request> volume_rm() {
    if (with_volumes_.empty()) return std::nullopt;
    const Commit& source = *any_of(random_, with_volumes_);
    return VolumeRmRequest{source.name_space, any_of(random_, source.volumes).spec.name};
  }

  Random& random_;
  const std::vector<Commit>& log_;
  const std::vector<NamespaceName>& namespaces_;
  const std::vector<std::string>& machines_;
  std::vector<const Commit*> living_;
  std::vector<const Commit*> with_volumes_;
};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

std::optional<Request> random_data_request(Random& random,
                                           const std::map<NamespaceName, CommitEntry>& newest,
                                           const std::vector<Commit>& log,
                                           const std::vector<NamespaceName>& namespaces,
                                           const std::vector<std::string>& machines) {
  return Requests(random, newest, log, namespaces, machines).draw();
}

std::string describe(const Request& request) {
  return std::visit(
      Overloaded{[](const DeployRequest& deploy) {
                   const Manifest& manifest = deploy.manifest;
                   return std::format("deploy {} {}", manifest.name_space.str(),
                                      manifest.promote    ? "[promote]"
                                      : manifest.rollback ? "[rollback]"
                                                          : "");
                 },
                 [](const NamespaceRmRequest& rm) {
                   return std::format("namespace rm {}{}", rm.name_space.str(),
                                      rm.volumes ? " --volumes" : "");
                 },
                 [](const EvacuateRequest& evacuate) {
                   return std::format("evacuate {} from {}", evacuate.name_space.str(),
                                      evacuate.machine.str());
                 },
                 [](const AbandonRequest& abandon) {
                   return std::format("abandon what {} had of {}", abandon.machine.str(),
                                      abandon.name_space.str());
                 },
                 [](const auto& change) { return to_text(to_json(ChangeRequest(change))); }},
      request);
}

}  // namespace ployz::sim

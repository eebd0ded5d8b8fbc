// What planners take over from a commit: its services exactly as they run, its volumes as they are.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/commit.h"
#include "plan/next_state.h"

namespace ployz {

// The newest commit of a namespace that lives. `not_found`.
[[nodiscard]] Result<const Commit*> living(const Snapshot& snapshot, const NamespaceName& name);
// Those that change neither what is served nor what volumes hold are no step to go back over.
[[nodiscard]] bool changes_state(const Commit& commit);
// Everything as it is: services untouched, volumes kept. The base of plans that change one thing.
[[nodiscard]] NextState as_it_is(const Commit& commit, std::string plan_kind, CommitKind kind);
// The manifest that would say this, and its digest.
[[nodiscard]] Manifest manifest_of(const NextState& next);
[[nodiscard]] std::string digest_of(const NextState& next);
// Of a commit, by name. `not_found`.
[[nodiscard]] Result<const CommittedService*> service_of(const Commit& commit,
                                                         const ServiceName& name);
[[nodiscard]] Result<const CommittedVolume*> volume_of(const Commit& commit,
                                                       const VolumeName& name);
// That volume as it is now, to be cloned.
[[nodiscard]] VolumeSource fork_of(const CommittedVolume& volume, std::string why);
// Datasets that a newest commit of any namespace maps, but of this one: no other command may destroy
// them.
[[nodiscard]] std::set<DatasetId> mapped_datasets(const Snapshot& snapshot,
                                                  const NamespaceName& except = {});
// Nothing to do.
[[nodiscard]] Plan already(std::string plan_kind, const CommitEntry& newest, std::string why);
// Who has to stand still while these volumes of a commit are snapshotted, for NextState::paused: its
// instances that write one of them; nobody unless that was asked for, or several volumes must fit
// together and no pool of theirs takes snapshots of one instant.
[[nodiscard]] std::vector<CommittedInstance> paused_for(const Commit& commit,
                                                        const std::vector<VolumeName>& volumes,
                                                        std::optional<Consistency> asked,
                                                        const Snapshot& snapshot);
// "01abcdefgh…" → its last digits, which tell commits apart.
[[nodiscard]] std::string brief(const CommitId& id);

}  // namespace ployz

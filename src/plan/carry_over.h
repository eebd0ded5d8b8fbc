// What planners take over from a commit: its services exactly as they run, its volumes as they are.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/next_state.h"

namespace ployz {

// The newest commit of a namespace that lives. `not_found`.
[[nodiscard]] Result<const Commit*> living(const Snapshot& snapshot, const NamespaceName& name);
// Those that change neither what is served nor what volumes hold are no step to go back over.
[[nodiscard]] bool changes_state(const Commit& commit);
// Everything as it is: services untouched, volumes kept. The base of plans that change one thing.
[[nodiscard]] NextState as_it_is(const Commit& commit, std::string plan_kind, CommitKind kind);
// The manifest that would say this.
[[nodiscard]] std::string digest_of(const NextState& next);
// The committed instances that write one of these volumes.
[[nodiscard]] std::vector<CommittedInstance> writers_of(const Commit& commit,
                                                        const std::vector<VolumeName>& volumes);
// Whether writers stand still: as asked, else when several volumes must fit together and no pool of
// theirs takes snapshots of one instant.
[[nodiscard]] bool pauses(std::optional<Consistency> asked, const Commit& commit,
                          const std::vector<VolumeName>& volumes, const Snapshot& snapshot);
// "01abcdefgh…" → its last digits, which tell commits apart.
[[nodiscard]] std::string brief(const CommitId& id);

}  // namespace ployz

// What `zfs list` prints, as the model's datasets, and the properties that carry what ZFS does not
// know: a dataset's owner, operation and lineage are user properties (zfsprops(7)) named ployz:….
// Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/dataset.h"

namespace ployz {

// Columns of `zfs list -Hp -o …` that parse_datasets reads.
inline constexpr std::string_view kDatasetColumns =
    "name,guid,createtxg,creation,referenced,ployz:namespace,ployz:volume,ployz:operation,"
    "ployz:quota,ployz:mode,ployz:owner,ployz:origin,ployz:state";

// A snapshot that Ployz has given up while clones need it is renamed to this and its guid: its name
// is free again, and no name of ours has a colon.
inline constexpr std::string_view kGivenUp = "gone:";

// Between its making and its finishing touch, a dataset has this as ployz:state.
inline constexpr std::string_view kMaking = "making";

struct ZfsDataset {
  Dataset dataset;
  bool making = false;
};

// By id. What is not directly below `root`, or not ours, is left out; so are snapshots whose name
// cannot be ours: given up, or an operator's. `corrupt`: the columns are not those above.
[[nodiscard]] Result<std::map<DatasetId, ZfsDataset>> parse_datasets(std::string_view printed,
                                                                     std::string_view root);

// `-o` arguments that make a dataset ours, finished unless `making`.
[[nodiscard]] std::vector<std::string> spec_properties(const DatasetSpec& spec,
                                                       const DatasetOrigin* origin, bool making);

// "ployz:origin=DATASET@SNAPSHOT", for `zfs set`.
[[nodiscard]] std::string origin_property(const DatasetOrigin& origin);

}  // namespace ployz

#include "model/dataset.h"

#include <algorithm>

#include "model/dataset_fields.h"

namespace ployz {

const DatasetSnapshot* Dataset::snapshot(const SnapshotName& name) const {
  const auto found = std::ranges::find(snapshots, name, &DatasetSnapshot::name);
  return found == snapshots.end() ? nullptr : &*found;
}

Json to_json(const Dataset& dataset) {
  return write_fields(dataset);
}
Result<Dataset> dataset_from_json(const Json& json) {
  return read_fields<Dataset>(json);
}

Json to_json(const DatasetSpec& spec) {
  return write_fields(spec);
}
Result<DatasetSpec> dataset_spec_from_json(const Json& json) {
  return read_fields<DatasetSpec>(json);
}

Json to_json(const StoragePool& pool) {
  return write_fields(pool);
}
Result<StoragePool> storage_pool_from_json(const Json& json) {
  return read_fields<StoragePool>(json);
}

}  // namespace ployz

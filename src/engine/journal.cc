#include "engine/journal.h"

#include <algorithm>
#include <format>

#include "engine/record_write.h"

namespace ployz {
namespace {

Result<Operation> decode_operation(std::string_view bytes) {
  return operation_from_json(TRY(parse_json(bytes)));
}

}  // namespace

Result<std::optional<JournaledOperation>> find_operation(KeyValue& records, const OperationId& id) {
  const auto record = TRY(records.get(Bucket::operations, id.str()));
  if (!record) return std::optional<JournaledOperation>();
  auto operation = decode_operation(record->value);
  if (!operation) {
    return fail(Code::corrupt, std::format("the record of operation {} does not parse: {}",
                                           id.str(), operation.error().message));
  }
  return std::optional(JournaledOperation{std::move(*operation), record->revision});
}

Status Journal::save(const Operation& operation) {
  const std::string& key = operation.id.str();
  const std::string value = to_text(to_json(operation, true));
  auto written = write_record(records_, clock_, Bucket::operations, key, value, revision_);
  if (!written && written.error().code == Code::conflict && !uncertain_.empty()) {
    // One of our own earlier writes of unknown outcome may be what is in the way.
    const auto found = records_.get(Bucket::operations, key);
    if (found && *found && std::ranges::contains(uncertain_, (*found)->value)) {
      written = write_record(records_, clock_, Bucket::operations, key, value, (*found)->revision);
    }
  }
  if (written) {
    revision_ = *written;
    uncertain_.clear();
    state_ = State::fine;
    return {};
  }
  Error error = std::move(written).error();
  if (error.code == Code::conflict) {
    state_ = State::replaced;
    return fail(Code::conflict,
                std::format("operation {} was taken over by another coordinator", key));
  }
  state_ = State::away;
  if (error.effect == Effect::unknown) uncertain_.push_back(value);
  return fail(
      std::move(error).at(std::format("the journal of operation {} cannot be written", key)));
}

Result<std::vector<JournaledOperation>> list_operations(KeyValue& records, size_t limit) {
  std::vector<Record> all = TRY(records.list(Bucket::operations));
  // Keys are ULIDs: their order is the order of time.
  std::ranges::sort(all, std::ranges::greater{}, &Record::key);
  std::vector<JournaledOperation> operations;
  for (const Record& record : all) {
    if (operations.size() == limit) break;
    auto operation = decode_operation(record.value);
    if (operation) operations.push_back({std::move(*operation), record.revision});
  }
  return operations;
}

void prune_operations(KeyValue& records, size_t keep) {
  auto all = records.list(Bucket::operations);
  if (!all || all->size() <= keep) return;
  std::ranges::sort(*all, std::ranges::greater{}, &Record::key);
  for (const Record& record : std::span(*all).subspan(keep)) {
    const auto operation = decode_operation(record.value);
    // What does not parse is kept: somebody may want to look at it.
    if (!operation || !operation->ended()) continue;
    (void)records.remove(Bucket::operations, record.key, record.revision);
  }
}

}  // namespace ployz

#include "mesh/store_decision.h"

#include <format>

#include "engine/record_write.h"
#include "mesh/roster.h"

namespace ployz {
namespace {

// Each round is somebody else's record in between.
constexpr int kEnforceRounds = 10;

Error busy(const TransferRecord& record) {
  return {Code::conflict, Effect::none,
          std::format("the store is being moved by operation {}", record.operation.str()),
          "wait for that, two minutes at most", {}};
}

bool is_open(const std::optional<StoredTransfer>& newest) {
  return !newest || newest->record.state == TransferState::aborted;
}

bool is_of(const std::optional<StoredTransfer>& newest, const OperationId& operation) {
  return newest && newest->record.operation == operation;
}

std::string maker_key(uint64_t epoch) {
  return std::format("{}{}", kStoreOperationPrefix, epoch);
}

Status write_maker(KeyValue& records, Clock& clock, const StoreCall& call) {
  if (TRY(maker_of(records, call.next.epoch))) return {};
  (void)TRY(write_record(records, clock, Bucket::meta, maker_key(call.next.epoch),
                         call.operation.str(), 0));
  return {};
}

}  // namespace

Status check_prepare(const Machine& self, const StoreEpoch& now,
                     const std::optional<StoredTransfer>& newest, const StoreCall& call) {
  if (call.next.epoch != now.epoch + 1 || !call.next.includes(self.id)) {
    return fail(Code::precondition,
                std::format("machine {} follows epoch {} of the store", self.name, now.epoch),
                "the store has moved meanwhile: try again");
  }
  if (!is_open(newest)) return fail(busy(newest->record));
  if (!is_of(newest, call.operation)) return {};
  return fail(Code::precondition, std::format("operation {} was given up", call.operation.str()));
}

Status begin_transfer(TransferLog& log, const StoreEpoch& now, const StoreCall& call,
                      uint64_t wall_ms) {
  if (call.next.epoch != now.epoch + 1) {
    return fail(Code::precondition, std::format("the store is of epoch {}", now.epoch));
  }
  const auto newest = TRY(log.newest());
  uint64_t begun = 0;
  if (is_of(newest, call.operation)) {
    if (newest->record.state != TransferState::begun) return fail(busy(newest->record));
    begun = newest->sequence;
  } else {
    if (!is_open(newest)) return fail(busy(newest->record));
    const TransferRecord record{TransferState::begun, call.operation, call.next,
                                wall_ms + kStoreDecision.count()};
    begun = TRY(log.append(record, newest ? newest->sequence : 0));
  }
  TRY(log.set_frozen(true));
  const auto after = TRY(log.newest());
  if (after && after->sequence == begun) return {};
  TRY(enforce_decision(log));
  return fail(Code::conflict, "the store's move was given up while it began");
}

Result<TransferState> decide_transfer(TransferLog& log, const StoreCall& call,
                                      TransferState wanted) {
  auto newest = TRY(log.newest());
  if (is_of(newest, call.operation) && newest->record.state == TransferState::begun) {
    if (wanted == TransferState::committed) TRY(log.check_frozen());
    TransferRecord record = newest->record;
    record.state = wanted;
    const auto appended = log.append(record, newest->sequence);
    if (!appended && appended.error().code != Code::conflict) return fail(appended.error());
    newest = TRY(log.newest());
  }
  if (!is_of(newest, call.operation)) return TransferState::aborted;
  if (newest->record.state == TransferState::aborted) TRY(enforce_decision(log));
  return newest->record.state;
}

Status enforce_decision(TransferLog& log) {
  for (int round = 0; round < kEnforceRounds; ++round) {
    const auto newest = TRY(log.newest());
    TRY(log.set_frozen(!is_open(newest)));
    const auto after = TRY(log.newest());
    if (after == newest) return {};
  }
  return fail(Code::unavailable, "the store's move is decided anew again and again");
}

StoreMove next_move(const Machine& self, const StoreEpoch& now,
                    const std::optional<StoredTransfer>& newest, uint64_t wall_ms, bool abandoned) {
  if (!newest) return StoreMove::none;
  const TransferRecord& record = newest->record;
  switch (record.state) {
    case TransferState::committed:
      return record.next.epoch > now.epoch ? StoreMove::go_over : StoreMove::none;
    case TransferState::aborted:
      return StoreMove::discard;
    case TransferState::begun:
      break;
  }
  const bool over = abandoned || wall_ms >= record.deadline_ms;
  return over && waits_for_decision(self, now, newest) ? StoreMove::give_up : StoreMove::none;
}

bool waits_for_decision(const Machine& self, const StoreEpoch& now,
                        const std::optional<StoredTransfer>& newest) {
  return newest && newest->record.state == TransferState::begun && now.includes(self.id);
}

Status write_place(KeyValue& records, Clock& clock, const StoreCall& call) {
  const auto epoch = TRY(records.get(Bucket::meta, kStoreEpochKey));
  if (!epoch) return fail(Code::corrupt, "the copied store does not say its epoch");
  const std::string value = std::to_string(call.next.epoch);
  if (epoch->value != value) {
    TRY(write_record(records, clock, Bucket::meta, kStoreEpochKey, value, epoch->revision));
  }
  TRY(write_maker(records, clock, call));
  for (const Record& record : TRY(records.list(Bucket::machines))) {
    auto machine = parse_json(record.value).and_then(machine_from_json);
    if (!machine || machine->stores == call.next.includes(machine->id)) continue;
    machine->stores = !machine->stores;
    TRY(write_record(records, clock, Bucket::machines, record.key, to_text(to_json(*machine)),
                     record.revision));
  }
  return {};
}

Result<std::optional<OperationId>> maker_of(KeyValue& records, uint64_t epoch) {
  const auto record = TRY(records.get(Bucket::meta, maker_key(epoch)));
  if (!record) return std::nullopt;
  return OperationId(record->value);
}

Result<TransferState> decided_before(KeyValue& records, const StoreCall& call) {
  const auto maker = TRY(maker_of(records, call.next.epoch));
  if (!maker) {
    return fail(Code::unavailable, std::format("the store does not say what made its epoch {}",
                                               call.next.epoch));
  }
  return *maker == call.operation ? TransferState::committed : TransferState::aborted;
}

}  // namespace ployz

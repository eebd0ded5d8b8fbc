#include "model/store.h"

#include <algorithm>

#include "model/codec.h"

namespace ployz {
namespace {

constexpr uint64_t kStoreFormat = 1;
constexpr EnumNames<TransferState, 3> kTransferStates{{{TransferState::begun, "begun"},
                                                       {TransferState::committed, "committed"},
                                                       {TransferState::aborted, "aborted"}}};

}  // namespace

constexpr const auto& enum_names(std::type_identity<TransferState>) {
  return kTransferStates;
}

template <class Codec, Like<StoreMember> T>
void fields(Codec& codec, T& member) {
  codec.field("machine", member.machine);
  codec.field("address", member.address);
}

template <class Codec, Like<StoreEpoch> T>
void fields(Codec& codec, T& epoch) {
  codec.version("format", kStoreFormat);
  codec.field("epoch", epoch.epoch);
  codec.field("members", epoch.members);
}

template <class Codec, Like<TransferRecord> T>
void fields(Codec& codec, T& record) {
  codec.version("format", kStoreFormat);
  codec.field("state", record.state);
  codec.field("operation", record.operation);
  codec.field("next", record.next);
  codec.field("deadline_ms", record.deadline_ms);
}

namespace {

// What goes into a server's configuration: digits and dots.
Status check_epoch(const StoreEpoch& epoch) {
  if (epoch.epoch == 0 || epoch.members.empty()) {
    return fail(Code::corrupt, "an epoch of the store without a number or a machine");
  }
  for (size_t i = 0; i < epoch.members.size(); ++i) {
    const StoreMember& member = epoch.members[i];
    if (i > 0 && !(epoch.members[i - 1].machine < member.machine)) {
      return fail(Code::corrupt, "the machines of the store are not in order, or one is there twice");
    }
    if (member.address.empty() ||
        member.address.find_first_not_of("0123456789.") != std::string::npos) {
      return fail(Code::corrupt, "a machine of the store has no address");
    }
  }
  return {};
}

}  // namespace

bool StoreEpoch::includes(const MachineId& machine) const {
  return std::ranges::contains(members, machine, &StoreMember::machine);
}

std::string_view to_string(TransferState state) {
  return enum_to_string(state);
}

Json to_json(const StoreEpoch& epoch) {
  return write_fields(epoch);
}
Result<StoreEpoch> store_epoch_from_json(const Json& json) {
  StoreEpoch epoch = TRY(read_fields<StoreEpoch>(json));
  TRY(check_epoch(epoch));
  return epoch;
}

Json to_json(const TransferRecord& record) {
  return write_fields(record);
}
Result<TransferRecord> transfer_record_from_json(const Json& json) {
  TransferRecord record = TRY(read_fields<TransferRecord>(json));
  TRY(check_epoch(record.next));
  return record;
}

}  // namespace ployz

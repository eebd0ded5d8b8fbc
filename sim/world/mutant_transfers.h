// The transfers of a store as a machine that holds it sees them, falsified as a mutation wants.
#pragma once

#include "mesh/store_decision.h"
#include "sim/fakes/fake_store.h"
#include "sim/world/mutation.h"

namespace ployz::sim {

class MutantTransfers final : public TransferLog {
 public:
  MutantTransfers(FakeStore& real, Mutation mutation) : real_(real), mutation_(mutation) {}

  Result<std::optional<StoredTransfer>> newest() override {
    return static_cast<TransferLog&>(real_).newest();
  }
  Result<uint64_t> append(const TransferRecord& record, uint64_t expected) override {
    const auto appended = real_.append(record, expected);
    if (mutation_ == Mutation::thaw_former && record.state == TransferState::committed) {
      (void)real_.set_frozen(false);
    }
    return appended;
  }
  // Whatever was decided before.
  Result<TransferState> decide_blindly(const StoreCall& call, TransferState wanted) {
    TRY(real_.append({wanted, call.operation, call.next, 0}, FakeStore::kWhatever));
    if (wanted == TransferState::aborted) TRY(real_.set_frozen(false));
    return wanted;
  }
  Status check_frozen() override {
    return mutation_ == Mutation::no_freeze ? Status{} : real_.check_frozen();
  }
  Status set_frozen(bool frozen) override {
    return mutation_ == Mutation::no_freeze ? Status{} : real_.set_frozen(frozen);
  }

 private:
  FakeStore& real_;
  Mutation mutation_;
};

}  // namespace ployz::sim

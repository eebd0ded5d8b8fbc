#include "mesh/store_steps.h"

namespace ployz {
namespace {

Result<Json> done(const Status& status) {
  if (!status) return fail(status.error());
  return Json::object();
}

}  // namespace

bool StoreSteps::knows(std::string_view command) {
  return is_store_call(command) || command == kStoreEpoch;
}

Result<Json> StoreSteps::handle(const std::string& command, const Json& request) {
  if (command == kStoreEpoch) return store_epoch_answer(epoch(), moves_);
  const StoreCall call = TRY(store_call_from_json(request));
  if (command == kStoreForm) return done(form(call));
  if (command == kStoreCopy) return to_json(TRY(copy_once(call)));
  const std::scoped_lock lock(changing_);
  if (command == kStorePrepare) return done(prepare(call));
  if (command == kStoreDiscard) return done(discard(call));
  if (command == kStoreFreeze) return done(freeze(call));
  if (command == kStoreCommit) return to_json(TRY(decide(call, TransferState::committed)));
  return to_json(TRY(decide(call, TransferState::aborted)));
}

// Its answer may be lost, and the store stands still until somebody has it.
Result<CopiedStore> StoreSteps::copy_once(const StoreCall& call) {
  {
    const std::scoped_lock lock(copies_);
    if (copy_ && copy_->operation == call.operation) {
      if (copy_->end) return *copy_->end;
      return fail(Code::timeout, "the store is still being copied");
    }
    copy_ = Copy{call.operation, {}};
  }
  auto copied = [&] {
    const std::scoped_lock lock(changing_);
    return copy(call);
  }();
  // Whoever asks takes that for an answer that is late, and waits for it.
  if (!copied && copied.error().code == Code::timeout) copied.error().code = Code::unavailable;
  const std::scoped_lock lock(copies_);
  if (copy_ && copy_->operation == call.operation) copy_->end = copied;
  return copied;
}

}  // namespace ployz

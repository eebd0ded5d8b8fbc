#include "mesh/store_steps.h"

namespace ployz {
namespace {

constexpr std::string_view kStoreEpoch = "store_epoch";

Result<Json> done(const Status& status) {
  if (!status) return fail(status.error());
  return Json::object();
}

}  // namespace

bool StoreSteps::knows(std::string_view command) {
  return is_store_call(command) || command == kStoreEpoch;
}

Result<Json> StoreSteps::handle(const std::string& command, const Json& request) {
  if (command == kStoreEpoch) return Json{{"epoch", epoch()}};
  const StoreCall call = TRY(store_call_from_json(request));
  if (command == kStoreForm) return done(form(call));
  const std::scoped_lock lock(changing_);
  if (command == kStorePrepare) return done(prepare(call));
  if (command == kStoreDiscard) return done(discard(call));
  if (command == kStoreFreeze) return done(freeze(call));
  if (command == kStoreCopy) return to_json(TRY(copy(call)));
  if (command == kStoreCommit) return to_json(TRY(decide(call, TransferState::committed)));
  return to_json(TRY(decide(call, TransferState::aborted)));
}

}  // namespace ployz

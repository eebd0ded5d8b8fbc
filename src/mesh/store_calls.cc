#include "mesh/store_calls.h"

#include <algorithm>
#include <array>

namespace ployz {
namespace {

constexpr std::array kCalls{kStorePrepare, kStoreForm, kStoreDiscard, kStoreFreeze,
                            kStoreCopy,    kStoreCommit, kStoreAbort};

}  // namespace

bool is_store_call(std::string_view command) {
  return std::ranges::contains(kCalls, command);
}

Json to_json(const StoreCall& call) {
  Json json{{"operation", call.operation.str()}, {"next", to_json(call.next)}};
  if (!call.secret.empty()) json["secret"] = call.secret;
  return json;
}

Result<StoreCall> store_call_from_json(const Json& json) {
  StoreCall call;
  call.operation = OperationId(TRY(get_string(json, "operation")));
  call.next = TRY(store_epoch_from_json(TRY(get_object(json, "next"))));
  call.secret = TRY(get_string_or(json, "secret", ""));
  return call;
}

Json to_json(const CopiedStore& copied) {
  return {{"messages", copied.messages}, {"bytes", copied.bytes}};
}

Result<CopiedStore> copied_store_from_json(const Json& json) {
  return CopiedStore{TRY(get_uint(json, "messages")), TRY(get_uint(json, "bytes"))};
}

Json to_json(const Decision& decision) {
  return {{"committed", decision.state == TransferState::committed},
          {"frozen_ms", decision.frozen_ms}};
}

Result<Decision> decision_from_json(const Json& json) {
  return Decision{TRY(get_bool(json, "committed")) ? TransferState::committed
                                                   : TransferState::aborted,
                  TRY(get_uint(json, "frozen_ms"))};
}

}  // namespace ployz

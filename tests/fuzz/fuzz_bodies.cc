// Bodies of the API, of RPC and of the store's records: the first byte says which reader gets the
// rest. What is accepted is the same after being written and read again.
#include "api/types.h"
#include "base/check.h"
#include "base/json.h"
#include "model/admission.h"
#include "model/commit.h"
#include "model/machine.h"
#include "model/manifest.h"
#include "model/operation.h"
#include "model/plan.h"
#include "plan/change_request.h"

namespace {

using namespace ployz;

template <class T>
void read(Result<T> (*reader)(const Json&), const Json& json) {
  const auto value = reader(json);
  if (!value) return;
  const Json written = to_json(*value);
  const auto again = reader(written);
  check(again.has_value(), "what we write we can read");
  check(to_json(*again) == written, "nothing is lost on the way");
}

void read_operation(const Json& json) {
  const auto value = operation_from_json(json);
  if (!value) return;
  const Json written = to_json(*value, true);
  const auto again = operation_from_json(written);
  check(again.has_value(), "what we write we can read");
  check(to_json(*again, true) == written, "nothing is lost on the way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const auto json = parse_json({reinterpret_cast<const char*>(bytes) + 1, size - 1});
  if (!json) return 0;
  switch (bytes[0]) {
    case 'a':
      read(commit_from_json, *json);
      break;
    case 'b':
      read_operation(*json);
      break;
    case 'c':
      read(plan_from_json, *json);
      break;
    case 'd':
      read(event_from_json, *json);
      break;
    case 'e':
      read(machine_from_json, *json);
      break;
    case 'f':
      read(machine_facts_from_json, *json);
      break;
    case 'g':
      read(self_record_from_json, *json);
      break;
    case 'h':
      read(join_bundle_from_json, *json);
      break;
    case 'i':
      read(manifest_from_json, *json);
      break;
    case 'j':
      read(mesh_init_request_from_json, *json);
      break;
    case 'k':
      read(exec_request_from_json, *json);
      break;
    case 'l':
      read(change_request_from_json, *json);
      break;
    default:
      break;
  }
  return 0;
}

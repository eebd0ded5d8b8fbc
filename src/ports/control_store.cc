#include "ports/control_store.h"

#include "base/check.h"

namespace ployz {

std::string_view to_string(Bucket bucket) {
  switch (bucket) {
    case Bucket::machines: return "machines";
    case Bucket::operations: return "operations";
    case Bucket::plans: return "plans";
    case Bucket::invites: return "invites";
    case Bucket::leases: return "leases";
    case Bucket::meta: return "meta";
  }
  check(false, "a bucket without a name");
  return {};
}

}  // namespace ployz

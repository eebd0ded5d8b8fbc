#include "model/manifest.h"

#include "base/digest.h"
#include "model/manifest_fields.h"

namespace ployz {

Json to_json(const Manifest& manifest) {
  return write_fields(manifest);
}

Result<Manifest> manifest_from_json(const Json& json) {
  return read_fields<Manifest>(json);
}

std::string manifest_digest(const Manifest& manifest) {
  return sha256_digest(to_text(to_json(manifest)));
}

}  // namespace ployz

// Whatever an operator writes: it is refused with words, or it is a manifest that holds every check
// and says the same after a journey through its canonical JSON.
#include "base/check.h"
#include "base/json.h"
#include "model/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto manifest = ployz::parse_manifest(text, "fuzz");
  if (!manifest) {
    ployz::check(!manifest.error().message.empty(), "a refusal says why");
    return 0;
  }
  ployz::check(ployz::validate(*manifest).has_value(), "what was parsed is valid");
  const auto again = ployz::manifest_from_json(ployz::to_json(*manifest));
  ployz::check(again && *again == *manifest, "canonical JSON loses nothing");
  ployz::check(ployz::manifest_digest(*again) == ployz::manifest_digest(*manifest), "one digest");
  return 0;
}

// Image references as the engine reads them (distribution/reference): pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ployz {

struct ImageReference {
  std::string name;  // "registry:5000/shop/web"
  std::string tag;   // "1.4"; "sha256:…" for name@sha256:…; "latest" when none is written
  bool operator==(const ImageReference&) const = default;
};

// `invalid`: empty, a character that no reference has, or a bare image id.
[[nodiscard]] Result<ImageReference> parse_image_reference(std::string_view text);

}  // namespace ployz

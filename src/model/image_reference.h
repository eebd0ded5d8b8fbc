// Image references, "[registry[:port]/]path[:tag][@digest]", or an image id "sha256:…".
#pragma once

#include <string_view>

namespace ployz {

// Whether it is one at all (github.com/distribution/reference). Says nothing of its existence.
[[nodiscard]] bool is_image_reference(std::string_view text);

}  // namespace ployz

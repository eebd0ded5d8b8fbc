#include "drivers/docker/image_reference.h"

#include <format>

#include "base/digest.h"
#include "model/image_reference.h"

namespace ployz {

Result<ImageReference> parse_image_reference(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return fail(Code::invalid, std::format("image reference '{}' {}", text, why));
  };
  if (!is_image_reference(text)) return wrong("is not of the form [registry/]name[:tag]");
  if (is_sha256_digest(text)) return wrong("is an image id, not a name");
  const size_t at = text.find('@');
  const std::string_view named = text.substr(0, at);
  const size_t colon = named.rfind(':');
  const bool has_tag = colon != std::string_view::npos && !named.substr(colon).contains('/');
  ImageReference reference{std::string(has_tag ? named.substr(0, colon) : named), "latest"};
  if (has_tag) reference.tag = named.substr(colon + 1);
  if (at != std::string_view::npos) reference.tag = text.substr(at + 1);
  return reference;
}

}  // namespace ployz

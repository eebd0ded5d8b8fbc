// The part of the API that talks to this machine only: its images.
#include <format>

#include "backend.h"

namespace ployz {
Result<std::vector<ImageInfo>> Backend::images() { return node_.drivers().images.list(); }

Result<ImageInfo> Backend::image(std::string_view reference) {
  auto found = TRY(node_.drivers().images.find(reference));
  if (found) return *std::move(found);
  return fail(Code::not_found, std::format("image {} is not on this machine", reference),
              std::format("push it: ployzctl image push {} --to MACHINE", reference));
}

Result<ImageInfo> Backend::image_load(const ByteSource& archive, std::string_view expected_id,
                                      std::string_view reference) {
  Images& images = node_.drivers().images;
  TRY(images.load(archive));
  const auto loaded = TRY(images.find(expected_id));
  if (!loaded) {
    return fail(Code::corrupt,
                std::format("the archive did not contain image {} (id {})", reference, expected_id),
                "push it again");
  }
  if (!reference.empty()) TRY(images.tag(expected_id, reference));
  return image(expected_id);
}

}  // namespace ployz

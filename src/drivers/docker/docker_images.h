// The Images port on the Docker Engine API, for engines that store images by their config digest
// (the default up to Docker 28; not the containerd image store, whose ids are manifest digests).
#pragma once

#include "drivers/docker/docker_api.h"
#include "ports/containers.h"

namespace ployz {

class DockerImages final : public Images {
 public:
  explicit DockerImages(DockerApi& api) : api_(api) {}

  Result<std::optional<ImageInfo>> find(std::string_view reference) override;
  Result<std::vector<ImageInfo>> list() override;
  Status check_pullable(std::string_view reference) override;
  Result<ImageInfo> pull(std::string_view reference) override;
  Status load(const std::function<Result<size_t>(std::span<char>)>& read) override;
  Status tag(std::string_view image_id, std::string_view reference) override;
  Status save(std::string_view image_id,
              const std::function<Status(std::string_view)>& sink) override;
  Status remove(std::string_view reference) override;

 private:
  DockerApi& api_;
};

// From GET /images/{name}/json.
[[nodiscard]] Result<ImageInfo> image_info_of(const Json& inspected);
// The first error in the JSON lines that pull and load answer with; empty: none.
[[nodiscard]] std::string error_in_progress(std::string_view lines);

}  // namespace ployz

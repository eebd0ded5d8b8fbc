#include "sim/fakes/fake_images.h"

#include <algorithm>
#include <format>

#include "base/digest.h"

namespace ployz::sim {
namespace {

std::unexpected<Error> unavailable() {
  return fail(Code::unavailable, "the container engine does not answer");
}

}  // namespace

void FakeImages::add(const std::string& reference, const std::string& id, Behaviour behaviour,
                     bool present, bool in_registry) {
  const std::lock_guard lock(mutex_);
  Image& image = images_[id];
  image.info.id = id;
  image.info.size_bytes = 1 << 20;
  if (!std::ranges::contains(image.info.references, reference)) {
    image.info.references.push_back(reference);
  }
  image.behaviour = behaviour;
  image.present = present;
  image.in_registry = in_registry;
}

void FakeImages::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto it = images_.find(id);
  if (it != images_.end()) it->second.present = false;
}

std::optional<Behaviour> FakeImages::behaviour(std::string_view id) {
  const std::lock_guard lock(mutex_);
  const Image* image = find_locked(id);
  if (!image || !image->present) return std::nullopt;
  return image->behaviour;
}

FakeImages::Image* FakeImages::find_locked(std::string_view reference) {
  for (auto& [id, image] : images_) {
    if (id == reference || std::ranges::contains(image.info.references, reference)) return &image;
  }
  return nullptr;
}

Result<std::optional<ImageInfo>> FakeImages::find(std::string_view reference) {
  if (hook_.enter("images.find", reference, Kind::local) != Fate::normal) return unavailable();
  const std::lock_guard lock(mutex_);
  const Image* image = find_locked(reference);
  if (!image || !image->present) return std::nullopt;
  return image->info;
}

Result<std::vector<ImageInfo>> FakeImages::list() {
  if (hook_.enter("images.list", "", Kind::local) != Fate::normal) return unavailable();
  const std::lock_guard lock(mutex_);
  std::vector<ImageInfo> found;
  for (const auto& [id, image] : images_) {
    if (image.present) found.push_back(image.info);
  }
  return found;
}

Status FakeImages::check_pullable(std::string_view reference) {
  if (hook_.enter("images.check_pullable", reference, Kind::local) != Fate::normal) {
    return unavailable();
  }
  const std::lock_guard lock(mutex_);
  const Image* image = find_locked(reference);
  if (image && image->in_registry) return {};
  return fail(Code::not_found, std::format("no registry has {}", reference));
}

Result<ImageInfo> FakeImages::pull(std::string_view reference) {
  if (hook_.enter("images.pull", reference, Kind::local) != Fate::normal) return unavailable();
  std::optional<ImageInfo> pulled;
  {
    const std::lock_guard lock(mutex_);
    Image* image = find_locked(reference);
    if (!image || (!image->present && !image->in_registry)) {
      return fail(Code::not_found, std::format("no registry has {}", reference));
    }
    image->present = true;
    pulled = image->info;
  }
  hook_.leave("images.pull", pulled->id);
  return *pulled;
}

// The archive's bytes are the image: its id is their digest.
Status FakeImages::load(const std::function<Result<size_t>(std::span<char>)>& read) {
  if (hook_.enter("images.load", "", Kind::local) != Fate::normal) return unavailable();
  std::string bytes;
  std::vector<char> buffer(4096);
  while (const size_t got = TRY(read(buffer))) bytes.append(buffer.data(), got);
  if (bytes.empty()) return fail(Code::corrupt, "the archive is empty");
  const std::string id = sha256_digest(bytes);
  const std::lock_guard lock(mutex_);
  images_[id].info.id = id;
  images_[id].present = true;
  return {};
}

Status FakeImages::tag(std::string_view image_id, std::string_view reference) {
  if (hook_.enter("images.tag", reference, Kind::local) != Fate::normal) return unavailable();
  const std::lock_guard lock(mutex_);
  const auto it = images_.find(std::string(image_id));
  if (it == images_.end() || !it->second.present) {
    return fail(Code::not_found, std::format("no image {}", image_id));
  }
  for (auto& [id, image] : images_) std::erase(image.info.references, reference);
  it->second.info.references.emplace_back(reference);
  return {};
}

}  // namespace ployz::sim

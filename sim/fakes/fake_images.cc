#include "sim/fakes/fake_images.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "base/json.h"
#include "base/tar.h"

namespace ployz::sim {
namespace {

std::unexpected<Error> unavailable() {
  return fail(Code::unavailable, "the container engine does not answer");
}

class StringReader final : public RandomReader {
 public:
  explicit StringReader(std::string_view bytes) : bytes_(bytes) {}
  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    return offset >= bytes_.size() ? 0 : bytes_.copy(into.data(), into.size(), offset);
  }

 private:
  std::string_view bytes_;
};

std::string tar_file(std::string_view name, std::string_view bytes) {
  return tar_header(name, bytes.size()) + std::string(bytes) +
         std::string(tar_padding(bytes.size()), '\0');
}

std::string layer_name(std::string_view diff_id) { return std::string(diff_id.substr(7)) + ".tar"; }

}  // namespace

struct FakeImages::Archived {
  std::string config;
  std::vector<std::string> references;
  std::vector<std::string> diff_ids;
  std::map<std::string, std::string> layers;  // diff id → bytes, of those that are in it

  static Result<Archived> parse(std::string_view bytes) {
    StringReader reader(bytes);
    std::map<std::string, std::string> files;
    for (const TarEntry& entry : TRY(read_tar_index(reader))) {
      files[entry.name] = bytes.substr(entry.offset, entry.size);
    }
    const Json manifest = TRY(parse_json(files["manifest.json"]));
    const Json& entry = manifest.at(0);
    Archived archived;
    archived.config = files[TRY(get_string(entry, "Config"))];
    if (entry.at("RepoTags").is_array()) archived.references = TRY(get_strings(entry, "RepoTags"));
    const Json config = TRY(parse_json(archived.config));
    archived.diff_ids = TRY(get_strings(TRY(get_object(config, "rootfs")), "diff_ids"));
    for (const std::string& diff_id : archived.diff_ids) {
      const auto file = files.find(layer_name(diff_id));
      if (file != files.end()) archived.layers[diff_id] = file->second;
    }
    return archived;
  }
};

const std::string* FakeImages::layer_locked(const std::vector<std::string>& chain, size_t index) {
  for (const auto& [id, image] : images_) {
    const std::vector<std::string>& other = image.info.layers;
    if (!image.present || image.layers.size() <= index) continue;
    const auto end = static_cast<std::ptrdiff_t>(index + 1);
    if (std::equal(chain.begin(), chain.begin() + end, other.begin(), other.begin() + end)) {
      return &image.layers[index];
    }
  }
  return nullptr;
}

// As an engine does: layers by their chain, then by their file; all or nothing.
Status FakeImages::load_archive(const Archived& archived) {
  const std::lock_guard lock(mutex_);
  Image image;
  image.info.id = sha256_digest(archived.config);
  image.info.layers = archived.diff_ids;
  image.config = archived.config;
  for (size_t i = 0; i < archived.diff_ids.size(); ++i) {
    const std::string& diff_id = archived.diff_ids[i];
    const std::string* here = layer_locked(archived.diff_ids, i);
    const auto sent = archived.layers.find(diff_id);
    if (here == nullptr && sent == archived.layers.end()) {
      return fail(Code::corrupt, std::format("the archive lacks layer {}", diff_id));
    }
    image.layers.push_back(here != nullptr ? *here : sent->second);
    image.info.size_bytes += image.layers.back().size();
    if (sha256_digest(image.layers.back()) != diff_id) {
      return fail(Code::corrupt, std::format("layer {} has another digest", diff_id));
    }
  }
  Image& kept = images_[image.info.id];
  image.info.references = kept.present ? kept.info.references : std::vector<std::string>();
  for (const std::string& reference : archived.references) {
    for (auto& [id, other] : images_) std::erase(other.info.references, reference);
    image.info.references.push_back(reference);
  }
  kept = std::move(image);
  return {};
}

std::string FakeImages::add_layered(const std::string& reference,
                                    const std::vector<std::string>& layers) {
  Archived archived;
  for (const std::string& layer : layers) {
    archived.diff_ids.push_back(sha256_digest(layer));
    archived.layers[archived.diff_ids.back()] = layer;
  }
  archived.references = {reference};
  archived.config = to_text({{"architecture", "amd64"},
                             {"os", "linux"},
                             {"rootfs", {{"type", "layers"}, {"diff_ids", archived.diff_ids}}}});
  (void)load_archive(archived);  // cannot fail: every layer is there
  return sha256_digest(archived.config);
}

Status FakeImages::save(std::string_view image_id,
                        const std::function<Status(std::string_view)>& sink) {
  if (hook_.enter("images.save", image_id, Kind::local) != Fate::normal) return unavailable();
  std::string archive;
  {
    const std::lock_guard lock(mutex_);
    const auto it = images_.find(std::string(image_id));
    if (it == images_.end() || !it->second.present || it->second.config.empty()) {
      return fail(Code::not_found, std::format("no image {} that can be saved", image_id));
    }
    const Image& image = it->second;
    Json paths = Json::array();
    for (size_t i = 0; i < image.layers.size(); ++i) {
      paths.push_back(layer_name(image.info.layers[i]));
      archive += tar_file(layer_name(image.info.layers[i]), image.layers[i]);
    }
    const std::string name = image.info.id.substr(7) + ".json";
    const Json entry = {{"Config", name}, {"RepoTags", nullptr}, {"Layers", std::move(paths)}};
    archive += tar_file(name, image.config) +
               tar_file("manifest.json", to_text(Json::array({entry}))) + tar_end();
  }
  for (std::string_view left = archive; !left.empty();) {
    const std::string_view piece = left.substr(0, std::min<size_t>(left.size(), 64 << 10));
    TRY(sink(piece));
    left.remove_prefix(piece.size());
  }
  return {};
}

Status FakeImages::remove(std::string_view reference) {
  if (hook_.enter("images.remove", reference, Kind::local) != Fate::normal) return unavailable();
  const std::lock_guard lock(mutex_);
  Image* image = find_locked(reference);
  if (image == nullptr || !image->present) return {};
  std::erase(image->info.references, reference);
  if (image->info.references.empty()) image->present = false;
  return {};
}

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

// An archive without a manifest stands for an image whose id is its digest.
Status FakeImages::load(const std::function<Result<size_t>(std::span<char>)>& read) {
  if (hook_.enter("images.load", "", Kind::local) != Fate::normal) return unavailable();
  std::string bytes;
  std::vector<char> buffer(4096);
  while (const size_t got = TRY(read(buffer))) bytes.append(buffer.data(), got);
  if (bytes.empty()) return fail(Code::corrupt, "the archive is empty");
  if (bytes.contains("manifest.json")) return load_archive(TRY(Archived::parse(bytes)));
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

#include "base/image_archive.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <format>
#include <map>
#include <set>
#include <variant>

#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/digest.h"
#include "base/json.h"

namespace ployz {
namespace {

constexpr int kMaxLinks = 8;  // layer.tar → ../<id>/layer.tar: one hop in practice

std::unexpected<Error> corrupt(std::string message) {
  return fail(Code::corrupt, "image archive: " + std::move(message));
}

class FileReader final : public RandomReader {
 public:
  explicit FileReader(Fd file) : file_(std::move(file)) {}

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    size_t total = 0;
    while (total < into.size()) {
      const ssize_t got = ::pread(file_.get(), into.data() + total, into.size() - total,
                                  static_cast<off_t>(offset + total));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        return fail(Code::unavailable,
                    "reading the image archive: " + std::generic_category().message(errno));
      }
      if (got == 0) break;
      total += static_cast<size_t>(got);
    }
    return total;
  }

 private:
  Fd file_;
};

std::string hex_of(std::string_view digest) {
  return std::string(digest.substr(7));
}

// The config of an image of the lowest layers of another.
std::string partial_config(const std::string& config, const ArchivedImage& image, size_t layers) {
  const Json whole = parse_json(config).value_or(Json::object());
  Json out = {{"rootfs", {{"type", "layers"}, {"diff_ids", Json::array()}}},
              {"config", Json::object()}};
  for (const char* key : {"architecture", "os", "variant", "os.version"}) {
    if (whole.contains(key)) out[key] = whole[key];
  }
  for (size_t i = 0; i < layers; ++i) out["rootfs"]["diff_ids"].push_back(image.layers[i]);
  return to_text(out);
}

// Where a layer's bytes are in the source.
struct Blob {
  uint64_t offset = 0;
  uint64_t size = 0;
};

// A piece of the archive to write: text of ours, or a layer to copy and verify.
struct LayerPiece {
  Blob blob;
  std::string diff_id;
};
using Piece = std::variant<std::string, LayerPiece>;

class Reducer final : public ArchiveReader {
 public:
  Reducer(RandomReader& source, std::vector<Piece> pieces, ReducedSize size)
      : source_(source), pieces_(std::move(pieces)), size_(size) {}

  const ReducedSize& size() const override { return size_; }

  Result<size_t> read(std::span<char> into) override {
    size_t total = 0;
    while (total < into.size() && index_ < pieces_.size()) {
      const auto rest = into.subspan(total);
      const size_t got = std::holds_alternative<std::string>(pieces_[index_])
                             ? copy_text(std::get<std::string>(pieces_[index_]), rest)
                             : TRY(copy_layer(std::get<LayerPiece>(pieces_[index_]), rest));
      total += got;
    }
    return total;
  }

 private:
  size_t copy_text(const std::string& text, std::span<char> into) {
    const size_t size = text.copy(into.data(), into.size(), position_);
    position_ += size;
    if (position_ == text.size()) next();
    return size;
  }

  Result<size_t> copy_layer(const LayerPiece& layer, std::span<char> into) {
    const uint64_t left = layer.blob.size - position_;
    const auto part = into.first(std::min<uint64_t>(into.size(), left));
    const size_t got = TRY(source_.read_at(layer.blob.offset + position_, part));
    if (got < part.size()) return corrupt("cut short");
    hash_->update({part.data(), got});
    position_ += got;
    if (position_ < layer.blob.size) return got;
    if (const std::string digest = hash_->digest(); digest != layer.diff_id) {
      return corrupt(std::format("layer {} has digest {}", layer.diff_id, digest));
    }
    next();
    return got;
  }

  void next() {
    ++index_;
    position_ = 0;
    hash_ = std::make_unique<Sha256>();
  }

  RandomReader& source_;
  std::vector<Piece> pieces_;
  ReducedSize size_;
  size_t index_ = 0;
  uint64_t position_ = 0;
  std::unique_ptr<Sha256> hash_ = std::make_unique<Sha256>();
};

// Collects the pieces of a tar archive and their length.
class Composer {
 public:
  void add(std::string_view name, std::string bytes) {
    append(tar_header(name, bytes.size()));
    const size_t padding = tar_padding(bytes.size());
    append(std::move(bytes) + std::string(padding, '\0'));
  }
  void add_layer(std::string_view name, const Blob& blob, std::string diff_id) {
    append(tar_header(name, blob.size));
    size_.bytes += blob.size;
    ++size_.layers_sent;
    pieces_.emplace_back(LayerPiece{blob, std::move(diff_id)});
    append(std::string(tar_padding(blob.size), '\0'));
  }
  void skip_layer() { ++size_.layers_skipped; }
  std::unique_ptr<ArchiveReader> finish(RandomReader& source) {
    append(tar_end());
    return std::make_unique<Reducer>(source, std::move(pieces_), size_);
  }

 private:
  void append(std::string text) {
    if (text.empty()) return;
    size_.bytes += text.size();
    pieces_.emplace_back(std::move(text));
  }
  std::vector<Piece> pieces_;
  ReducedSize size_;
};

}  // namespace

struct ImageArchive::State {
  explicit State(Fd file) : reader(std::move(file)) {}

  Result<Blob> locate(const std::string& name) const;
  Result<std::string> read(const std::string& name);
  Status add_image(const Json& entry);

  FileReader reader;
  std::map<std::string, TarEntry> entries;
  std::vector<ArchivedImage> images;
  std::map<std::string, std::string> configs;  // image id → its config's bytes
  std::map<std::string, Blob> layers;          // diff id → bytes
};

// Equal layers of several images are stored once and linked (Docker up to 24).
Result<Blob> ImageArchive::State::locate(const std::string& name) const {
  std::string path = name;
  for (int hops = 0; hops <= kMaxLinks; ++hops) {
    const auto found = entries.find(path);
    if (found == entries.end()) break;
    const TarEntry& entry = found->second;
    if (entry.kind == TarEntry::Kind::file) return Blob{entry.offset, entry.size};
    if (entry.kind != TarEntry::Kind::link) break;
    const auto folder = std::filesystem::path(path).parent_path();
    path = (folder / entry.target).lexically_normal().string();
  }
  return corrupt(std::format("file '{}' is missing", name));
}

Result<std::string> ImageArchive::State::read(const std::string& name) {
  const Blob blob = TRY(locate(name));
  if (blob.size > kMaxImageConfig) return corrupt(std::format("file '{}' is too large", name));
  std::string bytes(blob.size, '\0');
  if (TRY(reader.read_at(blob.offset, bytes)) < bytes.size()) return corrupt("cut short");
  return bytes;
}

// One entry of manifest.json: {"Config": path, "RepoTags": […], "Layers": [paths]}.
Status ImageArchive::State::add_image(const Json& entry) {
  const std::string path = TRY(get_string(entry, "Config"));
  std::string config = TRY(read(path));
  ArchivedImage image;
  image.id = sha256_digest(config);
  if (!path.contains(hex_of(image.id))) {
    return corrupt(std::format("config '{}' has digest {}", path, image.id));
  }
  const Json root = TRY(get_object(TRY(parse_json(config)), "rootfs"));
  image.layers = TRY(get_strings(root, "diff_ids"));
  image.references = TRY(get_strings(entry, "RepoTags"));
  const std::vector<std::string> paths = TRY(get_strings(entry, "Layers"));
  if (paths.size() != image.layers.size()) {
    return corrupt(std::format("{} layer files for {} layers", paths.size(), image.layers.size()));
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    if (!is_sha256_digest(image.layers[i])) return corrupt("a diff id is no sha256 digest");
    // A layer that is missing matters only if it has to be sent.
    if (const auto blob = locate(paths[i])) layers[image.layers[i]] = *blob;
  }
  configs[image.id] = std::move(config);
  images.push_back(std::move(image));
  return {};
}

ImageArchive::ImageArchive(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImageArchive::ImageArchive(ImageArchive&&) noexcept = default;
ImageArchive& ImageArchive::operator=(ImageArchive&&) noexcept = default;
ImageArchive::~ImageArchive() = default;

Result<ImageArchive> ImageArchive::open(Fd file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(Code::invalid, "an image archive must be a regular file");
  }
  auto state = std::make_unique<State>(std::move(file));
  for (TarEntry& entry : TRY(read_tar_index(state->reader))) {
    auto name = std::filesystem::path(entry.name).lexically_normal().string();
    state->entries.insert_or_assign(std::move(name), std::move(entry));
  }
  const auto parsed = [&]() -> Status {
    const Json manifest = TRY(parse_json(TRY(state->read("manifest.json"))));
    if (!manifest.is_array()) return corrupt("manifest.json is not a list");
    for (const Json& entry : manifest) TRY(state->add_image(entry));
    return {};
  }();
  if (!parsed) {
    Error error = parsed.error();
    if (error.code == Code::invalid) error.code = Code::corrupt;
    return fail(std::move(error));
  }
  return ImageArchive(std::move(state));
}

const std::vector<ArchivedImage>& ImageArchive::images() const {
  return state_->images;
}

const ArchivedImage* ImageArchive::find(std::string_view name) const {
  const std::string latest = std::string(name) + ":latest";
  for (const ArchivedImage& image : state_->images) {
    if (image.id == name || std::ranges::contains(image.references, name) ||
        std::ranges::contains(image.references, latest)) {
      return &image;
    }
  }
  return nullptr;
}

size_t shared_layers(const std::vector<std::string>& layers,
                     const std::vector<std::vector<std::string>>& present) {
  size_t shared = 0;
  for (const auto& other : present) {
    const auto [mine, theirs] = std::ranges::mismatch(layers, other);
    shared = std::max(shared, static_cast<size_t>(mine - layers.begin()));
  }
  return shared;
}

Result<std::unique_ptr<ArchiveReader>> ImageArchive::reduce(
    const ArchivedImage& image, const std::vector<std::vector<std::string>>& present) const {
  return part(image, shared_layers(image.layers, present), image.layers.size());
}

uint64_t ImageArchive::layer_bytes(const ArchivedImage& image, size_t index) const {
  const auto blob = state_->layers.find(image.layers.at(index));
  return blob == state_->layers.end() ? 0 : blob->second.size;
}

std::string partial_repository(std::string_view image_id) {
  return "ployz-partial/" + hex_of(image_id);
}

std::string partial_reference(std::string_view image_id, size_t layers) {
  return std::format("{}:{}", partial_repository(image_id), layers);
}

Result<std::unique_ptr<ArchiveReader>> ImageArchive::part(const ArchivedImage& image, size_t from,
                                                          size_t to) const {
  const auto known = state_->configs.find(image.id);
  check(known != state_->configs.end(), "part() of an image of this archive");
  check(from <= to && to <= image.layers.size(), "part() within the image's layers");
  const bool whole = to == image.layers.size();
  const std::string config = whole ? known->second : partial_config(known->second, image, to);
  const auto layer_path = [](std::string_view diff_id) { return hex_of(diff_id) + ".tar"; };
  Composer composer;
  Json paths = Json::array();
  std::set<std::string> written;  // an image may have the same layer twice
  for (size_t i = 0; i < to; ++i) {
    const std::string& diff_id = image.layers[i];
    paths.push_back(layer_path(diff_id));
    if (i < from) {
      composer.skip_layer();
      continue;
    }
    if (!written.insert(diff_id).second) continue;
    const auto blob = state_->layers.find(diff_id);
    if (blob == state_->layers.end()) return corrupt(std::format("layer {} is missing", diff_id));
    composer.add_layer(layer_path(diff_id), blob->second, diff_id);
  }
  const std::string config_path = hex_of(sha256_digest(config)) + ".json";
  composer.add(config_path, config);
  const Json references =
      whole ? Json(image.references) : Json::array({partial_reference(image.id, to)});
  const Json entry = {{"Config", config_path}, {"RepoTags", references}, {"Layers", paths}};
  composer.add("manifest.json", to_text(Json::array({entry})));
  return composer.finish(state_->reader);
}

}  // namespace ployz

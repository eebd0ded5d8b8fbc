// Container image archives as `docker save` writes them, and the same archive without the layers
// that the receiver already has. Both layouts: `<id>/layer.tar` (Docker up to 24) and
// `blobs/sha256/<digest>` (25 and newer); read through their common manifest.json.
//
// Why a reduced archive loads: the engine looks each layer up by its chain of diff ids first and
// opens the layer's file only when it has none (moby, image/tarexport/load.go). So exactly those
// layers may be left out whose whole chain, bottom first, is part of an image over there. If that
// image is removed in the meantime the load fails as `corrupt` and the whole archive must be sent.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/tar.h"

namespace ployz {

// manifest.json and image configs beyond this are refused: a thousand times the usual.
inline constexpr uint64_t kMaxImageConfig = 8 << 20;

struct ArchivedImage {
  std::string id;                       // "sha256:…": the digest of its config, verified
  std::vector<std::string> references;  // repo:tag
  std::vector<std::string> layers;      // diff ids, bottom first
  bool operator==(const ArchivedImage&) const = default;
};

// How many of these layers, from the bottom, belong to one of the images of the receiver.
[[nodiscard]] size_t shared_layers(const std::vector<std::string>& layers,
                                   const std::vector<std::vector<std::string>>& present);

// What keeps the first `layers` layers of an image at a receiver until the rest has arrived:
// "ployz-partial/<id>:<layers>". Those of one image begin with the same partial_repository().
[[nodiscard]] std::string partial_repository(std::string_view image_id);
[[nodiscard]] std::string partial_reference(std::string_view image_id, size_t layers);

struct ReducedSize {
  uint64_t bytes = 0;  // of the archive to send
  size_t layers_sent = 0;
  size_t layers_skipped = 0;
};

// The bytes of an archive, once, in order.
class ArchiveReader {
 public:
  virtual ~ArchiveReader() = default;
  [[nodiscard]] virtual const ReducedSize& size() const = 0;
  // Fills the buffer, 0 at the end. `corrupt`: a layer does not hash to its diff id; what was read
  // before must be thrown away.
  [[nodiscard]] virtual Result<size_t> read(std::span<char> into) = 0;
};

class ImageArchive {
 public:
  // Reads the index of a regular file (a pipe must be spooled first). `corrupt`: not an image
  // archive, or a config that does not match its name.
  [[nodiscard]] static Result<ImageArchive> open(Fd file);

  [[nodiscard]] const std::vector<ArchivedImage>& images() const;
  // The image by id or reference ("web" means "web:latest"); null: not in the archive.
  [[nodiscard]] const ArchivedImage* find(std::string_view name) const;
  // An archive of one of images(), without the layers it shares with `present` (one list of diff
  // ids per image of the receiver). The archive must outlive the reader.
  [[nodiscard]] Result<std::unique_ptr<ArchiveReader>> reduce(
      const ArchivedImage& image, const std::vector<std::vector<std::string>>& present) const;

  // Bytes of the image's layer number `index`; 0 when the archive lacks it.
  [[nodiscard]] uint64_t layer_bytes(const ArchivedImage& image, size_t index) const;
  // For sending an image in pieces of which each that has arrived stays: an archive of the layers
  // from `from` up to, not including, `to`, for a receiver that has those below. With `to` being all
  // of them it is the image, otherwise an image of its own whose only use is to keep its layers
  // there; it has the reference partial_reference().
  [[nodiscard]] Result<std::unique_ptr<ArchiveReader>> part(const ArchivedImage& image, size_t from,
                                                            size_t to) const;

  ImageArchive(ImageArchive&&) noexcept;
  ImageArchive& operator=(ImageArchive&&) noexcept;
  ~ImageArchive();

 private:
  struct State;
  explicit ImageArchive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ployz

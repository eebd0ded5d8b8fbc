// Sends an image of this machine's engine into a stream, in parts: groups of layers, each an archive
// of its own (ImageArchive::part), because an engine keeps nothing of an archive that was cut off.
//
// In the stream: 4 length · JSON {"bytes","layers","parts"}, then each part as 8 length · archive.
// Integers are big-endian.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/image_archive.h"
#include "ports/containers.h"
#include "ports/transfer.h"

namespace ployz {

// A part has at least one layer and ends with the one that makes it this large.
inline constexpr uint64_t kImagePartBytes = 32 << 20;
inline constexpr size_t kMaxImageHeader = 1024;

// Thread-safe. Streams of one image at the same time share one spooled archive, which is gone from
// the disk as soon as the last of them has ended, even after a crash.
class ImageSource {
 public:
  ImageSource(Images& images, std::filesystem::path spool_folder)
      : images_(images), folder_(std::move(spool_folder)) {}

  // `shared`: layers from the bottom that the receiver has. `not_found`: no such image; `precondition`:
  // no space for the archive.
  [[nodiscard]] Status send(MachineStream& stream, const std::string& image_id, size_t shared,
                            const std::stop_token& stop);

 private:
  struct Spool {
    std::mutex mutex;
    std::optional<ImageArchive> archive;
  };
  [[nodiscard]] Result<std::shared_ptr<Spool>> spool(const std::string& image_id,
                                                     const std::stop_token& stop);
  [[nodiscard]] Result<ImageArchive> save(const std::string& image_id, const std::stop_token& stop);

  Images& images_;
  const std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Spool>> spools_;
};

}  // namespace ployz

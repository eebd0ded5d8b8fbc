#include "agent/image_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "base/json.h"

namespace ployz {
namespace {

struct Part {
  size_t from = 0;
  size_t to = 0;
};

// At least one: an image whose layers are all there still has its config to send.
std::vector<Part> parts_of(const ImageArchive& archive, const ArchivedImage& image, size_t shared) {
  std::vector<Part> parts;
  size_t from = std::min(shared, image.layers.size());
  uint64_t bytes = 0;
  for (size_t i = from; i < image.layers.size(); ++i) {
    bytes += archive.layer_bytes(image, i);
    if (bytes < kImagePartBytes && i + 1 < image.layers.size()) continue;
    parts.push_back({from, i + 1});
    from = i + 1;
    bytes = 0;
  }
  if (parts.empty()) parts.push_back({from, from});
  return parts;
}

std::string big_endian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
  return out;
}

Status append(int fd, std::string_view bytes, const std::string& where) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return fail(Code::precondition,
                  std::format("writing an image archive to {}: {}", where,
                              std::generic_category().message(errno)),
                  "free disk space there");
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Result<ImageArchive> ImageSource::save(const std::string& image_id, const std::stop_token& stop) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  // Without a name, so that nothing is left behind.
  Fd file(::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) {
    return fail(Code::precondition, std::format("cannot make a file in {}: {}", folder_.string(),
                                                std::generic_category().message(errno)));
  }
  TRY(images_.save(image_id, [&](std::string_view piece) -> Status {
    if (stop.stop_requested()) return fail(Code::canceled, "nobody wants the image any more");
    return append(file.get(), piece, folder_.string());
  }));
  return ImageArchive::open(std::move(file));
}

Result<std::shared_ptr<ImageSource::Spool>> ImageSource::spool(const std::string& image_id,
                                                               const std::stop_token& stop) {
  std::shared_ptr<Spool> spool;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(spools_, [](const auto& entry) { return entry.second.expired(); });
    spool = spools_[image_id].lock();
    if (!spool) spools_[image_id] = spool = std::make_shared<Spool>();
  }
  const std::lock_guard lock(spool->mutex);
  if (!spool->archive) spool->archive = TRY(save(image_id, stop));
  return spool;
}

Status ImageSource::send(MachineStream& stream, const std::string& image_id, size_t shared,
                         const std::stop_token& stop) {
  const auto spooled = TRY(spool(image_id, stop));
  const ImageArchive& archive = *spooled->archive;
  const ArchivedImage* image = archive.find(image_id);
  if (image == nullptr) {
    return fail(Code::unsupported,
                std::format("the engine names image {} by something else than its config", image_id),
                "machines need an engine without the containerd image store");
  }
  std::vector<std::unique_ptr<ArchiveReader>> readers;
  uint64_t bytes = 0, layers = 0;
  for (const Part& part : parts_of(archive, *image, shared)) {
    readers.push_back(TRY(archive.part(*image, part.from, part.to)));
    bytes += readers.back()->size().bytes;
    layers += readers.back()->size().layers_sent;
  }
  const std::string header =
      to_text({{"bytes", bytes}, {"layers", layers}, {"parts", readers.size()}});
  TRY(stream.write(big_endian(header.size(), 4) + header));
  std::string piece(256 << 10, '\0');
  for (const auto& reader : readers) {
    TRY(stream.write(big_endian(reader->size().bytes, 8)));
    while (const size_t got = TRY(reader->read(piece))) {
      TRY(stream.write(std::string_view(piece).substr(0, got)));
    }
  }
  return {};
}

}  // namespace ployz

#include "agent/image_fetches.h"

#include <format>
#include <vector>

#include "agent/image_source.h"
#include "base/image_archive.h"

namespace ployz {
namespace {

constexpr uint64_t kMaxParts = 1000;

Result<std::string> read_exactly(MachineStream& stream, size_t size) {
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size;) {
    const size_t got = TRY(stream.read(std::span(bytes).subspan(at)));
    if (got == 0) return fail(Code::corrupt, "the image's stream ended too early");
    at += got;
  }
  return bytes;
}

Result<uint64_t> read_number(MachineStream& stream, size_t size) {
  uint64_t value = 0;
  for (const char byte : TRY(read_exactly(stream, size))) {
    value = value << 8 | static_cast<unsigned char>(byte);
  }
  return value;
}

}  // namespace

ImageFetches::~ImageFetches() {
  std::map<std::string, std::shared_ptr<Fetch>> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(fetches_);
  }
  for (const auto& [transfer, fetch] : ending) fetch->stop.request_stop();
  for (const auto& [transfer, fetch] : ending) fetch->thread.join();
}

Result<ImageFetchReply> ImageFetches::fetch(const ImageFetchRequest& request) {
  const std::shared_ptr<Fetch> fetch = TRY(begin(request));
  if (request.cancel) fetch->stop.request_stop();
  std::unique_lock lock(mutex_);
  const std::chrono::milliseconds wait(std::min(request.wait_ms, kMaxFetchWaitMs));
  changed_.wait_for(lock, wait, [&] { return fetch->done; });
  if (fetch->done && !fetch->result) return fail(fetch->result.error());
  return ImageFetchReply{fetch->done, fetch->bytes, fetch->total, fetch->layers};
}

Result<std::shared_ptr<ImageFetches::Fetch>> ImageFetches::begin(const ImageFetchRequest& request) {
  std::vector<std::shared_ptr<Fetch>> ended;  // joined without the lock
  const std::lock_guard lock(mutex_);
  const uint64_t now_ms = clock_.steady_ms();
  size_t running = 0;
  for (auto it = fetches_.begin(); it != fetches_.end();) {
    const bool old = it->second->done && it->second->ended_at_ms + kKeepFetchesMs <= now_ms;
    running += it->second->done ? 0 : 1;
    if (old) ended.push_back(it->second);
    it = old ? fetches_.erase(it) : std::next(it);
  }
  if (const auto it = fetches_.find(request.transfer); it != fetches_.end()) return it->second;
  if (request.cancel) return fail(Code::not_found, "there is no such transfer to cancel");
  if (running >= kMaxImageFetches) {
    return fail(Code::unavailable, "this machine fetches too many images at once", "try again");
  }
  auto fetch = std::make_shared<Fetch>();
  // The map's share outlives the thread: it is dropped only after `done`, or after the join.
  fetch->thread = std::jthread([this, request, &fetch = *fetch] {
    Status result = run(request, fetch);
    const std::lock_guard done(mutex_);
    fetch.result = std::move(result);
    fetch.done = true;
    fetch.ended_at_ms = clock_.steady_ms();
    changed_.notify_all();
  });
  fetches_[request.transfer] = fetch;
  return fetch;
}

Status ImageFetches::run(const ImageFetchRequest& request, Fetch& fetch) {
  const auto stream = TRY(transfers_.dial(request.address, request.key,
                                          {"image", request.transfer}, fetch.stop.get_token()));
  const auto received = [&]() -> Status {
    const uint64_t size = TRY(read_number(*stream, 4));
    if (size > kMaxImageHeader) return fail(Code::corrupt, "the image's stream is garbage");
    const Json header = TRY(parse_json(TRY(read_exactly(*stream, size))));
    fetch.total = TRY(get_uint(header, "bytes"));
    fetch.layers = TRY(get_uint(header, "layers"));
    const uint64_t parts = TRY(get_uint(header, "parts"));
    if (parts > kMaxParts) return fail(Code::corrupt, "the image's stream is garbage");
    for (uint64_t i = 0; i < parts; ++i) {
      TRY(load_part(*stream, TRY(read_number(*stream, 8)), fetch));
    }
    char more = 0;
    if (TRY(stream->read({&more, 1})) != 0) {
      return fail(Code::corrupt, "the image's stream has no end");
    }
    return {};
  }();
  if (!received) {
    // The other end stops sending; if it is gone, it knows already.
    (void)stream->finish_with(received.error());
    return received;
  }
  TRY(complete(request));
  // Not needed for anything but a quick end of the other side.
  (void)stream->finish();
  return {};
}

Status ImageFetches::load_part(MachineStream& stream, uint64_t size, Fetch& fetch) {
  uint64_t left = size;
  const auto read = [&](std::span<char> into) -> Result<size_t> {
    if (left == 0) return 0;
    const size_t got = TRY(stream.read(into.first(std::min<uint64_t>(into.size(), left))));
    if (got == 0) return fail(Code::corrupt, "the image's stream ended in the middle of a part");
    left -= got;
    fetch.bytes += got;
    return got;
  };
  TRY(images_.load(read));
  std::vector<char> rest(64 << 10);  // an engine need not read an archive's padding
  while (left > 0) (void)TRY(read(rest));
  return {};
}

Status ImageFetches::complete(const ImageFetchRequest& request) {
  if (!TRY(images_.find(request.image_id))) {
    return fail(Code::corrupt,
                std::format("what was received is not image {} ({})", request.reference,
                            request.image_id),
                "run the command again");
  }
  TRY(images_.tag(request.image_id, request.reference));
  // What kept the parts has done its duty.
  const std::string partial = partial_repository(request.image_id) + ":";
  for (const ImageInfo& image : TRY(images_.list())) {
    for (const std::string& reference : image.references) {
      if (reference.starts_with(partial)) TRY(images_.remove(reference));
    }
  }
  return {};
}

}  // namespace ployz

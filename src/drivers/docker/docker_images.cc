#include "drivers/docker/docker_images.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "drivers/docker/image_reference.h"
#include "model/image_reference.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// A registry that does not answer by then is as good as absent: a deploy waits for this answer.
constexpr milliseconds kRegistryTimeout{5000};
// Of a download or load that makes no visible progress: the engine unpacks a large layer silently.
constexpr milliseconds kIdle{120000};

std::string image_path(std::string_view reference, std::string_view what) {
  return std::format("/images/{}/{}", reference, what);
}

// A registry's refusal as told by the engine, which answers most of them with 500.
Error pull_error(Error error, std::string_view reference) {
  const std::string& said = error.message;
  const auto says = [&](std::string_view text) { return said.contains(text); };
  if (says("manifest unknown") || says("not found: manifest") || says("name unknown")) {
    error.code = Code::not_found;
  } else if (says("denied") || says("unauthorized") || says("no basic auth")) {
    error.code = Code::denied;
    error.hint = "registries answer this for private and for absent images alike";
  } else if (error.code != Code::not_found && error.code != Code::denied) {
    error.code = Code::unavailable;
    error.hint = "no registry reachable: push the image instead (ployzctl image push)";
  }
  error.effect = Effect::none;
  return std::move(error).at(std::format("image {} cannot be pulled", reference));
}

// Of a refused archive.
Error load_error(std::string message) {
  if (message.contains("no space left")) {
    return {
        Code::unavailable, Effect::none, "loading the image: " + message, "free disk space", {}};
  }
  return {Code::corrupt, Effect::none, "the image archive was refused: " + message, {}, {}};
}

// Keeps the beginning of the answer, where short ones say all, and the end, where the error is.
void keep(std::string& lines, std::string_view chunk) {
  constexpr size_t kKept = 64 << 10;
  lines += chunk;
  if (lines.size() > 2 * kKept) lines.erase(0, lines.size() - kKept);
}

}  // namespace

Result<ImageInfo> image_info_of(const Json& inspected) {
  ImageInfo info;
  info.id = TRY(get_string(inspected, "Id"));
  info.references = TRY(get_strings(inspected, "RepoTags"));
  info.size_bytes = TRY(get_uint_or(inspected, "Size", 0));
  if (const auto root = get_object(inspected, "RootFS")) {
    info.layers = TRY(get_strings(*root, "Layers"));
  }
  return info;
}

std::string error_in_progress(std::string_view lines) {
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    const auto line = parse_json(lines.substr(0, end));
    if (line && line->is_object()) {
      std::string error = get_string_or(*line, "error", "").value_or("");
      if (!error.empty()) return error;
    }
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  return {};
}

Result<std::optional<ImageInfo>> DockerImages::find(std::string_view reference) {
  // It goes into the path unescaped, as the engine routes it.
  if (!is_image_reference(reference)) {
    return fail(Code::invalid, std::format("'{}' is no image reference", reference));
  }
  const auto inspected = api_.get(image_path(reference, "json"));
  if (!inspected && inspected.error().code == Code::not_found) return std::nullopt;
  if (!inspected) return std::unexpected(inspected.error());
  return TRY(image_info_of(*inspected));
}

Result<std::vector<ImageInfo>> DockerImages::list() {
  const Json rows = TRY(api_.get("/images/json"));
  std::vector<ImageInfo> images;
  for (const Json& row : rows) {
    auto image = TRY(find(TRY(get_string(row, "Id"))));
    if (image) images.push_back(std::move(*image));
  }
  std::ranges::sort(images, {}, &ImageInfo::id);
  return images;
}

Status DockerImages::check_pullable(std::string_view reference) {
  const ImageReference parsed = TRY(parse_image_reference(reference));
  const char separator = is_sha256_digest(parsed.tag) ? '@' : ':';
  const auto answer =
      api_.get(std::format("/distribution/{}{}{}/json", parsed.name, separator, parsed.tag),
               kRegistryTimeout);
  if (answer) return {};
  return fail(pull_error(answer.error(), reference));
}

Result<ImageInfo> DockerImages::pull(std::string_view reference) {
  const ImageReference parsed = TRY(parse_image_reference(reference));
  std::string lines;
  HttpExchange exchange;
  exchange.answer_timeout = kIdle;
  exchange.idle_timeout = kIdle;
  exchange.on_chunk = [&](std::string_view chunk) {
    keep(lines, chunk);
    return true;
  };
  const auto answer = api_.stream("POST",
                                  std::format("/images/create?fromImage={}&tag={}",
                                              url_escape(parsed.name), url_escape(parsed.tag)),
                                  nullptr, exchange);
  if (!answer) return fail(pull_error(answer.error(), reference));
  if (const std::string said = error_in_progress(lines); !said.empty()) {
    return fail(pull_error({Code::unavailable, Effect::none, said, {}, {}}, reference));
  }
  auto image = TRY(find(reference));
  if (!image) {
    return fail(Code::not_found, std::format("image {} was pulled but is gone", reference));
  }
  return std::move(*image);
}

Status DockerImages::load(const std::function<Result<size_t>(std::span<char>)>& read) {
  std::string lines;
  bool source_failed = false;
  HttpExchange exchange;
  exchange.answer_timeout = kIdle;
  exchange.idle_timeout = kIdle;
  exchange.read_body = [&](std::span<char> into) {
    auto size = read(into);
    source_failed = !size;
    return size;
  };
  exchange.on_chunk = [&](std::string_view chunk) {
    keep(lines, chunk);
    return true;
  };
  const auto answer =
      api_.stream("POST", "/images/load?quiet=1", nullptr, exchange, "application/x-tar");
  if (!answer && source_failed) {
    Error error = answer.error();
    error.effect = Effect::none;  // the engine got no complete archive
    return fail(std::move(error));
  }
  // Refusals come as a status when the archive is refused at once, else in the progress.
  const bool engine_refused = !answer && answer.error().effect == Effect::none;
  if (engine_refused && answer.error().message.starts_with("container engine: ")) {
    return fail(load_error(answer.error().message));
  }
  if (!answer) return std::unexpected(answer.error());
  if (std::string said = error_in_progress(lines); !said.empty()) {
    return fail(load_error(std::move(said)));
  }
  return {};
}

Status DockerImages::tag(std::string_view image_id, std::string_view reference) {
  if (!is_image_reference(image_id)) {
    return fail(Code::invalid, std::format("'{}' is no image id", image_id));
  }
  const ImageReference parsed = TRY(parse_image_reference(reference));
  if (is_sha256_digest(parsed.tag)) {
    return fail(Code::invalid,
                std::format("'{}' names a digest, which cannot be a tag", reference));
  }
  TRY(api_.post(image_path(image_id, std::format("tag?repo={}&tag={}", url_escape(parsed.name),
                                                 url_escape(parsed.tag))),
                nullptr));
  return {};
}

Status DockerImages::save(std::string_view image_id,
                          const std::function<Status(std::string_view)>& sink) {
  if (!is_sha256_digest(image_id)) {
    return fail(Code::invalid, std::format("'{}' is no image id", image_id));
  }
  Status sunk;
  HttpExchange exchange;
  exchange.answer_timeout = kIdle;
  exchange.idle_timeout = kIdle;
  exchange.on_chunk = [&](std::string_view chunk) {
    sunk = sink(chunk);
    return sunk.has_value();
  };
  const auto answer = api_.stream("GET", image_path(image_id, "get"), nullptr, exchange);
  if (!sunk) return sunk;
  if (!answer) return fail(Error(answer.error()).at(std::format("saving image {}", image_id)));
  return {};
}

Status DockerImages::remove(std::string_view reference) {
  if (!is_image_reference(reference)) {
    return fail(Code::invalid, std::format("'{}' is no image reference", reference));
  }
  const Status removed = api_.remove(std::format("/images/{}", reference));
  if (removed || removed.error().code == Code::not_found) return {};
  return removed;
}

}  // namespace ployz

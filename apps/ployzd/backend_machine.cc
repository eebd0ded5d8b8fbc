// The part of the API that talks to this machine only: images, logs, exec.
#include <algorithm>
#include <format>
#include <mutex>
#include <thread>

#include "backend.h"

namespace ployz {
namespace {
constexpr size_t kMaxFollowed = 64;  // instances one `logs` call follows, a thread each
}

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

Result<std::vector<InstanceId>> Backend::instances_for_logs(const LogsRequest& request) {
  if (!request.instance.empty()) return std::vector{request.instance};
  std::vector<InstanceId> ids;
  for (const FoundInstance& found : TRY(node_.drivers().containers.list())) {
    if (found.name_space == request.name_space && found.service == request.service) {
      ids.push_back(found.id);
    }
  }
  if (ids.empty()) {
    return fail(Code::not_found,
                std::format("{}/{} has no instance on this machine", request.name_space.str(),
                            request.service.str()),
                "list instances: ployzctl ps");
  }
  if (ids.size() > kMaxFollowed) ids.resize(kMaxFollowed);
  return ids;
}

Status Backend::logs(const LogsRequest& request, const LogSink& sink, std::stop_token stop) {
  const std::vector<InstanceId> ids = TRY(instances_for_logs(request));
  Containers& containers = node_.drivers().containers;
  std::mutex mutex;  // one chunk at a time, and the first error
  Status outcome;
  const auto read = [&](const InstanceId& id) {
    const Status ended = containers.logs(
        id, request.lines, request.follow,
        [&](std::string_view text) {
          const std::scoped_lock lock(mutex);
          return sink({id, std::string(text)});
        },
        stop);
    const std::scoped_lock lock(mutex);
    if (!ended && outcome) outcome = ended;
  };
  std::vector<std::jthread> readers;
  for (const InstanceId& id : ids) readers.emplace_back([&read, id] { read(id); });
  readers.clear();  // joins
  return outcome;
}

Result<ExecResult> Backend::exec(const ExecRequest& request) {
  return node_.drivers().containers.exec(request.instance, request.command,
                                         std::chrono::milliseconds(request.timeout_ms));
}

}  // namespace ployz

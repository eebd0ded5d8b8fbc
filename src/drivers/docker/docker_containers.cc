#include "drivers/docker/docker_containers.h"

#include <algorithm>
#include <format>

#include "drivers/docker/container_json.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// What the engine needs beyond the grace to kill, unmount and release the network.
constexpr milliseconds kStopMargin{30000};

std::string container_path(std::string_view container, std::string_view what = {}) {
  return std::format("/containers/{}{}", container, what);
}

// Whether the failed call may still have made or changed something.
bool unknown(const Error& error) {
  return error.effect != Effect::none;
}

// The engine says so in words only: 403 "Address already in use" (20.10), 500 with "failed to set
// up container networking: Address already in use" (28).
Error name_address_conflict(Error error, const RunInstance& run) {
  if (!error.message.contains("ddress already in use")) return error;
  return {Code::conflict,
          error.effect,
          std::format("address {} of instance {} is taken by another container", run.address,
                      run.instance.str()),
          "docker network inspect ployz shows by which",
          {}};
}

// "invalid mount config for type "bind": bind source path does not exist: /srv/…" (400; since 20.10).
Error name_missing_folder(Error error) {
  constexpr std::string_view kWords = "source path does not exist";
  if (!error.message.contains(kWords)) return error;
  return {Code::not_found, error.effect, std::move(error.message),
          "the pool of this machine's volumes may not be mounted", {}};
}

std::string absent(const InstanceId& instance) {
  return std::format("instance {} has no container here", instance.str());
}

}  // namespace

std::string list_path(const InstanceId* instance) {
  std::string label(label::kInstance);
  if (instance) label += "=" + instance->str();
  return "/containers/json?all=1&filters=" +
         docker_filters({{"label", Json::array({std::move(label)})}});
}

Result<std::optional<FoundInstance>> inspect_container(DockerApi& api, std::string_view container) {
  const auto inspected = api.get(container_path(container, "/json"));
  if (!inspected && inspected.error().code == Code::not_found) return std::nullopt;
  if (!inspected) return std::unexpected(inspected.error());
  return TRY(found_instance_of(*inspected));
}

Result<std::vector<FoundInstance>> list_containers(DockerApi& api) {
  const Json rows = TRY(api.get(list_path()));
  std::vector<FoundInstance> found;
  for (const Json& row : rows) {
    // The list has no exit code and no time: one more call each, about a millisecond.
    auto instance = TRY(inspect_container(api, TRY(get_string(row, "Id"))));
    if (instance) found.push_back(std::move(*instance));
  }
  std::ranges::sort(found, {}, &FoundInstance::id);
  return found;
}

Result<std::optional<DockerContainers::Summary>> DockerContainers::summary_of(
    const InstanceId& instance) {
  const Json rows = TRY(api_.get(list_path(&instance)));
  if (!rows.is_array() || rows.empty()) return std::nullopt;
  const Json labels = TRY(get_object(rows[0], "Labels"));
  return Summary{TRY(get_string(rows[0], "Id")), TRY(get_string(rows[0], "State")),
                 RevisionId(TRY(get_string_or(labels, label::kRevision, "")))};
}

Result<DockerContainers::Summary> DockerContainers::required(const InstanceId& instance) {
  auto summary = TRY(summary_of(instance));
  if (!summary) return fail(Code::not_found, absent(instance));
  return std::move(*summary);
}

class DockerContainers::Turn {
 public:
  Turn(DockerContainers& owner, const InstanceId& instance) : owner_(owner), instance_(instance) {
    std::unique_lock lock(owner_.mutex_);
    owner_.turn_ended_.wait(lock, [&] { return owner_.ensuring_.insert(instance_).second; });
  }
  ~Turn() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.ensuring_.erase(instance_);
    owner_.turn_ended_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  DockerContainers& owner_;
  InstanceId instance_;
};

// Two round trips in the common case: the engine's own check for a second container of the same
// name makes it unnecessary to look first.
Status DockerContainers::ensure_running(const InstanceConfig& config) {
  const Json body = TRY(create_body(config, network_));
  const Turn turn(*this, config.run.instance);
  const auto created =
      api_.post("/containers/create?name=" + container_name(config.run), body, kSlowCall);
  if (!created && created.error().code == Code::conflict) {
    const auto present = TRY(summary_of(config.run.instance));
    if (present) return adopt(config, *present);
    // The name is reserved before the container can be listed: another process makes it right now.
    return fail(
        Code::unavailable,
        std::format("instance {} is being created by another process", config.run.instance.str()),
        "run the same command again");
  }
  if (!created && created.error().code == Code::not_found) {
    return fail(Code::not_found,
                std::format("image {} ({}) is not on this machine", config.run.spec.image,
                            config.run.spec.image_id),
                "push it: ployzctl image push", created.error().effect);
  }
  if (!created) return fail(name_missing_folder(created.error()));
  const std::string container = TRY(get_string(*created, "Id"));
  const auto started = api_.post(container_path(container, "/start"), nullptr, kSlowCall);
  if (started) return {};
  return undo_create(container, name_address_conflict(started.error(), config.run));
}

Status DockerContainers::adopt(const InstanceConfig& config, const Summary& present) {
  if (present.revision != config.run.revision) {
    return fail(Code::exists, std::format("instance {} is here with another revision ({}, not {})",
                                          config.run.instance.str(), present.revision.str(),
                                          config.run.revision.str()));
  }
  const Status started = start_container(present);
  if (started) return {};
  Error error = name_address_conflict(started.error(), config.run);
  // One that never ran is what an interrupted attempt left: it goes like our own.
  if (present.state == "created") return undo_create(present.container, std::move(error));
  error.effect = Effect::unknown;
  return fail(std::move(error));
}

Status DockerContainers::undo_create(std::string_view container, Error error) {
  const bool was_unknown = unknown(error) && error.code == Code::timeout;
  const Status removed = remove_container(container);
  error.effect = removed && !was_unknown ? Effect::none : Effect::unknown;
  if (!removed) error.context.push_back({"undo", removed.error().message});
  return fail(std::move(error));
}

Status DockerContainers::start_container(const Summary& present) {
  const std::string_view verb = present.state == "paused" ? "/unpause" : "/start";
  TRY(api_.post(container_path(present.container, verb), nullptr, kSlowCall));
  return {};
}

Status DockerContainers::start(const InstanceId& instance) {
  return start_container(TRY(required(instance)));
}

Status DockerContainers::stop(const InstanceId& instance, milliseconds grace) {
  const auto present = TRY(summary_of(instance));
  if (!present) return {};
  // A restarting container has no process now but will have one again, unless it is stopped.
  if (present->state == "exited" || present->state == "created" || present->state == "dead") {
    return {};
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(grace).count();
  const auto stopped =
      api_.post(container_path(present->container, std::format("/stop?t={}", seconds)), nullptr,
                grace + kStopMargin);
  if (stopped || stopped.error().code == Code::not_found) return {};
  return std::unexpected(stopped.error());
}

Status DockerContainers::remove(const InstanceId& instance, milliseconds grace) {
  const auto present = TRY(summary_of(instance));
  if (!present) return {};
  if (present->state != "exited" && present->state != "created") TRY(stop(instance, grace));
  return remove_container(present->container);
}

Status DockerContainers::freeze(const InstanceId& instance, bool paused) {
  const auto present = TRY(summary_of(instance));
  if (!present) return fail(Code::not_found, std::format("no container of instance {}", instance.str()));
  if ((present->state == "paused") == paused) return {};
  if (present->state != "running" && present->state != "paused") {
    if (!paused) return {};
    return fail(Code::precondition, std::format("instance {} does not run", instance.str()));
  }
  const auto done = api_.post(container_path(present->container, paused ? "/pause" : "/unpause"),
                              nullptr, kSlowCall);
  if (done) return {};
  // Somebody else was faster, or it ended meanwhile: what it is now decides.
  const auto after = TRY(summary_of(instance));
  if (after && (after->state == "paused") == paused && (after->state == "running" || paused)) return {};
  return std::unexpected(done.error());
}

Status DockerContainers::pause(const InstanceId& instance) {
  return freeze(instance, true);
}

Status DockerContainers::unpause(const InstanceId& instance) {
  return freeze(instance, false);
}

Status DockerContainers::remove_container(std::string_view container) {
  const Status removed = api_.remove(container_path(container, "?v=1&force=1"), kSlowCall);
  if (removed || removed.error().code == Code::not_found) return {};
  if (removed.error().code != Code::conflict) return removed;
  // Somebody else is removing it: wait until it is gone.
  const auto gone =
      api_.post(container_path(container, "/wait?condition=removed"), nullptr, kSlowCall);
  if (gone || gone.error().code == Code::not_found) return {};
  return std::unexpected(gone.error());
}

Result<std::optional<FoundInstance>> DockerContainers::find(const InstanceId& instance) {
  const auto present = TRY(summary_of(instance));
  if (!present) return std::nullopt;
  return inspect_container(api_, present->container);
}

Result<std::vector<FoundInstance>> DockerContainers::list() {
  return list_containers(api_);
}

}  // namespace ployz

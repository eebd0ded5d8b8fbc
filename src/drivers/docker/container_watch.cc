// DockerContainers::watch: the engine's event stream with a resynchronisation on every connect.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <format>
#include <map>
#include <mutex>
#include <thread>

#include "drivers/docker/container_json.h"
#include "drivers/docker/docker_containers.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// Between attempts to reach an engine that is away; doubles from the first to the second.
constexpr milliseconds kFirstRetry{100};
constexpr milliseconds kLastRetry{2000};
// One event is about 1 KB; more than this without a newline is no event stream.
constexpr size_t kMaxEvent = 1 << 20;

// Only what changes the state: a probe's exec_* events would come twice a second.
std::string events_path(std::chrono::system_clock::time_point since) {
  namespace chr = std::chrono;
  const auto nanos = chr::duration_cast<chr::nanoseconds>(since.time_since_epoch()).count();
  const Json filters = {{"type", {"container"}},
                        {"label", Json::array({label::kInstance})},
                        {"event", {"create", "start", "die", "pause", "unpause", "destroy"}}};
  return std::format("/events?since={}.{:09}&filters={}", nanos / 1'000'000'000,
                     nanos % 1'000'000'000, docker_filters(filters));
}

class Watch final : public Subscription {
 public:
  Watch(DockerApi& api, std::function<void(FoundInstance)> on_change)
      : api_(api),
        on_change_(std::move(on_change)),
        since_(std::chrono::system_clock::now()),
        thread_([this](const std::stop_token& stop) { loop(stop); }) {}

 private:
  void loop(const std::stop_token& stop);
  // One connection to the engine, from its header to its end.
  void follow(const std::stop_token& stop);
  void resynchronise();
  bool on_bytes(std::string_view bytes);
  void on_line(std::string_view line);
  void deliver(const FoundInstance& instance);

  DockerApi& api_;
  std::function<void(FoundInstance)> on_change_;
  // The engine sends its header before it subscribes to its own events, and keeps the last 256: by
  // asking since a moment before the connect nothing is lost in between.
  std::chrono::system_clock::time_point since_;
  bool connected_ = false;
  std::string partial_;
  std::map<InstanceId, FoundInstance> known_;  // to tell after a gap what is gone
  std::mutex mutex_;
  std::condition_variable_any retry_;
  std::jthread thread_;
};

void Watch::loop(const std::stop_token& stop) {
  milliseconds delay = kFirstRetry;
  while (!stop.stop_requested()) {
    connected_ = false;
    follow(stop);
    delay = connected_ ? kFirstRetry : std::min(delay * 2, kLastRetry);
    std::unique_lock lock(mutex_);
    retry_.wait_for(lock, stop, delay, [] { return false; });
    since_ = std::chrono::system_clock::now();
  }
}

void Watch::follow(const std::stop_token& stop) {
  partial_.clear();
  HttpExchange exchange;
  exchange.stop = stop;
  exchange.on_header = [this](const HttpResponse& response) {
    connected_ = response.ok();
    if (connected_) resynchronise();
  };
  exchange.on_chunk = [this](std::string_view bytes) { return on_bytes(bytes); };
  // Why it ended does not matter: the loop connects again and resynchronises.
  (void)api_.stream("GET", events_path(since_), nullptr, exchange);
}

void Watch::resynchronise() {
  const auto present = list_containers(api_);
  if (!present) {
    connected_ = false;
    return;
  }
  std::map<InstanceId, FoundInstance> before;
  std::swap(before, known_);
  for (const FoundInstance& instance : *present) {
    before.erase(instance.id);
    deliver(instance);
  }
  for (auto& [id, gone] : before) {
    gone.state = InstanceState::unknown;
    on_change_(gone);
  }
}

bool Watch::on_bytes(std::string_view bytes) {
  if (!connected_) return false;
  partial_ += bytes;
  size_t start = 0;
  for (size_t end = 0; (end = partial_.find('\n', start)) != std::string::npos; start = end + 1) {
    on_line(std::string_view(partial_).substr(start, end - start));
  }
  partial_.erase(0, start);
  return partial_.size() <= kMaxEvent;
}

void Watch::on_line(std::string_view line) {
  const auto message = parse_json(line);
  const auto event = message ? container_event_of(*message) : std::nullopt;
  if (!event) return;
  const auto inspected = inspect_container(api_, event->container);
  const FoundInstance merged =
      merge_event(*event, inspected ? *inspected : std::optional<FoundInstance>{});
  if (event->action == "destroy") {
    if (known_.erase(merged.id) > 0) on_change_(merged);
    return;
  }
  deliver(merged);
}

void Watch::deliver(const FoundInstance& instance) {
  known_[instance.id] = instance;
  on_change_(instance);
}

}  // namespace

Result<std::unique_ptr<Subscription>> DockerContainers::watch(
    std::function<void(FoundInstance)> on_change) {
  TRY(api_.version());  // an engine that is not there is the caller's error now, not a silent retry
  return std::make_unique<Watch>(api_, std::move(on_change));
}

}  // namespace ployz

// The container engine of this machine. Real: Docker Engine API (src/drivers/docker). All calls
// block, are thread-safe; ensure_/remove_ may be repeated.
// Common errors: `unavailable` (engine does not answer), `timeout` with effect unknown.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/action.h"
#include "model/machine.h"
#include "ports/control_store.h"

namespace ployz {

// Labels every container of Ployz carries; how the owner of everything is found again.
namespace label {
inline constexpr std::string_view kInstance = "ployz.instance";
inline constexpr std::string_view kNamespace = "ployz.namespace";
inline constexpr std::string_view kService = "ployz.service";
inline constexpr std::string_view kRevision = "ployz.revision";
inline constexpr std::string_view kOperation = "ployz.operation";
inline constexpr std::string_view kDatasets = "ployz.datasets";  // "pgdata=01h…,uploads=01h…"
}  // namespace label

struct BoundMount {
  std::string source;  // a folder of this machine, which must exist
  std::string target;
  bool read_only = false;
  bool operator==(const BoundMount&) const = default;
};

struct InstanceConfig {
  RunInstance run;
  OperationId operation;
  std::string dns_server;  // the machine's overlay address; empty: the engine's default
  std::string dns_search;  // "<namespace>.<cluster_domain>"
  std::vector<BoundMount> mounts;  // one for each of the spec's
};

struct ExecResult {
  int exit_code = 0;
  std::string output;  // stdout and stderr, at most kMaxExecOutput bytes
};
inline constexpr size_t kMaxExecOutput = 64 << 10;

class Containers {
 public:
  virtual ~Containers() = default;

  // Created and started. The name is the instance id prefixed by namespace and service. Present
  // with the same revision: started if stopped, otherwise nothing. `exists`: present with another
  // revision. `not_found`: the image is not here. `conflict`: the address is taken. On any error
  // nothing of this instance is left behind, or the effect says unknown.
  [[nodiscard]] virtual Status ensure_running(const InstanceConfig& config) = 0;
  // `not_found` when absent. Starting the running succeeds.
  [[nodiscard]] virtual Status start(const InstanceId& instance) = 0;
  // SIGTERM, then SIGKILL after `grace`; stopping the stopped or absent succeeds.
  [[nodiscard]] virtual Status stop(const InstanceId& instance,
                                    std::chrono::milliseconds grace) = 0;
  // Stops as above and removes, with its anonymous volumes; removing the absent succeeds.
  [[nodiscard]] virtual Status remove(const InstanceId& instance,
                                      std::chrono::milliseconds grace) = 0;
  // Every process of it stands still, and goes on. Pausing the paused and resuming the running
  // succeed. `not_found`; `precondition`: it does not run.
  [[nodiscard]] virtual Status pause(const InstanceId& instance) = 0;
  [[nodiscard]] virtual Status unpause(const InstanceId& instance) = 0;
  // Nullopt: no such container.
  [[nodiscard]] virtual Result<std::optional<FoundInstance>> find(const InstanceId& instance) = 0;
  // Every container with Ployz labels, in any state, sorted by id.
  [[nodiscard]] virtual Result<std::vector<FoundInstance>> list() = 0;
  // `not_found` when absent, `precondition` when it does not run.
  [[nodiscard]] virtual Result<ExecResult> exec(const InstanceId& instance,
                                                const std::vector<std::string>& command,
                                                std::chrono::milliseconds timeout) = 0;
  // The last `lines` lines, at most 64 KiB; then, with `follow`, every later chunk until `stop` or
  // the container ends. `sink` false ends it.
  [[nodiscard]] virtual Status logs(const InstanceId& instance, size_t lines, bool follow,
                                    const std::function<bool(std::string_view)>& sink,
                                    std::stop_token stop) = 0;
  // Every state change of a Ployz container, on a thread of the driver, without gaps over
  // reconnects (after one, the present state of each is delivered again).
  [[nodiscard]] virtual Result<std::unique_ptr<Subscription>> watch(
      std::function<void(FoundInstance)> on_change) = 0;
};

struct ImageInfo {
  std::string id;                         // "sha256:…" of the image's config: its identity
  std::vector<std::string> references;    // repo:tag
  std::vector<std::string> layers;        // diff ids, bottom first
  uint64_t size_bytes = 0;
};

class Images {
 public:
  virtual ~Images() = default;

  // By reference or id; nullopt when absent.
  [[nodiscard]] virtual Result<std::optional<ImageInfo>> find(std::string_view reference) = 0;
  [[nodiscard]] virtual Result<std::vector<ImageInfo>> list() = 0;
  // Asks the registry without downloading; the error says why it cannot be pulled.
  [[nodiscard]] virtual Status check_pullable(std::string_view reference) = 0;
  // Downloads; returns what is now present. May be repeated.
  [[nodiscard]] virtual Result<ImageInfo> pull(std::string_view reference) = 0;
  // Feeds a `docker save` archive: `read` fills the buffer and returns the bytes, 0 at the end.
  // Layers that are already here may be missing from the archive. `corrupt` when it does not match
  // its digests.
  [[nodiscard]] virtual Status load(const std::function<Result<size_t>(std::span<char>)>& read) = 0;
  [[nodiscard]] virtual Status tag(std::string_view image_id, std::string_view reference) = 0;
  // The image as a `docker save` archive, in pieces, without its references. `not_found`; an error of
  // the sink ends it and is the result.
  [[nodiscard]] virtual Status save(std::string_view image_id,
                                    const std::function<Status(std::string_view)>& sink) = 0;
  // Takes a reference away, and with an image's last one the image; layers that another image has
  // stay. Removing the absent succeeds. `conflict`: a container uses the image.
  [[nodiscard]] virtual Status remove(std::string_view reference) = 0;
};

// The bridge network instances live on.
inline constexpr std::string_view kContainerBridge = "ployz0";

class ContainerNetwork {
 public:
  virtual ~ContainerNetwork() = default;
  // A bridge `ployz0` with this subnet, its gateway the first address, no masquerading between
  // overlay addresses. Repeating is fine; `exists` when it is there with another subnet;
  // `precondition` when an older version made it otherwise and containers use it.
  [[nodiscard]] virtual Status ensure_network(std::string_view subnet) = 0;
  // Refused (`precondition`) while containers use it.
  [[nodiscard]] virtual Status remove_network() = 0;
};

}  // namespace ployz

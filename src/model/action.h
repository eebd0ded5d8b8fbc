// The typed effects a plan is made of. Each is executed by one machine's agent or router and is
// idempotent: repeated with the same content it succeeds and changes nothing more.
#pragma once

#include <chrono>
#include <string>
#include <variant>

#include "base/json.h"
#include "model/names.h"
#include "model/service.h"

namespace ployz {

// The image is on the machine with this very id, pulled if needed. Undo: none, it is a cache.
struct EnsureImage {
  std::string reference;
  std::string image_id;
  bool operator==(const EnsureImage&) const = default;
};

// A container of this id runs. Labels and PLOYZ_* environment are derived from these fields.
struct RunInstance {
  InstanceId instance;
  NamespaceName name_space;
  ServiceName service;
  RevisionId revision;
  std::string address;  // empty unless network = overlay
  ContainerSpec spec;
  bool operator==(const RunInstance&) const = default;
};

// Returns when the instance is ready; `precondition` when it exited, or was not ready within the
// start period — with the last probe's answer and the tail of its log in the message/context.
struct AwaitReady {
  InstanceId instance;
  std::string address;  // empty (network = host): 127.0.0.1
  Readiness readiness;
  uint16_t port = 0;  // the container port behind readiness.port
  bool operator==(const AwaitReady&) const = default;
};

// SIGTERM, grace, SIGKILL; the container stays and can be started again.
struct StopInstance {
  InstanceId instance;
  std::chrono::milliseconds grace{10000};
  bool operator==(const StopInstance&) const = default;
};

struct StartInstance {
  InstanceId instance;
  bool operator==(const StartInstance&) const = default;
};

struct RemoveInstance {
  InstanceId instance;
  std::chrono::milliseconds grace{10000};
  bool operator==(const RemoveInstance&) const = default;
};

// Router: take slots and health-check the servers of the operation's candidate commit, so that the
// flip is only a switch of maps and can no longer fail for lack of anything. The candidate travels
// in StepRequest::candidate.
struct PrepareRoutes {
  bool operator==(const PrepareRoutes&) const = default;
};

// Router: give back what PrepareRoutes took for this operation.
struct DiscardRoutes {
  bool operator==(const DiscardRoutes&) const = default;
};

// Router: returns when no connection uses a server that the newest commit of the namespace does
// not name, or after `limit` (then they are cut), and forgets those servers.
struct DrainRoutes {
  NamespaceName name_space;
  std::chrono::milliseconds limit{10000};
  bool operator==(const DrainRoutes&) const = default;
};

// Router: returns when the servers of the namespace's newest commit accept connections and requests
// go there again, at the latest after `limit`; those that do not are left to the gateway's health
// checks, which is no error. Before old instances are stopped it does nothing (limit 0); as the undo
// of that it makes "the previous commit serves" true when the operation returns.
struct AwaitRoutes {
  NamespaceName name_space;
  std::chrono::milliseconds limit{0};
  bool operator==(const AwaitRoutes&) const = default;
};

using Action = std::variant<EnsureImage, RunInstance, AwaitReady, StopInstance, StartInstance,
                            RemoveInstance, PrepareRoutes, DiscardRoutes, DrainRoutes, AwaitRoutes>;

// "run_instance", … : the tag in JSON.
[[nodiscard]] std::string_view kind_of(const Action& action);
// One line for a person, without secrets: "start web-01arz3 (10.101.0.7)".
[[nodiscard]] std::string describe(const Action& action);
[[nodiscard]] Json to_json(const Action& action);
[[nodiscard]] Result<Action> action_from_json(const Json& json);

}  // namespace ployz

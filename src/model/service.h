// What a manifest says of a service, after parsing: defaults filled in, units resolved.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/names.h"

namespace ployz {

enum class Protocol { tcp, udp };
enum class NetworkMode { overlay, host, none };
enum class RestartPolicy { no, on_failure, always, unless_stopped };
enum class Rollout { blue_green, recreate };

struct Port {
  std::string name;
  uint16_t container = 0;
  Protocol protocol = Protocol::tcp;
  auto operator<=>(const Port&) const = default;
};

// A port on every machine of the network, served by the gateway.
struct Publish {
  uint16_t host = 0;
  uint16_t container = 0;
  auto operator<=>(const Publish&) const = default;
};

struct Route {
  std::vector<std::string> hostnames;
  std::string port;               // a Port::name of the same service
  std::string path_prefix = "/";  // begins with "/"
  auto operator<=>(const Route&) const = default;
};

struct Readiness {
  // `none`: ready as soon as it runs and stayed running for `interval`.
  enum class Kind { none, http, tcp, exec };
  Kind kind = Kind::none;
  std::string path{};                  // http: an answer below 400 is ready
  std::string port{};                  // http, tcp: a Port::name
  std::vector<std::string> command{};  // exec: exit status 0 is ready
  std::chrono::milliseconds interval{500};
  std::chrono::milliseconds timeout{2000};        // of one attempt
  std::chrono::milliseconds start_period{30000};  // not ready by then: failed
  auto operator<=>(const Readiness&) const = default;
};

// From the start of an instance until it is ready or has failed.
[[nodiscard]] constexpr std::chrono::milliseconds longest_wait(const Readiness& readiness) {
  return readiness.kind == Readiness::Kind::none ? readiness.interval
                                                 : readiness.start_period + readiness.timeout;
}

struct Mount {
  VolumeName volume;
  std::string target;  // absolute path in the container
  bool read_only = false;
  auto operator<=>(const Mount&) const = default;
};

struct Resources {
  std::optional<uint64_t> memory_bytes;
  std::optional<uint32_t> milli_cpus;  // 1.5 CPUs = 1500
  auto operator<=>(const Resources&) const = default;
};

// What one container of the service is made of. Equal specs have equal digests (RevisionId), and
// only a change of it replaces containers.
struct ContainerSpec {
  std::string image;     // as written; for people
  std::string image_id;  // "sha256:…", resolved at plan time; empty in a manifest
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> command;
  std::map<std::string, std::string> env;
  NetworkMode network = NetworkMode::overlay;
  RestartPolicy restart = RestartPolicy::unless_stopped;
  std::chrono::milliseconds stop_grace_period{10000};
  std::vector<Port> ports;
  std::vector<Mount> mounts;
  Readiness readiness;
  Resources resources;
  bool operator==(const ContainerSpec&) const = default;
};

struct Placement {
  bool global = false;                // one instance on every active machine
  uint32_t replicas = 1;              // when not global
  std::vector<std::string> machines;  // names or ids it is pinned to; empty: anywhere
  bool operator==(const Placement&) const = default;
};

struct Service {
  ServiceName name;
  ContainerSpec container;
  Placement placement;
  Rollout rollout = Rollout::blue_green;
  std::vector<Publish> publish;
  std::vector<Route> routes;
  bool operator==(const Service&) const = default;

  [[nodiscard]] const Port* port(std::string_view name) const;
};

// The digest that decides whether a container must be replaced. `image` (the tag) is left out:
// the same image under another tag is the same revision.
[[nodiscard]] RevisionId revision_of(const ContainerSpec& spec);

// Canonical JSON (every field, keys sorted, durations in *_ms, sizes in *_bytes). Golden files:
// src/model/testdata/. from_json is strict: unknown fields are an error.
[[nodiscard]] Json to_json(const ContainerSpec& spec);
[[nodiscard]] Json to_json(const Service& service);
[[nodiscard]] Result<ContainerSpec> container_spec_from_json(const Json& json);
[[nodiscard]] Result<Service> service_from_json(const Json& json);

}  // namespace ployz

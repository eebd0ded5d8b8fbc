// Field lists (codec.h) of the types of service.h and of VolumeSpec. For the .cc files of
// src/model/ only: everyone else calls to_json and x_from_json.
#pragma once

#include "model/codec.h"
#include "model/manifest.h"
#include "model/service.h"

namespace ployz {

inline constexpr EnumNames<Protocol, 2> kProtocolNames{
    {{Protocol::tcp, "tcp"}, {Protocol::udp, "udp"}}};
constexpr const auto& enum_names(std::type_identity<Protocol>) {
  return kProtocolNames;
}

inline constexpr EnumNames<NetworkMode, 3> kNetworkModeNames{
    {{NetworkMode::overlay, "overlay"}, {NetworkMode::host, "host"}, {NetworkMode::none, "none"}}};
constexpr const auto& enum_names(std::type_identity<NetworkMode>) {
  return kNetworkModeNames;
}

// As Docker spells them.
inline constexpr EnumNames<RestartPolicy, 4> kRestartPolicyNames{
    {{RestartPolicy::no, "no"},
     {RestartPolicy::on_failure, "on-failure"},
     {RestartPolicy::always, "always"},
     {RestartPolicy::unless_stopped, "unless-stopped"}}};
constexpr const auto& enum_names(std::type_identity<RestartPolicy>) {
  return kRestartPolicyNames;
}

inline constexpr EnumNames<Rollout, 2> kRolloutNames{
    {{Rollout::blue_green, "blue_green"}, {Rollout::recreate, "recreate"}}};
constexpr const auto& enum_names(std::type_identity<Rollout>) {
  return kRolloutNames;
}

inline constexpr EnumNames<Readiness::Kind, 4> kReadinessKindNames{
    {{Readiness::Kind::none, "none"},
     {Readiness::Kind::http, "http"},
     {Readiness::Kind::tcp, "tcp"},
     {Readiness::Kind::exec, "exec"}}};
constexpr const auto& enum_names(std::type_identity<Readiness::Kind>) {
  return kReadinessKindNames;
}

inline constexpr EnumNames<VolumeScope, 2> kVolumeScopeNames{
    {{VolumeScope::single, "single"}, {VolumeScope::shared, "shared"}}};
constexpr const auto& enum_names(std::type_identity<VolumeScope>) {
  return kVolumeScopeNames;
}

template <class Codec, Like<Port> T>
void fields(Codec& codec, T& port) {
  codec.field("name", port.name);
  codec.field("container", port.container);
  codec.field("protocol", port.protocol);
}

template <class Codec, Like<Publish> T>
void fields(Codec& codec, T& publish) {
  codec.field("host", publish.host);
  codec.field("container", publish.container);
}

template <class Codec, Like<Route> T>
void fields(Codec& codec, T& route) {
  codec.field("hostnames", route.hostnames);
  codec.field("port", route.port);
  codec.field("path_prefix", route.path_prefix);
}

template <class Codec, Like<Readiness> T>
void fields(Codec& codec, T& readiness) {
  codec.field("kind", readiness.kind);
  codec.field("path", readiness.path);
  codec.field("port", readiness.port);
  codec.field("command", readiness.command);
  codec.field("interval_ms", readiness.interval);
  codec.field("timeout_ms", readiness.timeout);
  codec.field("start_period_ms", readiness.start_period);
}

template <class Codec, Like<Mount> T>
void fields(Codec& codec, T& mount) {
  codec.field("volume", mount.volume);
  codec.field("target", mount.target);
  codec.field("read_only", mount.read_only);
}

template <class Codec, Like<Resources> T>
void fields(Codec& codec, T& resources) {
  codec.field("memory_bytes", resources.memory_bytes);
  codec.field("milli_cpus", resources.milli_cpus);
}

template <class Codec, Like<ContainerSpec> T>
void fields(Codec& codec, T& spec) {
  codec.field("image", spec.image);
  codec.field("image_id", spec.image_id);
  codec.field("entrypoint", spec.entrypoint);
  codec.field("command", spec.command);
  codec.field("env", spec.env);
  codec.field("network", spec.network);
  codec.field("restart", spec.restart);
  codec.field("stop_grace_period_ms", spec.stop_grace_period);
  codec.field("ports", spec.ports);
  codec.field("mounts", spec.mounts);
  codec.field("readiness", spec.readiness);
  codec.field("resources", spec.resources);
}

template <class Codec, Like<Placement> T>
void fields(Codec& codec, T& placement) {
  codec.field("global", placement.global);
  codec.field("replicas", placement.replicas);
  codec.field("machines", placement.machines);
}

template <class Codec, Like<Service> T>
void fields(Codec& codec, T& service) {
  codec.field("name", service.name);
  codec.field("container", service.container);
  codec.field("placement", service.placement);
  codec.field("rollout", service.rollout);
  codec.field("publish", service.publish);
  codec.field("routes", service.routes);
}

template <class Codec, Like<VolumeSpec> T>
void fields(Codec& codec, T& volume) {
  codec.field("name", volume.name);
  codec.field("scope", volume.scope);
  codec.field("quota_bytes", volume.quota_bytes);
  codec.field("mode", volume.mode);
  codec.field("owner", volume.owner);
}

}  // namespace ployz

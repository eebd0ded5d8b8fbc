#include "model/manifest_schema.h"

#include <algorithm>

#include "model/manifest_fields.h"

namespace ployz {
namespace {

template <NamedEnum E>
Result<E> as_enum(const Node& node, std::string_view key) {
  auto value = enum_from_string<E>(TRY(as_text(node, key)));
  if (!value) return fail_at(node.at, std::format("'{}' {}", key, value.error().message));
  return value;
}

Result<Port> read_port(Positions& positions, const Node& node, std::string path) {
  const Section table = TRY(Section::open(positions, node, std::move(path), "[[service.port]]",
                                          {"name", "container", "container_port", "protocol"}));
  Port port;
  TRY(table.required({"name"}, port.name, as_text));
  TRY(table.required({"container", "container_port"}, port.container, as_port));
  TRY(table.optional({"protocol"}, port.protocol, as_enum<Protocol>));
  return port;
}

// The long spelling names a declared port instead of its number.
Result<Publish> read_publish(Positions& positions, const Node& node, std::string path,
                             const std::vector<Port>& ports) {
  const Section table =
      TRY(Section::open(positions, node, std::move(path), "[[service.publish]]",
                        {"host", "host_port", "container", "container_port", "service_port"}));
  const auto by_name = [&](const Node& name, std::string_view key) -> Result<uint16_t> {
    const std::string text = TRY(as_text(name, key));
    const auto found = std::ranges::find(ports, text, &Port::name);
    if (found != ports.end()) return found->container;
    return fail_at(name.at, std::format("'{}' names no port of the service", key),
                   "declare it in [[service.port]]");
  };
  Publish publish;
  TRY(table.required({"host", "host_port"}, publish.host, as_port));
  const Entry* named = TRY(table.find({"container", "container_port", "service_port"}));
  if (named && named->key == "service_port") {
    publish.container = TRY(by_name(named->value, named->key));
  } else {
    TRY(table.required({"container", "container_port"}, publish.container, as_port));
  }
  return publish;
}

// What a route or a probe means when it names no port: the only tcp port there is.
std::string default_port(const std::vector<Port>& ports) {
  const auto is_tcp = [](const Port& port) { return port.protocol == Protocol::tcp; };
  if (std::ranges::count_if(ports, is_tcp) != 1) return {};
  return std::ranges::find_if(ports, is_tcp)->name;
}

Result<Route> read_route(Positions& positions, const Node& node, std::string path,
                         const std::vector<Port>& ports) {
  const Section table = TRY(Section::open(positions, node, std::move(path), "[[service.route]]",
                                          {"hostnames", "port", "service_port", "path_prefix"}));
  Route route;
  route.port = default_port(ports);
  TRY(table.required({"hostnames"}, route.hostnames, as_texts));
  TRY(table.optional({"port", "service_port"}, route.port, as_text));
  TRY(table.optional({"path_prefix"}, route.path_prefix, as_text));
  return route;
}

// `http = "/healthz"` or `http = {path, service_port}`; likewise tcp and exec.
Status read_probe(const Section& table, const Entry& probe, Readiness& readiness) {
  const std::string path = table.child(probe.key);
  if (std::holds_alternative<Table>(probe.value.value)) {
    const bool exec = readiness.kind == Readiness::Kind::exec;
    const bool http = readiness.kind == Readiness::Kind::http;
    const Section inner =
        exec   ? TRY(Section::open(table.positions(), probe.value, path, "exec", {"command"}))
        : http ? TRY(Section::open(table.positions(), probe.value, path, "http",
                                   {"path", "port", "service_port"}))
               : TRY(Section::open(table.positions(), probe.value, path, "tcp",
                                   {"port", "service_port"}));
    if (exec) return inner.required({"command"}, readiness.command, as_texts);
    if (http) TRY(inner.required({"path"}, readiness.path, as_text));
    return inner.optional({"port", "service_port"}, readiness.port, as_text);
  }
  switch (readiness.kind) {
    case Readiness::Kind::none:
      return {};
    case Readiness::Kind::http:
      readiness.path = TRY(as_text(probe.value, probe.key));
      return {};
    case Readiness::Kind::exec:
      readiness.command = TRY(as_texts(probe.value, probe.key));
      return {};
    case Readiness::Kind::tcp:
      if (TRY(as_bool(probe.value, probe.key))) return {};
      return fail_at(probe.value.at, "'tcp' must be true", "or leave it out");
  }
  return {};
}

Result<Readiness> read_readiness(Positions& positions, const Node& node, std::string path,
                                 const std::vector<Port>& ports) {
  const Section table =
      TRY(Section::open(positions, node, std::move(path), "[service.readiness]",
                        {"http", "tcp", "exec", "port", "interval", "timeout", "start_period"}));
  Readiness readiness;
  TRY(table.optional({"port"}, readiness.port, as_text));
  TRY(table.optional({"interval"}, readiness.interval, as_duration));
  TRY(table.optional({"timeout"}, readiness.timeout, as_duration));
  TRY(table.optional({"start_period"}, readiness.start_period, as_duration));
  using Kind = Readiness::Kind;
  for (const auto kind : {Kind::http, Kind::tcp, Kind::exec}) {
    const Entry* probe = TRY(table.find({enum_to_string(kind)}));
    if (!probe) continue;
    if (readiness.kind != Kind::none) {
      return fail_at(probe->at, std::format("'{}' and '{}' are both given: give one",
                                            enum_to_string(readiness.kind), probe->key));
    }
    readiness.kind = kind;
    TRY(read_probe(table, *probe, readiness));
  }
  const bool has_port = readiness.kind == Kind::http || readiness.kind == Kind::tcp;
  if (has_port && readiness.port.empty()) readiness.port = default_port(ports);
  return readiness;
}

Result<Mount> read_mount(Positions& positions, const Node& node, std::string path) {
  const Section table = TRY(Section::open(positions, node, std::move(path), "[[service.mount]]",
                                          {"volume", "target", "read_only"}));
  Mount mount;
  TRY(table.required({"volume"}, mount.volume.value, as_text));
  TRY(table.required({"target"}, mount.target, as_text));
  TRY(table.optional({"read_only"}, mount.read_only, as_bool));
  while (mount.target.size() > 1 && mount.target.ends_with('/')) mount.target.pop_back();
  return mount;
}

// `env = {K = "V"}` or `[[service.env]] key, value`.
Status read_env(const Section& table, std::map<std::string, std::string>& env) {
  const Entry* entry = TRY(table.find({"env"}));
  if (!entry) return {};
  const auto add = [&](const std::string& key, Position at, std::string value) -> Status {
    table.positions().add(std::format("{}.{}", table.child("env"), key), at);
    if (env.emplace(key, std::move(value)).second) return {};
    return fail_at(at, "an environment variable is given twice");
  };
  const auto text = [](const Node& node) -> Result<std::string> {
    if (const auto* value = std::get_if<std::string>(&node.value)) return *value;
    return fail_at(node.at, "the value of an environment variable must be a string",
                   "write numbers in quotes too");
  };
  if (const auto* values = std::get_if<Table>(&entry->value.value)) {
    for (const Entry& item : *values) TRY(add(item.key, item.at, TRY(text(item.value))));
    return {};
  }
  const auto* items = std::get_if<Array>(&entry->value.value);
  if (!items) return wrong_kind(entry->value, "env", "a table of strings");
  for (const Node& item : *items) {
    const Section pair = TRY(Section::open(table.positions(), item, table.child("env"),
                                           "[[service.env]]", {"key", "value"}));
    std::string key;
    std::string value;
    TRY(pair.required({"key"}, key, as_text));
    TRY(pair.required({"value"}, value,
                      [&](const Node& node, std::string_view) { return text(node); }));
    TRY(add(key, item.at, std::move(value)));
  }
  return {};
}

Result<Resources> read_resources(Positions& positions, const Node& node, std::string path) {
  const Section table = TRY(
      Section::open(positions, node, std::move(path), "[service.resources]", {"memory", "cpus"}));
  Resources resources;
  TRY(table.optional({"memory"}, resources.memory_bytes, as_size));
  TRY(table.optional({"cpus"}, resources.milli_cpus, as_milli_cpus));
  return resources;
}

// All of a service that its `template` may hold too; `table` already spans both.
Status read_template_keys(const Section& table, ContainerSpec& spec) {
  TRY(table.required({"image"}, spec.image, as_text));
  TRY(table.optional({"command"}, spec.command, as_texts));
  TRY(table.optional({"entrypoint"}, spec.entrypoint, as_texts));
  TRY(read_env(table, spec.env));
  TRY(table.list({"mount", "mounts"}, spec.mounts, [&](const Node& node, std::string path) {
    return read_mount(table.positions(), node, std::move(path));
  }));
  TRY(table.optional({"network"}, spec.network, as_enum<NetworkMode>));
  TRY(table.optional({"restart"}, spec.restart, as_enum<RestartPolicy>));
  TRY(table.optional({"stop_grace_period"}, spec.stop_grace_period, as_duration));
  return table.optional({"resources"}, spec.resources, [&](const Node& node, std::string_view key) {
    return read_resources(table.positions(), node, table.child(key));
  });
}

Status read_container(const Section& table, ContainerSpec& spec) {
  TRY(read_template_keys(table, spec));
  TRY(table.list({"port", "ports", "service_ports"}, spec.ports,
                 [&](const Node& node, std::string path) {
                   return read_port(table.positions(), node, std::move(path));
                 }));
  return table.optional({"readiness"}, spec.readiness, [&](const Node& node, std::string_view key) {
    return read_readiness(table.positions(), node, table.child(key), spec.ports);
  });
}

// `placement = "global"`, `replicas = 3` or `placement.replicated.count = 3`.
Status read_placement(const Section& table, Placement& placement) {
  TRY(table.optional({"machines"}, placement.machines, as_texts));
  const Entry* replicas = TRY(table.find({"replicas"}));
  TRY(table.optional({"replicas"}, placement.replicas, as_count));
  const Entry* entry = TRY(table.find({"placement"}));
  if (!entry) return {};
  if (replicas) {
    return fail_at(replicas->at, "'replicas' and 'placement' are both given: give one");
  }
  if (const auto* text = std::get_if<std::string>(&entry->value.value)) {
    placement.global = *text == "global";
    if (placement.global) return {};
    return fail_at(entry->value.at, "'placement' must be \"global\"",
                   "for a number of instances write replicas = N");
  }
  const std::string path = table.child("placement");
  const Section outer =
      TRY(Section::open(table.positions(), entry->value, path, "placement", {"replicated"}));
  const Entry* replicated = TRY(outer.find({"replicated"}));
  if (!replicated) return {};
  const Section inner = TRY(
      Section::open(table.positions(), replicated->value, path, "placement.replicated", {"count"}));
  return inner.required({"count"}, placement.replicas, as_count);
}

Result<Section> open_service(Positions& positions, const Node& node, const std::string& path) {
  Section table =
      TRY(Section::open(positions, node, path, "[[service]]",
                        {"name",      "image",    "command",   "entrypoint", "env",
                         "mount",     "mounts",   "network",   "restart",    "stop_grace_period",
                         "resources", "template", "port",      "ports",      "service_ports",
                         "readiness", "replicas", "placement", "machines",   "rollout",
                         "publish",   "route",    "routes"}));
  if (const Entry* entry = TRY(table.find({"template"}))) {
    table.join(TRY(Section::open(positions, entry->value, path, "template",
                                 {"image", "command", "entrypoint", "env", "mount", "mounts",
                                  "network", "restart", "stop_grace_period", "resources"})));
  }
  return table;
}

// `explicit_rollout`: whether the manifest says it; the default depends on the volumes.
Result<Service> read_service(Positions& positions, const Node& node, const std::string& path,
                             bool& explicit_rollout) {
  const Section table = TRY(open_service(positions, node, path));
  Service service;
  TRY(table.required({"name"}, service.name.value, as_text));
  TRY(read_container(table, service.container));
  TRY(read_placement(table, service.placement));
  explicit_rollout = TRY(table.find({"rollout"})) != nullptr;
  TRY(table.optional({"rollout"}, service.rollout, as_enum<Rollout>));
  const auto& ports = service.container.ports;
  TRY(table.list({"publish"}, service.publish, [&](const Node& item, std::string item_path) {
    return read_publish(positions, item, std::move(item_path), ports);
  }));
  TRY(table.list({"route", "routes"}, service.routes, [&](const Node& item, std::string item_path) {
    return read_route(positions, item, std::move(item_path), ports);
  }));
  return service;
}

Result<VolumeSpec> read_volume(Positions& positions, const Node& node, std::string path) {
  constexpr size_t kModeDigits = 4;
  const Section table = TRY(Section::open(positions, node, std::move(path), "[[volume]]",
                                          {"name", "scope", "quota", "mode", "owner"}));
  VolumeSpec volume;
  TRY(table.required({"name"}, volume.name.value, as_text));
  TRY(table.optional({"scope"}, volume.scope, as_enum<VolumeScope>));
  TRY(table.optional({"quota"}, volume.quota_bytes, as_size));
  TRY(table.optional({"mode"}, volume.mode, as_text));
  TRY(table.optional({"owner"}, volume.owner, as_text));
  // "700" and "0700" are one mode, and must have one digest.
  if (volume.mode.size() < kModeDigits) {
    volume.mode.insert(0, kModeDigits - volume.mode.size(), '0');
  }
  return volume;
}

// `namespace = "shop"` or `[namespace] name = "shop"`.
Result<NamespaceName> read_namespace(Positions& positions, const Node& node) {
  NamespaceName name;
  if (const auto* text = std::get_if<std::string>(&node.value)) {
    name.value = *text;
    return name;
  }
  const Section table = TRY(Section::open(positions, node, "namespace", "namespace", {"name"}));
  TRY(table.required({"name"}, name.value, as_text));
  return name;
}

// { pgdata = "take" }
Result<std::map<VolumeName, PromoteData>> as_promote_volumes(const Node& node,
                                                             std::string_view key) {
  const auto* table = std::get_if<Table>(&node.value);
  if (table == nullptr) {
    return fail_at(node.at, std::format("'{}' must be a table of volumes", key),
                   "as in { pgdata = \"take\" }");
  }
  std::map<VolumeName, PromoteData> volumes;
  for (const Entry& entry : *table) {
    volumes[VolumeName(entry.key)] = TRY(as_enum<PromoteData>(entry.value, entry.key));
  }
  return volumes;
}

Status read_sections(const Section& root, Manifest& manifest) {
  Positions& positions = root.positions();
  TRY(root.optional({"promote"}, manifest.promote,
                    [&](const Node& node, std::string_view key) -> Result<PromoteSection> {
                      const Section table = TRY(
                          Section::open(positions, node, std::string(key), "[promote]",
                                        {"from", "volumes"}));
                      PromoteSection promote;
                      TRY(table.required({"from"}, promote.from.value, as_text));
                      TRY(table.optional({"volumes"}, promote.volumes, as_promote_volumes));
                      return promote;
                    }));
  return root.optional({"rollback"}, manifest.rollback,
                       [&](const Node& node, std::string_view key) -> Result<RollbackSection> {
                         const Section table = TRY(Section::open(positions, node, std::string(key),
                                                                 "[rollback]", {"to", "state"}));
                         RollbackSection rollback;
                         TRY(table.optional({"to"}, rollback.to, as_text));
                         TRY(table.optional({"state"}, rollback.state, as_enum<RollbackData>));
                         return rollback;
                       });
}

}  // namespace

Result<Manifest> read_manifest(const Node& tree, Positions& positions) {
  const Section root = TRY(Section::open(
      positions, tree, "", "the manifest",
      {"namespace", "service", "services", "volume", "volumes", "promote", "rollback"}));
  Manifest manifest;
  TRY(root.required({"namespace"}, manifest.name_space, [&](const Node& node, std::string_view) {
    return read_namespace(positions, node);
  }));
  TRY(root.list({"volume", "volumes"}, manifest.volumes, [&](const Node& node, std::string path) {
    return read_volume(positions, node, std::move(path));
  }));
  std::vector<bool> explicit_rollout;
  TRY(root.list({"service", "services"}, manifest.services,
                [&](const Node& node, const std::string& path) {
                  bool given = false;
                  auto service = read_service(positions, node, path, given);
                  explicit_rollout.push_back(given);
                  return service;
                }));
  for (size_t i = 0; i < manifest.services.size(); ++i) {
    Service& service = manifest.services[i];
    if (!explicit_rollout[i]) service.rollout = default_rollout(manifest, service);
  }
  TRY(read_sections(root, manifest));
  return manifest;
}

}  // namespace ployz

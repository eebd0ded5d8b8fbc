#include "model/manifest_render.h"

#include <format>

#include "model/service_fields.h"

namespace ployz {
namespace {

// A basic string of TOML 1.0.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += std::format("\\u{:04X}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + toml_string(item);
  return out + "]";
}

std::string duration(std::chrono::milliseconds value) {
  return toml_string(value.count() % 1000 == 0 ? std::format("{}s", value.count() / 1000)
                                          : std::format("{}ms", value.count()));
}

std::string size(uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGT";
  std::string unit;
  for (const char next : kUnits) {
    if (bytes == 0 || bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = next;
  }
  return toml_string(std::format("{}{}", bytes, unit));
}

class Writer {
 public:
  void section(std::string_view header) { out_ += std::format("\n{}\n", header); }
  void line(std::string_view key, std::string value) {
    out_ += std::format("{} = {}\n", key, value);
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_volume(Writer& to, const VolumeSpec& volume) {
  const VolumeSpec standard;
  to.section("[[volume]]");
  to.line("name", toml_string(volume.name.str()));
  if (volume.scope == VolumeScope::shared) to.line("scope", toml_string("shared"));
  if (volume.quota_bytes) to.line("quota", size(*volume.quota_bytes));
  if (volume.mode != standard.mode) to.line("mode", toml_string(volume.mode));
  if (volume.owner != standard.owner) to.line("owner", toml_string(volume.owner));
}

void write_readiness(Writer& to, const Readiness& readiness) {
  if (readiness == Readiness{}) return;
  const Readiness standard;
  to.section("[service.readiness]");
  switch (readiness.kind) {
    case Readiness::Kind::none: break;
    case Readiness::Kind::http: to.line("http", toml_string(readiness.path)); break;
    case Readiness::Kind::tcp: to.line("tcp", "true"); break;
    case Readiness::Kind::exec: to.line("exec", list(readiness.command)); break;
  }
  if (!readiness.port.empty()) to.line("port", toml_string(readiness.port));
  if (readiness.interval != standard.interval) to.line("interval", duration(readiness.interval));
  if (readiness.timeout != standard.timeout) to.line("timeout", duration(readiness.timeout));
  if (readiness.start_period != standard.start_period) {
    to.line("start_period", duration(readiness.start_period));
  }
}

void write_container(Writer& to, const ContainerSpec& spec) {
  const ContainerSpec standard;
  if (spec.entrypoint) to.line("entrypoint", list(*spec.entrypoint));
  if (spec.command) to.line("command", list(*spec.command));
  if (!spec.env.empty()) {
    std::string env;
    for (const auto& [key, value] : spec.env) {
      env += std::format("{}{} = {}", env.empty() ? "" : ", ", toml_string(key), toml_string(value));
    }
    to.line("env", "{ " + env + " }");
  }
  if (spec.network != standard.network) to.line("network", toml_string(enum_to_string(spec.network)));
  if (spec.restart != standard.restart) to.line("restart", toml_string(enum_to_string(spec.restart)));
  if (spec.stop_grace_period != standard.stop_grace_period) {
    to.line("stop_grace_period", duration(spec.stop_grace_period));
  }
}

void write_tables(Writer& to, const Service& service) {
  const ContainerSpec& spec = service.container;
  for (const Port& port : spec.ports) {
    to.section("[[service.port]]");
    to.line("name", toml_string(port.name));
    to.line("container", std::format("{}", port.container));
    if (port.protocol != Protocol::tcp) to.line("protocol", toml_string("udp"));
  }
  for (const Publish& publish : service.publish) {
    to.section("[[service.publish]]");
    to.line("host", std::format("{}", publish.host));
    to.line("container", std::format("{}", publish.container));
  }
  for (const Route& route : service.routes) {
    to.section("[[service.route]]");
    to.line("hostnames", list(route.hostnames));
    to.line("port", toml_string(route.port));
    if (route.path_prefix != "/") to.line("path_prefix", toml_string(route.path_prefix));
  }
  write_readiness(to, spec.readiness);
  for (const Mount& mount : spec.mounts) {
    to.section("[[service.mount]]");
    to.line("volume", toml_string(mount.volume.str()));
    to.line("target", toml_string(mount.target));
    if (mount.read_only) to.line("read_only", "true");
  }
  if (spec.resources == Resources{}) return;
  to.section("[service.resources]");
  if (spec.resources.memory_bytes) to.line("memory", size(*spec.resources.memory_bytes));
  if (spec.resources.milli_cpus) {
    to.line("cpus", std::format("{:.3f}", *spec.resources.milli_cpus / 1000.0));
  }
}

void write_service(Writer& to, const Manifest& manifest, const Service& service) {
  to.section("[[service]]");
  to.line("name", toml_string(service.name.str()));
  to.line("image", toml_string(service.container.image));
  if (service.placement.global) {
    to.line("placement", toml_string("global"));
  } else if (service.placement.replicas != 1) {
    to.line("replicas", std::format("{}", service.placement.replicas));
  }
  if (!service.placement.machines.empty()) {
    to.line("machines", list(service.placement.machines));
  }
  if (service.rollout != default_rollout(manifest, service)) {
    to.line("rollout", toml_string(enum_to_string(service.rollout)));
  }
  write_container(to, service.container);
  write_tables(to, service);
}

}  // namespace

std::string to_toml(const Manifest& manifest) {
  Writer to;
  to.line("namespace", toml_string(manifest.name_space.str()));
  if (manifest.promote) {
    to.section("[promote]");
    to.line("from", toml_string(manifest.promote->from.str()));
    std::string volumes;
    for (const auto& [name, data] : manifest.promote->volumes) {
      volumes += std::format("{}{} = {}", volumes.empty() ? "" : ", ", toml_string(name.str()),
                             toml_string(to_string(data)));
    }
    if (!volumes.empty()) to.line("volumes", "{ " + volumes + " }");
  }
  if (manifest.rollback) {
    to.section("[rollback]");
    if (!manifest.rollback->to.empty()) to.line("to", toml_string(manifest.rollback->to));
    to.line("state", toml_string(to_string(manifest.rollback->state)));
  }
  for (const VolumeSpec& volume : manifest.volumes) write_volume(to, volume);
  for (const Service& service : manifest.services) write_service(to, manifest, service);
  return to.take();
}

}  // namespace ployz

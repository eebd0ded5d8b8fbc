#include <algorithm>
#include <format>
#include <set>

#include "model/image_reference.h"
#include "model/manifest_checks.h"
#include "model/quote.h"
#include "model/units.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";
constexpr uint64_t kLeastMemory = 6 << 20;  // Docker refuses less
constexpr uint32_t kLeastMilliCpus = 10;    // likewise
constexpr uint32_t kMaxReplicas = 10'000;
constexpr size_t kMaxPathPrefix = 255;
constexpr size_t kMaxProbePath = 1024;
constexpr milliseconds kLeastInterval{10};  // quicker probing is a load of its own

Checked named(Status status, std::string path) {
  if (status) return {};
  return blame(std::move(path), std::move(status.error().message), std::move(status.error().hint));
}

// Container environments allow dots and dashes (elasticsearch.yml keys come this way).
bool is_env_key(std::string_view key) {
  return !key.empty() && (kLetters.contains(key.front()) || key.front() == '_') &&
         std::ranges::all_of(key, [](char c) {
           return kLetters.contains(c) || kDigits.contains(c) || c == '_' || c == '.' || c == '-';
         });
}

// Path prefixes become keys of the gateway's maps, which end at a blank and know comments.
bool is_path_prefix(std::string_view prefix) {
  static constexpr std::string_view kPunctuation = "/-._~%!$&'()*+,=:@";
  return prefix.starts_with('/') && prefix.size() <= kMaxPathPrefix &&
         std::ranges::all_of(prefix, [](char c) {
           return kLetters.contains(c) || kDigits.contains(c) || kPunctuation.contains(c);
         });
}

// Goes into a request line: no blanks, no control characters.
bool is_request_target(std::string_view path) {
  return path.starts_with('/') && path.size() <= kMaxProbePath &&
         std::ranges::all_of(path, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_mount_target(std::string_view target) {
  if (!target.starts_with('/') || target.size() < 2 || target.ends_with('/')) return false;
  if (std::ranges::any_of(target, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; })) {
    return false;
  }
  std::string_view rest = target.substr(1);
  while (true) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

Checked check_words(const std::vector<std::string>& words, std::string_view key,
                    const std::string& path) {
  if (words.empty() || words.front().empty()) {
    return blame(path, std::format("'{}' must begin with a program", key), "or leave it out");
  }
  for (const std::string& word : words) {
    if (word.contains('\0')) return blame(path, std::format("'{}' contains a NUL byte", key));
  }
  return {};
}

Checked check_process(const ContainerSpec& spec, const std::string& path) {
  if (!is_image_reference(spec.image)) {
    return blame(path + ".image", std::format("image {} is not a reference", quote(spec.image)),
                 "as in \"shop/web:1.4\"; repositories are lower case");
  }
  if (spec.entrypoint) TRY(check_words(*spec.entrypoint, "entrypoint", path + ".entrypoint"));
  // After an entrypoint of the image, the command may be any words, an empty one included.
  if (spec.command && spec.command->empty()) {
    return blame(path + ".command", "'command' is empty", "or leave it out");
  }
  for (const std::string& word : spec.command.value_or(std::vector<std::string>{})) {
    if (word.contains('\0')) return blame(path + ".command", "'command' contains a NUL byte");
  }
  for (const auto& [key, value] : spec.env) {
    const std::string at = std::format("{}.env.{}", path, key);
    if (!is_env_key(key)) {
      return blame(at, std::format("{} is not the name of an environment variable", quote(key)),
                   "letters, digits, _, . and -, not beginning with a digit");
    }
    if (key.starts_with("PLOYZ_")) {
      return blame(at, std::format("environment variable {} belongs to Ployz", quote(key)));
    }
    if (value.contains('\0')) return blame(at, std::format("the value of {} has a NUL byte", key));
  }
  return {};
}

Checked check_resources(const ContainerSpec& spec, const std::string& path) {
  if (spec.stop_grace_period < milliseconds(0) || spec.stop_grace_period > kMaxManifestDuration) {
    return blame(path + ".stop_grace_period", "'stop_grace_period' must be 0s to 24h");
  }
  if (spec.resources.memory_bytes && *spec.resources.memory_bytes < kLeastMemory) {
    return blame(path + ".resources.memory", "'memory' must be at least 6M");
  }
  if (spec.resources.milli_cpus && *spec.resources.milli_cpus < kLeastMilliCpus) {
    return blame(path + ".resources.cpus", "'cpus' must be at least 0.01");
  }
  return {};
}

Checked check_ports(const ContainerSpec& spec, const std::string& path) {
  std::set<std::string_view> names;
  std::set<std::pair<uint16_t, Protocol>> numbers;
  for (size_t i = 0; i < spec.ports.size(); ++i) {
    const Port& port = spec.ports[i];
    const std::string at = std::format("{}.port[{}]", path, i);
    TRY(named(check_volume_name(port.name, "port name"), at + ".name"));
    if (port.container == 0) return blame(at + ".container", "'container' must be 1 to 65535");
    if (!names.insert(port.name).second) {
      return blame(at + ".name", std::format("port '{}' is declared twice", port.name));
    }
    if (!numbers.insert({port.container, port.protocol}).second) {
      return blame(at + ".container",
                   std::format("container port {} is declared twice", port.container));
    }
  }
  return {};
}

Checked check_mounts(const ContainerSpec& spec, const std::string& path) {
  std::set<std::string_view> targets;
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    const std::string& target = spec.mounts[i].target;
    const std::string at = std::format("{}.mount[{}].target", path, i);
    if (!is_mount_target(target)) {
      return blame(at, std::format("mount target {} is not a path", quote(target)),
                   "absolute, without '.', '..' or empty parts, and not '/' itself");
    }
    if (!targets.insert(target).second) {
      return blame(at, std::format("two volumes are mounted at {}", quote(target)));
    }
  }
  return {};
}

// A port that traffic or a probe is to reach: declared, and tcp.
Checked check_tcp_port(const Service& service, const std::string& name, const std::string& at) {
  const auto& ports = service.container.ports;
  if (name.empty()) {
    return blame(at, "'port' is missing",
                 ports.empty() ? "declare the port in [[service.port]]"
                               : "it can be left out only where one tcp port is declared");
  }
  const Port* port = service.port(name);
  if (!port) {
    return blame(at, std::format("port {} is not declared", quote(name)),
                 "declare it in [[service.port]]");
  }
  if (port->protocol == Protocol::udp) {
    return blame(at, std::format("port '{}' is udp, and only tcp can be reached this way", name));
  }
  return {};
}

Checked check_probe_times(const Readiness& readiness, const std::string& at) {
  if (readiness.interval < kLeastInterval || readiness.interval > kMaxManifestDuration) {
    return blame(at + ".interval", "'interval' must be 10ms to 24h");
  }
  if (readiness.timeout < kLeastInterval || readiness.timeout > kMaxManifestDuration) {
    return blame(at + ".timeout", "'timeout' must be 10ms to 24h");
  }
  if (readiness.start_period < readiness.interval ||
      readiness.start_period > kMaxManifestDuration) {
    return blame(at + ".start_period", "'start_period' must be at least 'interval', at most 24h");
  }
  return {};
}

Checked check_readiness(const Service& service, const std::string& path) {
  const Readiness& readiness = service.container.readiness;
  const std::string at = path + ".readiness";
  TRY(check_probe_times(readiness, at));
  using Kind = Readiness::Kind;
  if (readiness.kind == Kind::exec) TRY(check_words(readiness.command, "exec", at + ".exec"));
  if (readiness.kind == Kind::none || readiness.kind == Kind::exec) {
    if (readiness.port.empty()) return {};
    return blame(at + ".port", "'port' is given, but neither 'http' nor 'tcp'");
  }
  if (service.container.network == NetworkMode::none) {
    return blame(at, "network \"none\" leaves no port to probe", "use exec");
  }
  if (readiness.kind == Kind::http && !is_request_target(readiness.path)) {
    return blame(at + ".http", std::format("readiness path {} is not valid", quote(readiness.path)),
                 "it begins with / and has no blanks");
  }
  return check_tcp_port(service, readiness.port, at + ".port");
}

Checked check_publish(const Service& service, const std::string& path) {
  for (size_t i = 0; i < service.publish.size(); ++i) {
    const Publish& publish = service.publish[i];
    const std::string at = std::format("{}.publish[{}]", path, i);
    if (publish.host == 0) return blame(at + ".host", "'host' must be 1 to 65535");
    if (publish.container == 0) return blame(at + ".container", "'container' must be 1 to 65535");
    const auto declared = [&](Protocol protocol) {
      return std::ranges::any_of(service.container.ports, [&](const Port& port) {
        return port.container == publish.container && port.protocol == protocol;
      });
    };
    if (declared(Protocol::udp) && !declared(Protocol::tcp)) {
      return blame(at + ".container",
                   std::format("port {} is udp, and only tcp can be published", publish.container));
    }
  }
  return {};
}

Checked check_routes(const Service& service, const std::string& path) {
  for (size_t i = 0; i < service.routes.size(); ++i) {
    const Route& route = service.routes[i];
    const std::string at = std::format("{}.route[{}]", path, i);
    if (route.hostnames.empty()) return blame(at + ".hostnames", "'hostnames' is empty");
    for (const std::string& hostname : route.hostnames) {
      TRY(named(check_hostname(hostname), at + ".hostnames"));
    }
    TRY(check_tcp_port(service, route.port, at + ".port"));
    if (!is_path_prefix(route.path_prefix)) {
      return blame(at + ".path_prefix",
                   std::format("path prefix {} is not valid", quote(route.path_prefix)),
                   "it begins with / and has no blanks, quotes, '#', '?' or ';'");
    }
  }
  return {};
}

// Traffic goes to overlay addresses only, and only network "overlay" has one.
Checked check_network(const Service& service, const std::string& path) {
  if (service.container.network == NetworkMode::overlay) return {};
  const std::string_view mode = service.container.network == NetworkMode::host ? "host" : "none";
  if (!service.routes.empty()) {
    return blame(path + ".route", std::format("network \"{}\" cannot have routes", mode),
                 "use network = \"overlay\"");
  }
  if (!service.publish.empty()) {
    return blame(path + ".publish", std::format("network \"{}\" cannot publish ports", mode),
                 "use network = \"overlay\"");
  }
  return {};
}

Checked check_placement(const Placement& placement, const std::string& path) {
  if (placement.replicas > kMaxReplicas) {
    return blame(path + ".replicas", std::format("'replicas' must be 0 to {}", kMaxReplicas));
  }
  std::set<std::string_view> names;
  for (const std::string& machine : placement.machines) {
    TRY(named(check_dns_label(machine, "machine"), path + ".machines"));
    if (!names.insert(machine).second) {
      return blame(path + ".machines", std::format("machine '{}' is named twice", machine));
    }
  }
  return {};
}

}  // namespace

Checked check_service(const Service& service, const std::string& path) {
  TRY(named(check_dns_label(service.name.value, "service name"), path + ".name"));
  TRY(check_process(service.container, path));
  TRY(check_resources(service.container, path));
  TRY(check_ports(service.container, path));
  TRY(check_mounts(service.container, path));
  TRY(check_readiness(service, path));
  TRY(check_network(service, path));
  TRY(check_publish(service, path));
  TRY(check_routes(service, path));
  return check_placement(service.placement, path);
}

}  // namespace ployz

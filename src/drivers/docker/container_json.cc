#include "drivers/docker/container_json.h"

#include <charconv>
#include <chrono>
#include <format>
#include <ranges>

#include "base/digest.h"

namespace ployz {
namespace {

// A container that floods its log fills 20 MB of the disk and no more.
constexpr std::string_view kLogSize = "10m";
constexpr std::string_view kLogFiles = "2";

// The engine restarts `always` containers after its own restart even if they were stopped on
// purpose. Only a Ployz operation stops them, so they must stay stopped: unless-stopped is the same
// in every other respect.
std::string_view restart_policy(RestartPolicy policy) {
  switch (policy) {
    case RestartPolicy::no:
      return "no";
    case RestartPolicy::on_failure:
      return "on-failure";
    case RestartPolicy::always:
    case RestartPolicy::unless_stopped:
      return "unless-stopped";
  }
  return "no";
}

std::string_view network_mode(NetworkMode mode, std::string_view overlay) {
  switch (mode) {
    case NetworkMode::overlay:
      return overlay;
    case NetworkMode::host:
      return "host";
    case NetworkMode::none:
      return "none";
  }
  return "none";
}

Json environment(const RunInstance& run) {
  std::map<std::string, std::string> all = run.spec.env;
  all["PLOYZ_NAMESPACE"] = run.name_space.str();
  all["PLOYZ_SERVICE"] = run.service.str();
  all["PLOYZ_REVISION"] = short_digest(run.revision.str());
  all["PLOYZ_INSTANCE"] = run.instance.str();
  Json lines = Json::array();
  for (const auto& [key, value] : all) lines.push_back(key + "=" + value);
  return lines;
}

// Mounts, not binds: for these the engine refuses a folder that does not exist, where a bind would
// make a new, empty one. rprivate: what is mounted below the folder later does not show inside.
Json mounts_of(const std::vector<BoundMount>& mounts) {
  Json all = Json::array();
  for (const BoundMount& mount : mounts) {
    all.push_back({{"Type", "bind"},
                   {"Source", mount.source},
                   {"Target", mount.target},
                   {"ReadOnly", mount.read_only},
                   {"BindOptions", {{"Propagation", "rprivate"}}}});
  }
  return all;
}

std::string datasets_label(const std::map<VolumeName, DatasetId>& datasets) {
  std::string text;
  for (const auto& [volume, dataset] : datasets) {
    text += std::format("{}{}={}", text.empty() ? "" : ",", volume.str(), dataset.str());
  }
  return text;
}

std::map<VolumeName, DatasetId> parse_datasets_label(std::string_view text) {
  std::map<VolumeName, DatasetId> datasets;
  for (const auto part : std::views::split(text, ',')) {
    const std::string_view one(part);
    const size_t at = one.find('=');
    if (at == std::string_view::npos) continue;
    datasets[VolumeName(std::string(one.substr(0, at)))] =
        DatasetId(std::string(one.substr(at + 1)));
  }
  return datasets;
}

Json host_config(const InstanceConfig& config, std::string_view network) {
  const ContainerSpec& spec = config.run.spec;
  Json host = {
      {"NetworkMode", network_mode(spec.network, network)},
      {"RestartPolicy", {{"Name", restart_policy(spec.restart)}}},
      {"LogConfig",
       {{"Type", "json-file"}, {"Config", {{"max-size", kLogSize}, {"max-file", kLogFiles}}}}}};
  if (spec.network != NetworkMode::none && !config.dns_server.empty()) {
    host["Dns"] = Json::array({config.dns_server});
    if (!config.dns_search.empty()) host["DnsSearch"] = Json::array({config.dns_search});
  }
  if (!config.mounts.empty()) host["Mounts"] = mounts_of(config.mounts);
  if (spec.resources.memory_bytes) {
    host["Memory"] = *spec.resources.memory_bytes;
    host["MemorySwap"] = *spec.resources.memory_bytes;  // memory + swap: no swap on top
  }
  if (spec.resources.milli_cpus) host["NanoCpus"] = *spec.resources.milli_cpus * 1'000'000ull;
  return host;
}

InstanceState state_of(std::string_view status) {
  if (status == "created") return InstanceState::created;
  if (status == "running" || status == "paused") return InstanceState::running;
  // restarting: its process has ended and the engine waits before the next attempt.
  if (status == "restarting" || status == "exited" || status == "dead") {
    return InstanceState::exited;
  }
  return InstanceState::unknown;
}

std::string label_of(const Json& labels, std::string_view key) {
  return get_string_or(labels, key, "").value_or("");
}

// The identity that labels carry: of a container, or of an event's attributes.
FoundInstance identity_of(const Json& labels) {
  FoundInstance found;
  found.id = InstanceId(label_of(labels, label::kInstance));
  found.name_space = NamespaceName(label_of(labels, label::kNamespace));
  found.service = ServiceName(label_of(labels, label::kService));
  found.revision = RevisionId(label_of(labels, label::kRevision));
  found.operation = OperationId(label_of(labels, label::kOperation));
  found.datasets = parse_datasets_label(label_of(labels, label::kDatasets));
  return found;
}

// The fixed address, which a stopped container keeps in its configuration.
std::string address_of(const Json& inspected) {
  const Json networks = get_object(inspected, "NetworkSettings")
                            .and_then([](const Json& s) { return get_object(s, "Networks"); })
                            .value_or(Json::object());
  for (const auto& [name, endpoint] : networks.items()) {
    const auto ipam = get_object(endpoint, "IPAMConfig");
    if (!ipam) continue;
    const auto address = get_string_or(*ipam, "IPv4Address", "");
    if (address && !address->empty()) return *address;
  }
  return {};
}

}  // namespace

std::string container_name(const RunInstance& run) {
  return std::format("ployz-{}-{}-{}", run.name_space.str(), run.service.str(), run.instance.str());
}

Result<Json> create_body(const InstanceConfig& config, std::string_view network) {
  const RunInstance& run = config.run;
  const ContainerSpec& spec = run.spec;
  if (spec.mounts.size() != config.mounts.size()) {
    return fail(Code::invalid, std::format("service '{}' mounts {} volumes, and {} folders are known",
                                           run.service.str(), spec.mounts.size(),
                                           config.mounts.size()));
  }
  if (!is_sha256_digest(spec.image_id)) {
    return fail(Code::invalid, std::format("image id '{}' is not a sha256 digest", spec.image_id));
  }
  const bool overlay = spec.network == NetworkMode::overlay;
  if (overlay && run.address.empty()) {
    return fail(Code::invalid, "an instance on the overlay network needs an address");
  }
  const auto grace = std::chrono::ceil<std::chrono::seconds>(spec.stop_grace_period).count();
  Json body = {{"Image", spec.image_id},
               {"Env", environment(run)},
               {"StopTimeout", grace},
               {"HostConfig", host_config(config, network)},
               {"Labels",
                {{label::kInstance, run.instance.str()},
                 {label::kNamespace, run.name_space.str()},
                 {label::kService, run.service.str()},
                 {label::kRevision, run.revision.str()},
                 {label::kOperation, config.operation.str()}}}};
  if (!run.datasets.empty()) {
    body["Labels"][std::string(label::kDatasets)] = datasets_label(run.datasets);
  }
  if (spec.entrypoint) body["Entrypoint"] = *spec.entrypoint;
  if (spec.command) body["Cmd"] = *spec.command;
  if (overlay) {
    body["NetworkingConfig"]["EndpointsConfig"][std::string(network)]["IPAMConfig"] = {
        {"IPv4Address", run.address}};
  }
  return body;
}

Result<FoundInstance> found_instance_of(const Json& inspected) {
  const Json config = TRY(get_object(inspected, "Config"));
  FoundInstance found = identity_of(get_object(config, "Labels").value_or(Json::object()));
  if (found.id.empty()) return fail(Code::corrupt, "the container has no label of Ployz");
  const Json state = TRY(get_object(inspected, "State"));
  found.state = state_of(TRY(get_string(state, "Status")));
  if (found.state == InstanceState::exited) {
    found.exit_code = static_cast<int>(get_int(state, "ExitCode").value_or(0));
  }
  found.started_at_ms = parse_engine_time_ms(get_string_or(state, "StartedAt", "").value_or(""));
  found.address = address_of(inspected);
  return found;
}

std::optional<ContainerEvent> container_event_of(const Json& message) {
  const auto actor = get_object(message, "Actor");
  const auto attributes = actor.and_then([](const Json& a) { return get_object(a, "Attributes"); });
  if (!attributes || get_string_or(message, "Type", "").value_or("") != "container") return {};
  ContainerEvent event;
  event.container = get_string_or(*actor, "ID", "").value_or("");
  event.action = get_string_or(message, "Action", "").value_or("");
  event.seen = identity_of(*attributes);
  if (event.seen.id.empty() || event.container.empty()) return {};
  if (event.action == "create") event.seen.state = InstanceState::created;
  if (event.action == "start" || event.action == "pause" || event.action == "unpause") {
    event.seen.state = InstanceState::running;
  }
  if (event.action == "die") {
    event.seen.state = InstanceState::exited;
    const std::string code = get_string_or(*attributes, "exitCode", "").value_or("");
    std::from_chars(code.data(), code.data() + code.size(), event.seen.exit_code);
  }
  return event;
}

FoundInstance merge_event(const ContainerEvent& event,
                          const std::optional<FoundInstance>& inspected) {
  FoundInstance merged = event.seen;
  if (inspected && event.action != "destroy") {
    merged.address = inspected->address;
    merged.started_at_ms = inspected->started_at_ms;
  }
  return merged;
}

uint64_t parse_engine_time_ms(std::string_view text) {
  namespace chr = std::chrono;
  // "YYYY-MM-DDTHH:MM:SS" at fixed places (RFC 3339); the engine always writes UTC.
  const auto number = [&](size_t at, size_t length) {
    int value = -1;
    if (at + length <= text.size()) {
      std::from_chars(text.data() + at, text.data() + at + length, value);
    }
    return value;
  };
  const chr::year_month_day date{chr::year{number(0, 4)},
                                 chr::month{static_cast<unsigned>(number(5, 2))},
                                 chr::day{static_cast<unsigned>(number(8, 2))}};
  if (number(17, 2) < 0 || !date.ok() || date.year() < chr::year{1970}) return 0;
  int fraction_ms = 0;
  for (size_t i = 20, weight = 100; i < text.size() && weight > 0; ++i, weight /= 10) {
    if (text[19] != '.' || text[i] < '0' || text[i] > '9') break;
    fraction_ms += static_cast<int>(weight) * (text[i] - '0');
  }
  const auto time = chr::sys_days{date} + chr::hours{number(11, 2)} + chr::minutes{number(14, 2)} +
                    chr::seconds{number(17, 2)} + chr::milliseconds{fraction_ms};
  return static_cast<uint64_t>(
      chr::duration_cast<chr::milliseconds>(time.time_since_epoch()).count());
}

}  // namespace ployz

#include "identity.h"

#include "base/files.h"

namespace ployz {
namespace {
constexpr uint64_t kVersion = 1;
}

Json to_json(const Identity& identity) {
  Json json = {{"version", kVersion},         {"network", identity.network},
               {"machine", to_json(identity.machine)}, {"epoch", identity.store.epoch},
               {"complete", identity.complete}, {"mirrors", identity.mirrors},
               {"stopped", identity.stopped}};
  if (identity.settings) json["settings"] = to_json(*identity.settings);
  if (!identity.store.members.empty()) json["store"] = to_json(identity.store);
  if (identity.leaving) json["leaving"] = to_json(*identity.leaving);
  if (identity.removed) json["removed"] = to_json(*identity.removed);
  return json;
}

namespace {

// Before stores could move a file said only the address of the store's machine; none: this one.
StoreEpoch store_of_former_version(const Json& json, const Machine& self) {
  StoreEpoch store{get_uint_or(json, "epoch", 1).value_or(1), {}};
  const std::string address = get_string_or(json, "store_address", "").value_or("");
  if (!address.empty()) store.members = {{MachineId(), address}};
  if (self.stores) store.members = {{self.id, self.overlay_address}};
  return store;
}

}  // namespace

Result<Identity> identity_from_json(const Json& json) {
  if (TRY(get_uint(json, "version")) != kVersion) {
    return fail(Code::unsupported, "the machine's identity is of another version",
                "was ployz downgraded?");
  }
  Identity identity;
  identity.network = TRY(get_string(json, "network"));
  identity.machine = TRY(machine_from_json(TRY(get_object(json, "machine"))));
  identity.store = json.contains("store")
                       ? TRY(store_epoch_from_json(TRY(get_object(json, "store"))))
                       : store_of_former_version(json, identity.machine);
  identity.complete = TRY(get_bool(json, "complete"));
  identity.mirrors = TRY(get_bool_or(json, "mirrors", false));
  identity.stopped = TRY(get_bool_or(json, "stopped", false));
  if (json.contains("settings")) {
    identity.settings = TRY(network_settings_from_json(TRY(get_object(json, "settings"))));
  }
  if (json.contains("leaving")) {
    identity.leaving = TRY(leave_request_from_json(TRY(get_object(json, "leaving"))));
  }
  if (json.contains("removed")) {
    identity.removed = TRY(removal_notice_from_json(TRY(get_object(json, "removed"))));
  }
  return identity;
}

Result<std::optional<Identity>> load_identity(const std::filesystem::path& path) {
  const auto bytes = TRY(read_file(path));
  if (!bytes) return std::nullopt;
  auto identity = parse_json(*bytes).and_then(identity_from_json);
  if (identity) return *std::move(identity);
  Error error = std::move(identity).error();
  error.code = Code::corrupt;
  error.hint = "restore this file from a backup; ployzd does not guess who it is";
  return fail(std::move(error).at(path.string()));
}

Status save_identity(const std::filesystem::path& path, const Identity& identity) {
  return write_file(path, to_json(identity).dump(2) + "\n", 0600);
}

Config network_config(Config config, const Identity& identity) {
  if (!identity.settings) return config;
  config.cluster_cidr = identity.settings->cluster_cidr;
  config.subnet_prefix_len = identity.settings->subnet_prefix_len;
  config.cluster_domain = identity.settings->cluster_domain;
  config.gateway_domain = identity.settings->gateway_domain;
  return config;
}

NetworkSettings network_settings(const Config& config, const std::string& name) {
  return {name, config.cluster_cidr, config.subnet_prefix_len, config.cluster_domain,
          config.gateway_domain};
}

}  // namespace ployz

#include "doctor/checkup.h"

#include <format>

#include "base/version.h"

namespace ployz {
namespace {

// The value, or nothing and an error of this part.
template <class T>
T take(Result<T> result, const std::string& part, Checkup& checkup) {
  if (result) return *std::move(result);
  checkup.errors[part] = result.error().line();
  return {};
}

template <class T>
std::vector<T> take_some(Result<std::vector<T>> result, const std::string& part, Checkup& checkup) {
  auto all = take(std::move(result), part, checkup);
  if (all.size() > kMaxChecked) {
    checkup.errors[part] =
        std::format("there are {}, of which {} were looked at", all.size(), kMaxChecked);
    all.erase(all.begin() + kMaxChecked, all.end());
  }
  return all;
}

Json to_json(const UnitFacts& unit) {
  return {{"name", unit.name},
          {"active_state", unit.active_state},
          {"sub_state", unit.sub_state},
          {"restarts", unit.restarts},
          {"since_ms", unit.since_ms}};
}

Result<UnitFacts> unit_from_json(const Json& json) {
  UnitFacts unit;
  unit.name = TRY(get_string(json, "name"));
  unit.active_state = TRY(get_string(json, "active_state"));
  unit.sub_state = TRY(get_string(json, "sub_state"));
  unit.restarts = TRY(get_uint(json, "restarts"));
  unit.since_ms = TRY(get_uint(json, "since_ms"));
  return unit;
}

Json to_json(const PeerFacts& peer) {
  return {{"public_key", peer.public_key},
          {"endpoint", peer.endpoint},
          {"handshake_age_ms", peer.handshake_age_ms ? Json(*peer.handshake_age_ms) : Json()}};
}

Result<PeerFacts> peer_from_json(const Json& json) {
  PeerFacts peer;
  peer.public_key = TRY(get_string(json, "public_key"));
  peer.endpoint = TRY(get_string(json, "endpoint"));
  if (json.contains("handshake_age_ms") && !json["handshake_age_ms"].is_null()) {
    peer.handshake_age_ms = TRY(get_uint(json, "handshake_age_ms"));
  }
  return peer;
}

Json to_json(const NetworkRoute& route) {
  return {{"destination", route.destination}, {"device", route.device}};
}

Result<NetworkRoute> route_from_json(const Json& json) {
  return NetworkRoute{TRY(get_string(json, "destination")), TRY(get_string(json, "device"))};
}

Json to_json(const CopyFacts& copy) {
  return {{"whole", copy.whole},
          {"behind_ms", copy.behind_ms},
          {"commits", copy.commits},
          {"stored_commits", copy.stored_commits}};
}

Result<CopyFacts> copy_from_json(const Json& json) {
  return CopyFacts{TRY(get_bool(json, "whole")), TRY(get_uint(json, "behind_ms")),
                   TRY(get_uint(json, "commits")), TRY(get_uint(json, "stored_commits"))};
}

template <class T>
Json list_to_json(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

template <class T>
Status read_list(const Json& json, std::string_view key, Result<T> (*read)(const Json&),
                 std::vector<T>& items) {
  for (const Json& item : TRY(get_array(json, key))) items.push_back(TRY(read(item)));
  return {};
}

void look_at_units(const CheckupConfig& config, Units& units, Checkup& checkup) {
  for (const std::string& name : config.units) {
    const auto status = units.status(name);
    if (!status) {
      checkup.errors[name] = status.error().line();
      continue;
    }
    checkup.units.push_back(
        {name, status->active_state, status->sub_state, status->restarts, status->since_ms});
  }
}

void look_at_volumes(Volumes& volumes, Checkup& checkup) {
  auto pool = volumes.pool();
  if (!pool) {
    checkup.errors["pool"] = pool.error().line();
    return;  // its datasets cannot be listed either, for the same reason
  }
  checkup.facts.pool = *std::move(pool);
  checkup.facts.datasets = take_some(volumes.list(), "datasets", checkup);
}

}  // namespace

Json to_json(const Checkup& checkup) {
  return {{"facts", to_json(checkup.facts)},
          {"epoch", checkup.epoch},
          {"keeps_volumes", checkup.keeps_volumes},
          {"units", list_to_json(checkup.units)},
          {"peers", list_to_json(checkup.peers)},
          {"routes", list_to_json(checkup.routes)},
          {"copy", checkup.copy ? to_json(*checkup.copy) : Json()},
          {"errors", checkup.errors}};
}

Result<Checkup> checkup_from_json(const Json& json) {
  Checkup checkup;
  checkup.facts = TRY(machine_facts_from_json(TRY(get_object(json, "facts"))));
  checkup.epoch = TRY(get_uint(json, "epoch"));
  checkup.keeps_volumes = TRY(get_bool(json, "keeps_volumes"));
  TRY(read_list(json, "units", unit_from_json, checkup.units));
  TRY(read_list(json, "peers", peer_from_json, checkup.peers));
  TRY(read_list(json, "routes", route_from_json, checkup.routes));
  if (const auto copy = json.find("copy"); copy != json.end() && !copy->is_null()) {
    checkup.copy = TRY(copy_from_json(*copy));
  }
  const Json errors = TRY(get_object(json, "errors"));
  for (const auto& item : errors.items()) {
    checkup.errors[item.key()] = TRY(get_string(errors, item.key()));
  }
  return checkup;
}

Checkup examine(const CheckupConfig& config, const CheckupPorts& ports) {
  Checkup checkup;
  MachineFacts& facts = checkup.facts;
  facts.machine = config.self;
  facts.version = version();
  facts.clock_ms = ports.clock.wall_ms();  // first: what follows may take its time
  checkup.epoch = config.epoch;
  checkup.copy = config.copy;
  checkup.keeps_volumes = ports.volumes != nullptr;
  facts.memory_free_bytes = take(ports.host.memory_free_bytes(), "memory", checkup);
  facts.disk_free_bytes = take(ports.host.disk_free_bytes(), "disk", checkup);
  checkup.routes = take_some(ports.host.routes(), "routes", checkup);
  look_at_units(config, ports.units, checkup);
  for (PeerStatus& peer : take_some(ports.overlay.peers(), "peers", checkup)) {
    checkup.peers.push_back({peer.public_key, peer.endpoint, peer.handshake_age_ms});
  }
  if (ports.volumes != nullptr) look_at_volumes(*ports.volumes, checkup);
  facts.instances = take_some(ports.containers.list(), "containers", checkup);
  return checkup;
}

}  // namespace ployz

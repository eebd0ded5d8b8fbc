#include "ports/router_status.h"

namespace ployz {
namespace {

Json sequences_to_json(const std::map<NamespaceName, uint64_t>& sequences) {
  Json json = Json::object();
  for (const auto& [name, sequence] : sequences) json[name.str()] = sequence;
  return json;
}

Result<std::map<NamespaceName, uint64_t>> sequences_from_json(const Json& json,
                                                              std::string_view key) {
  const Json object = TRY(get_object(json, key));
  std::map<NamespaceName, uint64_t> sequences;
  for (const auto& item : object.items()) {
    sequences[NamespaceName(item.key())] = TRY(get_uint(object, item.key()));
  }
  return sequences;
}

}  // namespace

Json to_json(const RouterStatus& status) {
  Json held_back = Json::object();
  for (const auto& [name, why] : status.held_back) held_back[name.str()] = why;
  return {{"version", status.version},
          {"reads_the_store", status.reads_the_store},
          {"gateway", sequences_to_json(status.gateway)},
          {"dns", sequences_to_json(status.dns)},
          {"gateway_error", status.gateway_error},
          {"dns_error", status.dns_error},
          {"held_back", std::move(held_back)}};
}

Result<RouterStatus> router_status_from_json(const Json& json) {
  RouterStatus status;
  status.version = TRY(get_string(json, "version"));
  status.reads_the_store = TRY(get_bool(json, "reads_the_store"));
  status.gateway = TRY(sequences_from_json(json, "gateway"));
  status.dns = TRY(sequences_from_json(json, "dns"));
  status.gateway_error = TRY(get_string(json, "gateway_error"));
  status.dns_error = TRY(get_string(json, "dns_error"));
  const Json held_back = TRY(get_object(json, "held_back"));
  for (const auto& item : held_back.items()) {
    status.held_back[NamespaceName(item.key())] = TRY(get_string(held_back, item.key()));
  }
  return status;
}

}  // namespace ployz

// Router command "status": what this machine's gateway and DNS serve, and what keeps them from serving
// something newer. Asked by whoever compares it with the newest commits; costs the router nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "model/names.h"

namespace ployz {

struct RouterStatus {
  std::string version;           // of the program
  bool reads_the_store = false;  // it has read the commits to their end in this life
  std::map<NamespaceName, uint64_t> gateway;  // the sequence served, of every namespace
  std::map<NamespaceName, uint64_t> dns;
  std::string gateway_error;  // of the last pass; empty: none
  std::string dns_error;
  std::map<NamespaceName, std::string> held_back;  // their backends cannot be taken: why
  bool operator==(const RouterStatus&) const = default;
};

[[nodiscard]] Json to_json(const RouterStatus& status);
// Fields of a newer router are ignored.
[[nodiscard]] Result<RouterStatus> router_status_from_json(const Json& json);

}  // namespace ployz

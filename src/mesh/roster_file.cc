#include "mesh/roster_file.h"

#include <format>

#include "base/files.h"
#include "base/json.h"

namespace ployz {
namespace {

constexpr uint64_t kVersion = 1;

Result<std::vector<Machine>> parse(std::string_view bytes, const std::string& network) {
  const Json json = TRY(parse_json(bytes));
  const uint64_t version = TRY(get_uint(json, "version"));
  if (version != kVersion) {
    return fail(Code::unsupported, std::format("it is of version {}", version));
  }
  const std::string found = TRY(get_string(json, "network"));
  if (found != network) {
    return fail(Code::conflict, std::format("it is of network '{}', not of {}", found, network));
  }
  std::vector<Machine> machines;
  for (const Json& record : TRY(get_array(json, "machines"))) {
    machines.push_back(TRY(machine_from_json(record)));
  }
  return machines;
}

std::string to_bytes(const std::vector<Machine>& machines, const std::string& network) {
  Json records = Json::array();
  for (const Machine& machine : machines) records.push_back(to_json(machine));
  return to_text({{"version", kVersion}, {"network", network}, {"machines", std::move(records)}});
}

}  // namespace

RosterFile::RosterFile(std::filesystem::path path, std::string network,
                       const std::function<void(const std::string&)>& log)
    : path_(std::move(path)),
      network_(std::move(network)),
      members_(std::make_shared<const std::vector<Machine>>()) {
  const auto bytes = read_file(path_);
  if (bytes && !*bytes) return;  // none yet
  auto machines = bytes ? parse(**bytes, network_) : fail(bytes.error());
  if (machines) {
    members_ = std::make_shared<const std::vector<Machine>>(*std::move(machines));
    written_ = true;
  } else if (log) {
    log(std::format("{} cannot be used: {}; no other machine is known until the store answers",
                    path_.string(), machines.error().line()));
  }
}

RosterFile::Members RosterFile::members() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

Status RosterFile::update(const std::vector<Machine>& machines) {
  if (*members() != machines) {
    auto changed = std::make_shared<const std::vector<Machine>>(machines);
    const std::lock_guard lock(mutex_);
    members_ = std::move(changed);
    written_ = false;
  }
  if (written_) return {};
  TRY(write_file(path_, to_bytes(machines, network_)));
  written_ = true;
  return {};
}

}  // namespace ployz

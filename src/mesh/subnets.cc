#include "mesh/subnets.h"

#include <format>
#include <functional>
#include <ranges>
#include <set>

#include "engine/record_write.h"
#include "mesh/roster.h"
#include "plan/addresses.h"

namespace ployz {
namespace {

// Each round is lost only to somebody who won: this many operators at the same moment.
constexpr int kRounds = 20;

struct Claims {
  std::map<std::string, std::string> owners;  // subnet → machine id
  uint64_t revision = 0;
};

Result<Claims> read_claims(KeyValue& records) {
  Claims claims;
  const auto record = TRY(records.get(Bucket::meta, kSubnetsKey));
  if (!record) return claims;
  claims.revision = record->revision;
  const Json json = TRY(parse_json(record->value));
  if (!json.is_object()) return fail(Code::corrupt, "the record of claimed subnets is no object");
  for (const auto& [subnet, owner] : json.items()) {
    if (!owner.is_string()) return fail(Code::corrupt, "a claimed subnet has no machine");
    claims.owners[subnet] = owner.get<std::string>();
  }
  return claims;
}

std::optional<std::string> claim_of(const Claims& claims, const MachineId& machine) {
  for (const auto& [subnet, owner] : claims.owners) {
    if (owner == machine.str()) return subnet;
  }
  return std::nullopt;
}

// `change` says whether anything is to be written. Repeated when somebody else was quicker.
Status change_claims(KeyValue& records, Clock& clock,
                     const std::function<Result<bool>(Claims&)>& change) {
  Status last;
  for (int round = 0; round < kRounds; ++round) {
    Claims claims = TRY(read_claims(records));
    const uint64_t revision = claims.revision;
    if (!TRY(change(claims))) return {};
    const auto written = write_record(records, clock, Bucket::meta, kSubnetsKey,
                                      to_text(Json(claims.owners)), revision);
    if (written) return {};
    if (written.error().code != Code::conflict) return fail(written.error());
    last = fail(written.error());
  }
  return last;
}

Result<std::string> lowest_free(const NetworkSettings& network, const Claims& claims,
                                const Roster& roster, const MachineId& machine, uint64_t now_ms) {
  std::set<std::string> used;
  for (const auto& [subnet, owner] : claims.owners) used.insert(subnet);
  for (const Machine& member : roster.machines) used.insert(member.subnet);
  for (const RecordedAdmission& recorded : roster.admissions) {
    if (recorded.admission.machine.id != machine) used.insert(recorded.admission.machine.subnet);
  }
  const Subnet cluster = TRY(parse_subnet(network.cluster_cidr));
  const int prefix = network.subnet_prefix_len;
  if (prefix <= cluster.prefix || prefix > 30) {
    return fail(Code::invalid, std::format("cluster_cidr {} has no subnets of /{}",
                                           network.cluster_cidr, prefix));
  }
  const std::vector<Tombstone> kept = untold(roster, now_ms);
  const uint64_t count = uint64_t{1} << (prefix - cluster.prefix);
  for (uint64_t number = 0; number < count; ++number) {
    const auto base = static_cast<uint32_t>(cluster.network + (number << (32 - prefix)));
    std::string subnet = std::format("{}/{}", format_ipv4(base), prefix);
    const auto is_kept = [&](const Tombstone& removed) { return removed.machine.subnet == subnet; };
    if (!used.contains(subnet) && std::ranges::none_of(kept, is_kept)) return subnet;
  }
  for (const Tombstone& removed : std::views::reverse(kept)) {
    if (!used.contains(removed.machine.subnet)) return removed.machine.subnet;
  }
  return fail(Code::precondition,
              std::format("all {} subnets of {} are taken", count, network.cluster_cidr),
              "remove a machine, or found a network with a larger cluster_cidr");
}

}  // namespace

Result<std::string> claim_subnet(KeyValue& records, Clock& clock, const NetworkSettings& network,
                                 const MachineId& machine) {
  std::string mine;
  TRY(change_claims(records, clock, [&](Claims& claims) -> Result<bool> {
    if (auto claimed = claim_of(claims, machine)) {
      mine = *std::move(claimed);
      return false;
    }
    Roster roster = TRY(read_roster(records));
    TRY(read_removed(records, roster));
    mine = TRY(lowest_free(network, claims, roster, machine, clock.wall_ms()));
    claims.owners[mine] = machine.str();
    return true;
  }));
  return mine;
}

Result<std::optional<std::string>> claimed_subnet(KeyValue& records, const MachineId& machine) {
  return claim_of(TRY(read_claims(records)), machine);
}

Status release_subnet(KeyValue& records, Clock& clock, const MachineId& machine) {
  return change_claims(records, clock, [&](Claims& claims) -> Result<bool> {
    return std::erase_if(claims.owners,
                         [&](const auto& claim) { return claim.second == machine.str(); }) > 0;
  });
}

Status record_subnet(KeyValue& records, Clock& clock, const std::string& subnet,
                     const MachineId& machine) {
  return change_claims(records, clock, [&](Claims& claims) -> Result<bool> {
    const auto [claim, fresh] = claims.owners.emplace(subnet, machine.str());
    if (fresh) return true;
    if (claim->second == machine.str()) return false;
    return fail(Code::conflict,
                std::format("subnet {} is claimed by machine {}", subnet, claim->second));
  });
}

}  // namespace ployz

#include "self.h"

#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/ulid.h"
#include "base/version.h"
#include "drivers/os/local_endpoints.h"
#include "drivers/wireguard/wireguard_key.h"

namespace ployz {
namespace {

constexpr mode_t kSecret = 0600;

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "machine";
  std::string label(name);
  label.resize(std::min(label.find('.'), label.size()));
  std::ranges::transform(label, label.begin(), [](unsigned char c) { return std::tolower(c); });
  return check_dns_label(label, "host name") ? label : "machine";
}

}  // namespace

Result<Nkey> nkey_at(const std::filesystem::path& path) {
  const auto seed = TRY(read_file(path));
  if (seed) return Nkey::from_seed(*seed);
  const Nkey key = Nkey::generate();
  TRY(write_file(path, key.seed(), kSecret));
  return key;
}

Result<std::string> wireguard_key_at(const std::filesystem::path& path) {
  if (auto key = TRY(read_file(path))) return *std::move(key);
  std::string key = generate_wireguard_key();
  TRY(write_file(path, key, kSecret));
  return key;
}

Result<Identity> ensure_self(const Config& config, const Paths& paths,
                             const LocalDrivers& drivers) {
  auto found = TRY(load_identity(paths.identity()));
  Identity identity = found ? *std::move(found) : Identity();
  Machine& machine = identity.machine;
  if (!found) {
    machine.created_at_ms = drivers.clock.wall_ms();
    machine.id = MachineId(SeededIds(machine.created_at_ms, drivers.entropy.next_u64()).next());
    machine.name = host_name();
  }
  machine.version = version();
  machine.nats_public_key = TRY(nkey_at(paths.leaf_seed())).public_key();
  machine.wireguard_public_key =
      TRY(wireguard_public_key(TRY(wireguard_key_at(paths.wireguard_key()))));
  machine.endpoints = TRY(local_endpoints(config.cluster_cidr, kOverlayPort));
  if (!found) TRY(save_identity(paths.identity(), identity));
  return identity;
}

void forget_self(const Paths& paths) {
  for (const auto& file : {paths.identity(), paths.leaf_seed(), paths.wireguard_key()}) {
    (void)remove_file(file);  // what stays is used by the next try
  }
}

SelfRecord self_record_of(const Identity& identity, uint64_t now_ms) {
  const Machine& machine = identity.machine;
  return {machine.id,
          machine.name,
          machine.version,
          machine.wireguard_public_key,
          machine.nats_public_key,
          machine.endpoints,
          now_ms};
}

}  // namespace ployz

// Where things are on a machine. One place, because systemd units, the router and the package name
// the same files (packaging/).
#pragma once

#include <cstdint>
#include <filesystem>
#include <format>

namespace ployz {

struct Paths {
  std::filesystem::path data;                        // config: data_dir
  std::filesystem::path runtime = "/run/ployz";

  [[nodiscard]] std::filesystem::path identity() const { return data / "machine.json"; }
  [[nodiscard]] std::filesystem::path daemon_seed() const { return data / "keys/daemon.nk"; }
  [[nodiscard]] std::filesystem::path router_seed() const { return data / "keys/router.nk"; }
  [[nodiscard]] std::filesystem::path leaf_seed() const { return data / "keys/leaf.nk"; }
  [[nodiscard]] std::filesystem::path wireguard_key() const { return data / "keys/wireguard.key"; }
  [[nodiscard]] std::filesystem::path step_journal() const { return data / "agent/steps.sqlite"; }
  // The members as last seen (mesh/roster_file.h).
  [[nodiscard]] std::filesystem::path roster() const { return data / "agent/roster.json"; }
  // Archives of images while they are sent to other machines; files without names.
  [[nodiscard]] std::filesystem::path image_spool() const { return data / "agent/spool"; }
  // Packages of Ployz, and where the updater is told and tells (packaging/update names both).
  [[nodiscard]] std::filesystem::path packages() const { return data / "packages"; }
  [[nodiscard]] std::filesystem::path update() const { return data / "update"; }
  // Of the server of an epoch of the store (unit::nats).
  [[nodiscard]] std::filesystem::path nats_config(uint64_t epoch) const {
    return data / (epoch % 2 == 1 ? "nats/nats.conf" : "nats/nats-b.conf");
  }
  // Root's way to the store of this machine, and to its mirrors.
  [[nodiscard]] std::filesystem::path admin_seed() const { return data / "keys/admin.nk"; }
  // What the members of a store of several machines know of each other.
  [[nodiscard]] std::filesystem::path store_secret() const { return data / "keys/store.secret"; }
  // How far this machine's copy of the store of an epoch is (mesh/copy_progress.h).
  [[nodiscard]] std::filesystem::path copy_progress(uint64_t epoch) const {
    return data / std::format("agent/copy-{}.json", epoch);
  }
  // Copies of streams on their way from one store to the next.
  [[nodiscard]] std::filesystem::path store_copies() const { return data / "nats/copies"; }
  [[nodiscard]] std::filesystem::path router_config() const { return data / "router/router.json"; }
  // There while the router has not read that file yet.
  [[nodiscard]] std::filesystem::path router_pending() const { return data / "router/router.pending"; }
  [[nodiscard]] std::filesystem::path gateway() const { return data / "haproxy"; }
  [[nodiscard]] std::filesystem::path dns() const { return data / "knot"; }
  // The default storage pool, and where it is mounted.
  [[nodiscard]] std::filesystem::path pool_file() const { return data / "pool.img"; }
  [[nodiscard]] std::filesystem::path pool() const { return data / "pool"; }
  // Where the datasets of a zfs_root are mounted.
  [[nodiscard]] std::filesystem::path zfs_mounts() const { return data / "volumes"; }
};

namespace unit {
// The server of one epoch of the store and that of the next run beside each other while the store
// moves, so epochs alternate between two units, and their ports.
inline constexpr auto kNats = "ployz-nats.service";
inline constexpr auto kNatsB = "ployz-nats-b.service";
[[nodiscard]] inline const char* nats(uint64_t epoch) { return epoch % 2 == 1 ? kNats : kNatsB; }
inline constexpr auto kHaproxy = "ployz-haproxy.service";
inline constexpr auto kKnot = "ployz-knot.service";
inline constexpr auto kWireguard = "ployz-wireguard.service";
inline constexpr auto kRouter = "ployz-router.service";
inline constexpr auto kPool = "ployz-pool.service";
inline constexpr auto kDaemon = "ployzd.service";
inline constexpr auto kUpdate = "ployz-update.service";
inline constexpr auto kDocker = "docker.service";
}  // namespace unit

}  // namespace ployz

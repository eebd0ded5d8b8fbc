#include "cli/remote_install.h"

#include <filesystem>
#include <format>

#include "cli/table.h"

namespace ployz::cli {
namespace {

using std::chrono::minutes;

// apt on a slow mirror; it has retries of its own.
constexpr minutes kInstall{15};
constexpr std::string_view kUpload = "/var/lib/ployz-add/ployz.deb";

// $1: the package, $2: "yes" where WireGuard has to run as a program.
constexpr std::string_view kInstallScript = R"sh(set -eu
package=$1 wireguard_go=$2
state=/var/lib/ployz-add
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
mkdir -p "$state" && chmod 0700 "$state"
present() { dpkg-query -W -f '${db:Status-Abbrev}|${Package}\n' | sed -n 's/^.[^n].*|//p' | sort -u; }
# Written once: a second try must not take the first one's packages for the host's own.
if ! [ -e "$state/before" ]; then
  [ -e /var/lib/ployz ] || : >"$state/made-data"
  [ -e /etc/ployz ] || : >"$state/made-config"
  command -v dockerd >/dev/null 2>&1 || : >"$state/made-docker"
  : >"$state/masked"
  present >"$state/before.new" && mv "$state/before.new" "$state/before"
fi
# Debian starts what it installs, and these take ports that are ours. What the host has, it keeps.
for unit in haproxy.service knot.service nats-server.service nftables.service; do
  known=$(systemctl is-enabled "$unit" 2>/dev/null || true)
  case "$known" in
    ''|not-found)
      echo "$unit" >>"$state/masked"
      systemctl -q mask "$unit" 2>/dev/null ;;
  esac
done
wanted=$package
if [ "$wireguard_go" = yes ]; then wanted="$wanted wireguard-go"; fi
apt() { apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=60 "$@"; }
# Nothing to fetch: then no mirror needs to answer. Absent package lists would fail here.
missing=$(apt -s install --no-install-recommends $wanted 2>/dev/null | grep -c '^Inst ' || true)
if [ "$missing" != 1 ]; then
  updated=no
  for attempt in 1 2 3; do
    if apt update >&2; then updated=yes; break; fi
  done
  if [ "$updated" = no ]; then echo 'apt-get update failed' >&2; exit 100; fi
fi
apt install -y --no-install-recommends --allow-downgrades $wanted >&2
mkdir -p /usr/share/ployz
cp "$package" /usr/share/ployz/ployz.deb.part && mv /usr/share/ployz/ployz.deb.part /usr/share/ployz/ployz.deb
chmod 0644 /usr/share/ployz/ployz.deb
rm -f "$package"
# The daemon's socket: everything that follows talks to it.
for attempt in $(seq 100); do
  [ -S /run/ployz/ployzd.sock ] && exit 0
  sleep 0.1
done
echo 'ployzd does not come up: journalctl -u ployzd' >&2
exit 1
)sh";

// Prints stays=… lines. Without notes nothing is touched.
constexpr std::string_view kUninstallScript = R"sh(set -u
state=/var/lib/ployz-add
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
if ! [ -e "$state/before" ]; then
  rm -f "$state/ployz.deb" "$state/ployz.deb.part"
  rmdir "$state" 2>/dev/null
  exit 0
fi
# What is half installed counts too, or it would be in the way of everybody after us.
present() { dpkg-query -W -f '${db:Status-Abbrev}|${Package}\n' | sed -n 's/^.[^n].*|//p' | sort -u; }
dpkg --configure -a --force-confold >&2 2>&1 || true
new=$(present | comm -13 "$state/before" -)
if [ -n "$new" ]; then
  apt-get -q -y -o DPkg::Lock::Timeout=60 purge $new >&2 ||
    dpkg --purge --force-depends --force-remove-reinstreq $new >&2 || true
fi
left=$(present | comm -13 "$state/before" -)
for package in $left; do echo "stays=package $package"; done
rm -rf /usr/share/ployz /run/ployz
if [ -e "$state/made-config" ]; then rm -rf /etc/ployz; fi
if [ -e "$state/made-data" ]; then
  umount /var/lib/ployz/pool 2>/dev/null
  rm -rf /var/lib/ployz
fi
if [ -e "$state/made-docker" ]; then
  # The folder itself may be a mount point.
  rm -rf /var/lib/docker /var/lib/containerd /run/containerd 2>/dev/null
  rmdir /etc/cni/net.d /etc/cni 2>/dev/null
  [ -z "$(ls -A /var/lib/docker 2>/dev/null)" ] || echo 'stays=/var/lib/docker'
  if ip link delete docker0 2>/dev/null; then
    echo "stays=the container engine's packet filter rules, until the next boot"
  fi
fi
while read -r unit; do systemctl -q unmask "$unit" 2>/dev/null; done <"$state/masked"
systemctl daemon-reload
if [ -z "$left" ]; then rm -rf "$state"; else echo "stays=$state"; fi
exit 0
)sh";

Result<Finished> run_script(RemoteHost& host, const HostFacts& facts, std::string_view script,
                            std::vector<std::string> arguments, std::stop_token stop) {
  auto argv = facts.sudo_words();
  argv.insert(argv.end(), {"sh", "-s", "--"});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  RunOptions options;
  options.input = script;
  options.timeout = kInstall;
  options.stop = std::move(stop);
  return host.run(argv, options);
}

// apt's reason is its first line with "E:"; what follows is consequences. Of dpkg apt says only that
// it failed: then the reason is in the line after dpkg's first complaint.
std::string apt_reason(std::string_view err) {
  bool dpkg = false;
  for (size_t at = 0; at < err.size();) {
    const size_t end = std::min(err.find('\n', at), err.size());
    const auto line = err.substr(at, end - at);
    if (dpkg) return printable(line.substr(std::min(line.find_first_not_of(' '), line.size())));
    if (line.starts_with("E: ")) return printable(line.substr(3));
    dpkg = line.starts_with("dpkg: error processing ");
    at = end + 1;
  }
  return last_line(err);
}

}  // namespace

std::string_view install_script() {
  return kInstallScript;
}

std::string_view uninstall_script() {
  return kUninstallScript;
}

Result<std::string> find_package(Session& session, const std::string& option) {
  std::error_code ignored;
  const auto named = option.empty() ? session.host().env("PLOYZ_PACKAGE").value_or("") : option;
  if (!named.empty() && !std::filesystem::is_regular_file(named, ignored))
    return fail(Code::invalid, std::format("there is no package {}", named),
                "--package FILE, or PLOYZ_PACKAGE");
  if (!named.empty()) return named;
  const std::string kept(kKeptPackage);
  return std::filesystem::is_regular_file(kept, ignored) ? kept : std::string();
}

Status install_package(RemoteHost& host, const HostFacts& facts, const std::string& package,
                       std::stop_token stop) {
  TRY(copy_to(host, facts.sudo_words(), package, std::string(kUpload), stop));
  const auto done = TRY(run_script(host, facts, kInstallScript,
                                   {std::string(kUpload), facts.kernel_wireguard ? "no" : "yes"},
                                   std::move(stop)));
  if (done.ok()) return {};
  return fail(Code::internal,
              std::format("installing on {}: {}", host.name(), apt_reason(done.err)));
}

Status keep_installed(RemoteHost& host, const HostFacts& facts) {
  // The list of masks stays: whoever takes the machine out of the network needs it.
  const auto done = TRY(run_script(host, facts,
                                   "cd /var/lib/ployz-add 2>/dev/null || exit 0\n"
                                   "rm -f before made-data made-config made-docker ployz.deb ployz.deb.part\n",
                                   {}, {}));
  if (done.ok()) return {};
  return fail(
      Code::internal,
      std::format("the notes on {} could not be removed: {}", host.name(), last_line(done.err)),
      "rm /var/lib/ployz-add/before, there");
}

Result<std::vector<std::string>> uninstall(RemoteHost& host, const HostFacts& facts) {
  const auto done = TRY(run_script(host, facts, kUninstallScript, {}, {}));
  if (!done.ok())
    return fail(Code::internal,
                std::format("uninstalling on {}: {}", host.name(), last_line(done.err)));
  std::vector<std::string> stays;
  std::string_view out = done.out;
  while (!out.empty()) {
    const size_t end = std::min(out.find('\n'), out.size());
    if (out.starts_with("stays=")) stays.push_back(printable(out.substr(6, end - 6)));
    out.remove_prefix(std::min(end + 1, out.size()));
  }
  return stays;
}

}  // namespace ployz::cli

#include "cli/preflight.h"

#include <charconv>
#include <format>

#include "base/json.h"
#include "cli/table.h"
#include "ports/peer_calls.h"

namespace ployz::cli {
namespace {

constexpr std::chrono::seconds kLook{60};

// ss and lsof may be missing on a minimal host; /proc is not.
constexpr std::string_view kScript = R"sh(set -u
say() { printf '%s=%s\n' "$1" "$2"; }
say format 1
say uid "$(id -u)"
as_root=
if [ "$(id -u)" != 0 ]; then as_root='sudo -n'; fi
if [ -z "$as_root" ] || sudo -n true 2>/dev/null; then say sudo yes; else say sudo no; as_root=; fi
say os "$(. /etc/os-release 2>/dev/null; echo "${ID:-unknown} ${VERSION_ID:-}")"
say arch "$(dpkg --print-architecture 2>/dev/null || uname -m)"
if [ -d /run/systemd/system ]; then say systemd yes; else say systemd no; fi
say disk_kib "$(df -Pk /var | awk 'NR == 2 { print $4 }')"
release=$(uname -r)
if [ -d /sys/module/wireguard ] || modprobe -n -q wireguard 2>/dev/null ||
   grep -qs '/wireguard\.ko' "/lib/modules/$release/modules.dep" "/lib/modules/$release/modules.builtin"
then say kernel_wireguard yes; else say kernel_wireguard no; fi
if [ -c /dev/net/tun ]; then say tun yes; else say tun no; fi
say package "$(dpkg-query -W -f '${db:Status-Status} ${Version}' ployz 2>/dev/null |
  sed -n 's/^installed //p')"
if command -v ployzctl >/dev/null 2>&1; then
  status=$($as_root ployzctl --json status 2>/dev/null)
  say network "$(printf '%s\n' "$status" | sed -n 's/^  "network": "\(.*\)",*$/\1/p')"
  if printf '%s\n' "$status" | grep -q '^  "removed": {'; then say removed yes; fi
fi
if [ -e /var/lib/ployz/pool.img ]; then say pool yes; fi
trouble=
if ! command -v apt-get >/dev/null 2>&1; then trouble='there is no apt-get'
elif [ -n "$(dpkg --audit 2>/dev/null)" ]; then
  trouble='packages are half installed (dpkg --audit; dpkg --configure -a)'
elif ! said=$($as_root apt-get check -q 2>&1); then
  trouble=$(printf '%s\n' "$said" | grep '^E:' | head -n 1)
fi
say apt_trouble "$trouble"
for unit in ployzd ployz-router ployz-nats ployz-haproxy ployz-knot ployz-wireguard; do
  if systemctl is-active -q "$unit.service" 2>/dev/null; then say active "$unit"; fi
done
awk '$4 == "0A" { print "tcp=" $2 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
awk '$4 == "07" { print "udp=" $2 }' /proc/net/udp /proc/net/udp6 2>/dev/null
say clock_ms "$(date +%s%3N)"
say end 1
)sh";

struct NeededPort {
  uint16_t port;
  bool udp;
  std::string_view local;  // hexadecimal address it is bound to besides the wildcard; "*": any
  std::string_view owner;  // whose it is when that runs
  std::string_view use;
};
// Bound to addresses of the overlay, those can only be in the way of a wildcard.
constexpr NeededPort kPorts[] = {
    {80, false, "*", "ployz-haproxy", "the gateway"},
    {4222, false, "0100007F", "ployz-nats", "NATS"},
    {7422, false, "", "ployz-nats", "NATS"},
    {51820, true, "*", "ployz-wireguard", "WireGuard"},
    {4319, false, "", "ployzd", "transfers"},
    {kPeerPort, false, "", "ployzd", "commands between machines"},
    {53, true, "", "ployz-knot", "DNS"},
    {53, false, "", "ployz-knot", "DNS"},
};

bool in_the_way(const NeededPort& need, std::string_view socket) {
  const size_t colon = socket.find(':');
  if (colon == std::string_view::npos) return false;
  const auto address = socket.substr(0, colon);
  const auto digits = socket.substr(colon + 1);
  uint16_t port = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), port, 16);
  if (port != need.port) return false;
  return address.find_first_not_of('0') == std::string_view::npos || need.local == "*" ||
         address == need.local;
}

uint64_t number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void take(HostFacts& facts, std::string_view key, std::string_view value) {
  const std::string text = printable(value);
  if (key == "uid") facts.uid = number(value);
  if (key == "sudo") facts.sudo = value == "yes";
  if (key == "os") facts.os = text;
  if (key == "arch") facts.arch = text;
  if (key == "systemd") facts.systemd = value == "yes";
  if (key == "disk_kib") facts.disk_free_bytes = number(value) << 10;
  if (key == "kernel_wireguard") facts.kernel_wireguard = value == "yes";
  if (key == "tun") facts.tun = value == "yes";
  if (key == "package") facts.package_version = text;
  if (key == "network") facts.network = text;
  if (key == "pool") facts.pool = value == "yes";
  if (key == "removed") facts.removed = value == "yes";
  if (key == "apt_trouble") facts.apt_trouble = text;
  if (key == "active") facts.active.push_back(text);
  if (key == "tcp") facts.tcp.push_back(text);
  if (key == "udp") facts.udp.push_back(text);
  if (key == "clock_ms") facts.clock_ms = number(value);
}

void check_ports(const HostFacts& facts, std::vector<std::string>& problems) {
  for (const auto& need : kPorts) {
    if (std::ranges::contains(facts.active, need.owner)) continue;
    const auto& sockets = need.udp ? facts.udp : facts.tcp;
    if (std::ranges::any_of(sockets, [&](const auto& one) { return in_the_way(need, one); }))
      problems.push_back(std::format("{} port {}, which {} needs, is in use (ss -lnp)",
                                     need.udp ? "UDP" : "TCP", need.port, need.use));
  }
}

}  // namespace

std::string_view our_arch() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name the architecture as dpkg does"
#endif
}

std::vector<std::string> HostFacts::sudo_words() const {
  if (root()) return {};
  return {"sudo", "-n"};
}

std::string_view preflight_script() {
  return kScript;
}

Result<HostFacts> parse_preflight(std::string_view out) {
  HostFacts facts;
  bool ended = false;
  bool known = false;
  while (!out.empty()) {
    const size_t end = std::min(out.find('\n'), out.size());
    const auto line = out.substr(0, end);
    out.remove_prefix(std::min(end + 1, out.size()));
    const size_t equal = line.find('=');
    if (equal == std::string_view::npos) continue;  // what a login script prints
    const auto key = line.substr(0, equal);
    const auto value = line.substr(equal + 1);
    known = known || (key == "format" && value == "1");
    ended = ended || key == "end";
    take(facts, key, value);
  }
  if (!known || !ended || facts.os.empty())
    return fail(Code::corrupt, "the host did not answer what was asked",
                "can the user run commands there? ssh user@host id");
  return facts;
}

std::vector<std::string> check_preflight(const HostFacts& facts, const PreflightWish& wish) {
  std::vector<std::string> problems;
  const auto problem = [&](bool there, std::string text) {
    if (there) problems.push_back(std::move(text));
  };
  problem(facts.os != "debian 13", std::format("it runs {}, not debian 13", facts.os));
  problem(facts.arch != wish.arch,
          std::format("it is {}, the package is for {}", facts.arch, wish.arch));
  problem(!facts.root() && !facts.sudo,
          "the user is neither root nor may use sudo without a password");
  problem(!facts.systemd, "systemd does not run there");
  check_ports(facts, problems);
  problem(facts.disk_free_bytes < kMinDiskBytes && facts.package_version.empty(),
          std::format("{} are free in /var, {} are needed", format_bytes(facts.disk_free_bytes),
                      format_bytes(kMinDiskBytes)));
  problem(!facts.kernel_wireguard && !facts.tun,
          "its kernel has neither WireGuard nor /dev/net/tun");
  if (wish.skew_ms) {
    const auto skew = static_cast<uint64_t>(std::abs(*wish.skew_ms));
    problem(skew > kMaxClockSkewMs + wish.skew_uncertainty_ms,
            std::format("its clock is {} {} the network's (timedatectl set-ntp true)",
                        format_duration(skew), *wish.skew_ms < 0 ? "behind" : "ahead of"));
  }
  problem(!facts.network.empty() && facts.network != wish.network && !facts.removed,
          std::format("it belongs to network {} already (ployzctl mesh destroy, there)",
                      facts.network));
  // Of what others left behind; without root it cannot be told.
  problem(!facts.apt_trouble.empty() && (facts.root() || facts.sudo),
          "apt cannot be used: " + facts.apt_trouble);
  return problems;
}

Result<HostFacts> look_at(RemoteHost& host, std::stop_token stop) {
  RunOptions options;
  options.input = preflight_script();
  options.timeout = kLook;
  options.stop = std::move(stop);
  const auto done = TRY(host.run({"sh", "-s"}, options));
  auto facts = parse_preflight(done.out);
  if (!facts && !last_line(done.err).empty())
    facts.error().message += std::format(" ({})", last_line(done.err));
  return facts;
}

}  // namespace ployz::cli

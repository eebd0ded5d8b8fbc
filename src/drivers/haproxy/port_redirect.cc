#include "drivers/haproxy/port_redirect.h"

#include <format>

#include "base/subprocess.h"

namespace ployz {
namespace {

constexpr std::chrono::milliseconds kNftTimeout{5000};  // 10 ms on an idle machine

}  // namespace

std::string redirect_script(std::string_view table, uint16_t redirect_port,
                            const std::set<uint16_t>& ports) {
  std::string text = std::format(
      "add table ip {0}\n"
      "add set ip {0} published {{ type inet_service; }}\n",
      table);
  // prerouting: from other machines and containers; output: from this machine itself.
  for (const auto& [chain, hook] : {std::pair("published_in", "prerouting"),
                                    std::pair("published_local", "output")}) {
    text += std::format(
        "add chain ip {0} {1} {{ type nat hook {2} priority -100; policy accept; }}\n"
        "flush chain ip {0} {1}\n"
        "add rule ip {0} {1} fib daddr type local tcp dport @published redirect to :{3}\n",
        table, chain, hook, redirect_port);
  }
  text += std::format("flush set ip {} published\n", table);
  if (ports.empty()) return text;
  std::string elements;
  for (const uint16_t port : ports) elements += std::format("{}{}", elements.empty() ? "" : ", ", port);
  return text + std::format("add element ip {} published {{ {} }}\n", table, elements);
}

Status PortRedirect::set_ports(const std::set<uint16_t>& ports) const {
  if (table_.empty()) return {};
  RunOptions options;
  options.input = redirect_script(table_, redirect_port_, ports);
  options.timeout = kNftTimeout;
  Command command;
  command.argv = {"nft", "-f", "-"};
  if (auto done = run_ok(command, options); !done) {
    Error error = std::move(done).error();
    error.code = Code::unavailable;
    error.effect = Effect::none;
    return fail(std::move(error).at("published ports"));
  }
  return {};
}

}  // namespace ployz

#include "drivers/docker/docker_network.h"

#include <charconv>
#include <format>

#include <arpa/inet.h>

namespace ployz {
namespace {

constexpr std::string_view kMasquerade = "com.docker.network.bridge.enable_ip_masquerade";

std::unexpected<Error> no_subnet(std::string_view text) {
  return fail(Code::invalid, std::format("'{}' is not an IPv4 network like 10.101.0.0/24", text));
}

}  // namespace

Result<std::string> first_host(std::string_view subnet) {
  const size_t slash = subnet.find('/');
  if (slash == std::string_view::npos) return no_subnet(subnet);
  in_addr network{};
  if (::inet_pton(AF_INET, std::string(subnet.substr(0, slash)).c_str(), &network) != 1) {
    return no_subnet(subnet);
  }
  const std::string_view length = subnet.substr(slash + 1);
  unsigned prefix = 0;
  const auto [end, error] = std::from_chars(length.begin(), length.end(), prefix);
  if (error != std::errc{} || end != length.end() || prefix < 8 || prefix > 30) {
    return no_subnet(subnet);
  }
  const uint32_t base = ntohl(network.s_addr);
  if ((base & (~uint32_t{0} >> prefix)) != 0) return no_subnet(subnet);  // host bits are set
  const in_addr host{htonl(base + 1)};
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &host, text.data(), text.size());
  return std::string(text.data());
}

Result<DockerNetwork::Found> DockerNetwork::look(std::string_view subnet) {
  const auto network = api_.get("/networks/" + config_.name);
  if (!network && network.error().code == Code::not_found) return Found::absent;
  if (!network) return std::unexpected(network.error());
  const Json ipam = TRY(get_object(*network, "IPAM"));
  const Json configs = TRY(get_array_or_empty(ipam, "Config"));
  const std::string found = configs.empty() ? "" : TRY(get_string_or(configs[0], "Subnet", ""));
  if (found != subnet) {
    return fail(Code::exists, std::format("network '{}' is here with subnet {}, not {}",
                                          config_.name, found, subnet));
  }
  const Json options = network->value("Options", Json());
  const std::string masquerade =
      options.is_object() ? TRY(get_string_or(options, kMasquerade, "true")) : "true";
  return masquerade == "false" ? Found::right : Found::masquerading;
}

// Made by a version that knew one machine only: the engine would hide the containers of this machine
// from all others behind its address. The option cannot be changed, and containers hold the network.
Status DockerNetwork::replace() {
  Status removed = remove_network();
  if (removed || removed.error().code != Code::precondition) return removed;
  Error error = std::move(removed).error();
  error.message += " and was made by an older version, without a network between machines";
  error.hint = "docker ps -a --filter network=" + config_.name +
               " lists them; remove their namespaces, run this again, and deploy them again";
  return fail(std::move(error));
}

Status DockerNetwork::ensure_network(std::string_view subnet) {
  const std::string gateway = TRY(first_host(subnet));
  const Found found = TRY(look(subnet));
  if (found == Found::right) return {};
  if (found == Found::masquerading) TRY(replace());
  const Json body = {
      {"Name", config_.name},
      {"Driver", "bridge"},
      {"CheckDuplicate", true},  // before API 1.44; later always
      {"IPAM",
       {{"Driver", "default"},
        {"Config", Json::array({{{"Subnet", subnet}, {"Gateway", gateway}}})}}},
      {"Options",
       {{"com.docker.network.bridge.name", config_.bridge},
        {"com.docker.network.bridge.enable_icc", "true"},
        // What goes to other machines must keep its source. What goes outside is masqueraded by the
        // table of drivers/wireguard (an `accept` there could not stop a rule of the engine, because
        // every nat chain of a hook is run until one has set a mapping).
        {kMasquerade, "false"},
        // Engines from 28.2 on drop what comes for a container by any other interface than its
        // bridge, before all chains of ours, unless told to trust it. Older ones ignore this.
        {"com.docker.network.bridge.trusted_host_interfaces", config_.tunnel},
        {"com.docker.network.driver.mtu", std::to_string(config_.mtu)}}},
      {"Labels", {{"ployz.network", config_.name}}}};
  const auto created = api_.post("/networks/create", body);
  if (created) return {};
  // Made by somebody else between the look and the creation.
  if (created.error().code == Code::conflict && TRY(look(subnet)) == Found::right) return {};
  Error error = created.error();
  if (error.message.contains("overlaps")) {
    error.code = Code::precondition;
    error.hint = "another network of this engine or host uses the range: docker network ls";
  }
  return fail(std::move(error).at(std::format("network '{}' ({})", config_.name, subnet)));
}

Status DockerNetwork::remove_network() {
  // A stopped container is no active endpoint for the engine, but could not be started again.
  const Json users = TRY(api_.get("/containers/json?all=1&filters=" +
                                  docker_filters({{"network", Json::array({config_.name})}})));
  const auto in_use = [&](size_t count) {
    return fail(Code::precondition,
                std::format("network '{}' is used by {} container(s)", config_.name, count),
                "docker ps -a --filter network=" + config_.name + " lists them");
  };
  if (!users.empty()) return in_use(users.size());
  const Status removed = api_.remove("/networks/" + config_.name);
  if (removed || removed.error().code == Code::not_found) return {};
  if (removed.error().message.contains("active endpoints")) return in_use(1);
  return removed;
}

}  // namespace ployz

#include "model/config.h"

#include <arpa/inet.h>

#include <charconv>
#include <format>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "model/names.h"
#include "model/toml.h"

namespace ployz {
namespace {

// A setter stores one value or says what would have been accepted.
using Setter = std::function<std::optional<std::string>(const toml::node&)>;
using Schema = std::map<std::string, Setter, std::less<>>;

Setter text(std::string& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    if (!node.is_string()) return "a string";
    out = node.as_string()->get();
    return {};
  };
}

Setter absolute_path(std::filesystem::path& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    if (!node.is_string() || !node.as_string()->get().starts_with('/')) return "an absolute path";
    out = node.as_string()->get();
    return {};
  };
}

Setter domain(std::string& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    if (!node.is_string() || !check_hostname(node.as_string()->get())) {
      return "a domain name such as cluster.local";
    }
    out = node.as_string()->get();
    return {};
  };
}

template <class Number>
Setter number(Number& out, int64_t low, int64_t high) {
  return [&out, low, high](const toml::node& node) -> std::optional<std::string> {
    const auto* value = node.as_integer();
    if (!value || value->get() < low || value->get() > high) {
      return std::format("a whole number, {} to {}", low, high);
    }
    out = static_cast<Number>(value->get());
    return {};
  };
}

std::optional<ListenAddress> listen_address(std::string_view value) {
  const size_t colon = value.rfind(':');
  if (colon == std::string_view::npos) return {};
  ListenAddress address{std::string(value.substr(0, colon)), 0};
  const std::string_view port = value.substr(colon + 1);
  in_addr ignored{};
  const auto [end, error] = std::from_chars(port.begin(), port.end(), address.port);
  if (error != std::errc{} || end != port.end() || address.port == 0) return {};
  if (inet_pton(AF_INET, address.host.c_str(), &ignored) != 1) return {};
  return address;
}

template <class Out>
Setter listen(Out& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    const auto address = node.is_string() ? listen_address(node.as_string()->get()) : std::nullopt;
    if (!address) return "an IPv4 address and port such as 0.0.0.0:80";
    out = *address;
    return {};
  };
}

Setter cidr(std::string& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    constexpr auto kWanted = "a private IPv4 network such as 10.101.0.0/16, prefix 8 to 24";
    if (!node.is_string()) return kWanted;
    const std::string value = node.as_string()->get();
    const size_t slash = value.find('/');
    if (slash == std::string::npos) return kWanted;
    in_addr address{};
    int prefix = 0;
    const auto [end, error] =
        std::from_chars(value.data() + slash + 1, value.data() + value.size(), prefix);
    if (error != std::errc{} || end != value.data() + value.size() || prefix < 8 || prefix > 24 ||
        inet_pton(AF_INET, value.substr(0, slash).c_str(), &address) != 1) {
      return kWanted;
    }
    if ((ntohl(address.s_addr) & ((1u << (32 - prefix)) - 1)) != 0) return kWanted;
    out = value;
    return {};
  };
}

Setter ratio(double& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    const auto value = node.value<double>();
    if (!value || *value < 0.1 || *value > 100) return "a number, 0.1 to 100";
    out = *value;
    return {};
  };
}

// "20G": K M G T, base 2.
Setter size(uint64_t& out) {
  return [&out](const toml::node& node) -> std::optional<std::string> {
    constexpr auto kWanted = "a size such as \"20G\", 1G to 1024T";
    if (!node.is_string()) return kWanted;
    const std::string value = node.as_string()->get();
    static constexpr std::string_view kUnits = "KMGT";
    uint64_t amount = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), amount);
    const char* last = value.data() + value.size();
    if (error != std::errc{} || end + 1 != last || !kUnits.contains(*end)) return kWanted;
    const int shift = 10 * static_cast<int>(kUnits.find(*end) + 1);
    if (amount == 0 || amount > (1ull << 50 >> shift) || (amount << shift) < (1ull << 30)) {
      return kWanted;
    }
    out = amount << shift;
    return {};
  };
}

std::string where(const toml::node& node, std::string_view file) {
  const auto& begin = node.source().begin;
  return std::format("{}:{}:{}", file, begin.line, begin.column);
}

Status apply(const toml::table& table, const Schema& schema, std::string_view section,
             std::string_view file) {
  for (const auto& [key, node] : table) {
    if (section.empty() && key.str() == "storage") continue;
    const auto setter = schema.find(key.str());
    if (setter == schema.end()) {
      return fail(Code::invalid,
                  std::format("{}: unknown key '{}{}'", where(node, file), section, key.str()));
    }
    if (const auto wanted = setter->second(node)) {
      return fail(Code::invalid, std::format("{}: {}{} must be {}", where(node, file), section,
                                             key.str(), *wanted));
    }
  }
  return {};
}

Schema top_level(Config& config) {
  return {
      {"data_dir", absolute_path(config.data_dir)},
      {"socket", absolute_path(config.socket)},
      {"region", text(config.region)},
      {"az", text(config.az)},
      {"cluster_cidr", cidr(config.cluster_cidr)},
      {"subnet_prefix_len", number(config.subnet_prefix_len, 16, 28)},
      {"cluster_domain", domain(config.cluster_domain)},
      {"gateway_domain", domain(config.gateway_domain)},
      {"zfs_transfer_port", number(config.zfs_transfer_port, 1, 65535)},
      {"gateway_listen_addr", listen(config.gateway_listen_addr)},
      {"gateway_https_listen_addr", listen(config.gateway_https_listen_addr)},
      {"gateway_threads", number(config.gateway_threads, 0, 256)},
      {"daemon_metrics_listen_addr", listen(config.daemon_metrics_listen_addr)},
      {"gateway_metrics_listen_addr", listen(config.gateway_metrics_listen_addr)},
      {"dns_metrics_listen_addr", listen(config.dns_metrics_listen_addr)},
  };
}

Schema storage_section(StorageConfig& storage) {
  return {
      {"zfs_root", text(storage.zfs_root)},
      {"btrfs_root", text(storage.btrfs_root)},
      {"overcommit_ratio", ratio(storage.overcommit_ratio)},
      {"loopback_size", size(storage.loopback_size_bytes)},
  };
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file) {
  const toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    const auto& at = parsed.error().source().begin;
    return fail(Code::invalid, std::format("{}:{}:{}: {}", file, at.line, at.column,
                                           parsed.error().description()));
  }
  Config config;
  TRY(apply(parsed.table(), top_level(config), "", file));
  if (const toml::node* storage = parsed.table().get("storage")) {
    if (!storage->is_table()) {
      return fail(Code::invalid, where(*storage, file) + ": storage must be a table");
    }
    TRY(apply(*storage->as_table(), storage_section(config.storage), "storage.", file));
  }
  return config;
}

Result<Config> load_config(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (!error) return Config{};
    return fail(Code::denied, std::format("cannot read {}: {}", path.string(), error.message()));
  }
  std::ifstream file(path);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) return fail(Code::denied, "cannot read " + path.string());
  return parse_config(bytes.str(), path.string());
}

}  // namespace ployz

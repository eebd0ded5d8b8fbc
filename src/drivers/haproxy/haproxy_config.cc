#include "drivers/haproxy/haproxy_config.h"

#include <algorithm>
#include <format>

#include "base/files.h"
#include "drivers/haproxy/slot_state.h"

namespace ployz {
namespace {

// A word that needs no quoting in HAProxy's configuration.
Status check_word(std::string_view word, std::string_view what) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("._-/:").contains(static_cast<char>(c));
  });
  if (plain) return {};
  return fail(Code::invalid, std::format("{} '{}' cannot be used in HAProxy's configuration", what,
                                         word));
}

// Timeouts: a client that is slow to send its request is cut; what an application takes to answer
// is its own business, within reason; tunnels (WebSocket) and TCP live until an end closes them, and
// dead peers are found by keep-alive packets. A connect gets longer than the second after which Linux
// repeats a lost SYN (RFC 6298): health checks have this limit too and no further try, so with one
// second a lost packet would be a failed check, and two in a row take the server out of use.
constexpr std::string_view kDefaults = R"(defaults http
  mode http
  timeout connect 1500ms
  timeout client 60s
  timeout server 5m
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 5s
  timeout tunnel 24h
  option idle-close-on-response
  option forwardfor
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response
  http-reuse safe
  http-error status 503 content-type text/plain string "503: no server of this service answers\n"
  http-error status 504 content-type text/plain string "504: the service did not answer in time\n"
  balance roundrobin

defaults tcp
  mode tcp
  timeout connect 1500ms
  timeout client 24h
  timeout server 24h
  timeout queue 5s
  option clitcpka
  option srvtcpka
  option redispatch 1
  retries 3
  balance roundrobin
)";

std::string global_section(const HaproxyConfig& config) {
  std::string text = "global\n  log stderr format raw local0 notice\n";
  if (!config.user.empty()) text += std::format("  user {}\n", config.user);
  if (!config.group.empty()) text += std::format("  group {}\n", config.group);
  if (config.threads > 0) text += std::format("  nbthread {}\n", config.threads);
  // `wait` holds its connection for as long as a drain may take. The descriptors bound the number
  // of connections, and so the memory.
  text += std::format(
      "  stats socket {} mode 600 level admin expose-fd listeners\n"
      "  stats timeout 15m\n"
      "  stats maxconn 64\n"
      "  fd-hard-limit 65536\n\n",
      config.socket.string());
  return text;
}

// A host's own routes come first, then those of its wildcard, then "*"; in each, the longest path
// prefix. Keys end with "/", so "/api" is not a prefix of "/apix". The exact lookup is repeated at
// the end: the map may be switched between two lookups, and then the first was of the old one.
std::string http_frontend(const HaproxyConfig& config) {
  const std::string lookup = std::format("var(txn.key),map_beg({})", config.map_file().string());
  const std::string exact = "host:%[var(txn.host)]%[path]/";
  std::string text = std::format(
      "frontend http from http\n"
      "  bind {}:{}\n"
      "  http-request disable-l7-retry if !{{ method GET HEAD OPTIONS }}\n"
      "  http-request set-header X-Forwarded-Proto http\n"
      "  http-request set-var(txn.host) req.hdr(host),field(1,:),lower,rtrim(.)\n",
      config.listen_host, config.listen_port);
  for (const std::string& key : {exact, std::string("host:%[var(txn.host),regsub(^[^.]+,*)]%[path]/"),
                                 std::string("host:*%[path]/"), exact}) {
    text += std::format("  http-request set-var-fmt(txn.key) {}\n", key);
    text += std::format("  http-request set-var(txn.slot,ifnotset) {}\n", lookup);
  }
  text += "  use_backend %[var(txn.slot)] if { var(txn.slot) -m found }\n";
  text += "  default_backend no_route\n\n";
  text += "backend no_route from http\n";
  text += "  http-request return status 404 content-type text/plain lf-string "
          "\"404: nothing is routed at %[req.hdr(host)]%[path]\\n\"\n\n";
  return text;
}

std::string tcp_frontend(const HaproxyConfig& config) {
  return std::format(
      "frontend published from tcp\n"
      "  bind 0.0.0.0:{}\n"
      "  tcp-request content set-var-fmt(txn.key) port:%[dst_port]\n"
      "  use_backend %[var(txn.key),map_str({},no_port)]\n\n"
      "backend no_port from tcp\n"
      "  tcp-request content reject\n\n",
      config.redirect_port, config.map_file().string());
}

Result<std::string> slot_text(const SlotName& name, std::string_view mode, const Slots& slots) {
  std::string text = std::format("backend {} from {}\n", name, mode);
  const auto taken = slots.find(name);
  if (taken == slots.end()) return text;
  size_t index = 0;
  for (const std::string& server : taken->second.servers) {
    TRY(check_word(server, "server"));
    text += std::format("  server {} {} {}\n", server_name(index++), server, kServerOptions);
  }
  return text;
}

}  // namespace

std::string server_name(size_t index) { return std::format("s{}", index + 1); }

std::vector<SlotName> slot_names(const HaproxyConfig& config, BackendMode mode) {
  const bool http = mode == BackendMode::http;
  std::vector<SlotName> names;
  for (uint32_t i = 0; i < (http ? config.http_slots : config.tcp_slots); ++i) {
    names.push_back(std::format("{}{:04}", http ? 'h' : 't', i));
  }
  return names;
}

Result<std::string> haproxy_config_text(const HaproxyConfig& config, const Slots& slots) {
  TRY(check_word(config.listen_host, "listen address"));
  TRY(check_word(config.socket.string(), "socket"));
  TRY(check_word(config.map_file().string(), "folder"));
  std::string text = "# Written by Ployz: changes are overwritten.\n" + global_section(config);
  text += kDefaults;
  text += "\n" + http_frontend(config) + tcp_frontend(config);
  for (const SlotName& name : slot_names(config, BackendMode::http)) {
    text += TRY(slot_text(name, "http", slots));
  }
  for (const SlotName& name : slot_names(config, BackendMode::tcp)) {
    text += TRY(slot_text(name, "tcp", slots));
  }
  return text;
}

Status prepare_haproxy_files(const HaproxyConfig& config) {
  const SlotState state = TRY(load_slot_state(config));
  TRY(save_config_file(config, state.slots));
  if (TRY(read_file(config.map_file()))) return {};
  return write_file(config.map_file(), "", 0640);
}

}  // namespace ployz

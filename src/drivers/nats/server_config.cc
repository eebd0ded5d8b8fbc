#include "drivers/nats/server_config.h"

#include <algorithm>
#include <array>
#include <format>

#include "drivers/nats/nkey.h"

namespace ployz {
namespace {

// Clients say the first; the server of that domain rewrites it to the second before it looks at
// permissions (2.10), a leaf node passes it on.
constexpr std::array<std::string_view, 2> kApi{"$JS.ployz.API.", "$JS.API."};
// Steps may run for minutes before they answer; the engine waits no longer than this for any.
constexpr std::string_view kReplyWindow = "1h";

bool is_id(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool is_path(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](char c) {
           return static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\\' && c != '$';
         });
}

std::string_view role_name(NatsRole role) {
  return role == NatsRole::daemon ? "daemon" : "router";
}

std::vector<std::string> may_publish(const NatsUser& user) {
  std::vector<std::string> subjects;
  std::vector<std::string_view> calls;
  if (user.role == NatsRole::router) {
    subjects = {"$JS.FC.COMMITS.>"};
    calls = {"STREAM.INFO.COMMITS", "STREAM.MSG.GET.COMMITS", "CONSUMER.CREATE.COMMITS.>"};
  } else {
    subjects = {"ployz.rpc.>", "ployz.commit.*", "$KV.>", "$JS.FC.>"};
    calls = {"STREAM.INFO.*", "STREAM.MSG.GET.*", "CONSUMER.CREATE.*.>"};
    if (user.manages_streams) calls.insert(calls.end(), {"STREAM.CREATE.*", "STREAM.UPDATE.*"});
  }
  for (const std::string_view call : calls) {
    for (const std::string_view api : kApi) subjects.push_back(std::string(api).append(call));
  }
  return subjects;
}

std::vector<std::string> may_subscribe(const NatsUser& user) {
  const std::string_view target = user.role == NatsRole::daemon ? "agent" : "router";
  return {std::format("ployz.rpc.{}.{}.*", user.machine.str(), target),
          inbox_prefix(user.machine, user.role) + ".>"};
}

std::string list(const std::vector<std::string>& subjects) {
  std::string text;
  for (const std::string& subject : subjects) {
    text += std::format("{}\"{}\"", text.empty() ? "" : ", ", subject);
  }
  return "[" + text + "]";
}

std::string user_text(const NatsUser& user) {
  return std::format(R"(      {{ # {} {}
        nkey: {}
        permissions {{
          publish {{ allow: {} }}
          subscribe {{ allow: {} }}
          allow_responses {{ max: 1, expires: "{}" }}
        }}
      }}
)",
                     user.machine.str(), role_name(user.role), user.public_key,
                     list(may_publish(user)), list(may_subscribe(user)), kReplyWindow);
}

Status check_config(const NatsServerConfig& config) {
  if (config.leaf_listen || config.remote) {
    return fail(Code::unsupported, "leaf nodes cannot be configured yet");
  }
  if (config.users.empty()) return fail(Code::invalid, "a NATS server without users");
  if (!is_id(config.machine.str())) return fail(Code::invalid, "a machine without an id");
  if (!is_path(config.data_dir)) {
    return fail(Code::invalid,
                std::format("'{}' is not an absolute path without quotes", config.data_dir));
  }
  const bool address_ok = std::ranges::all_of(config.listen_address, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '.' || c == ':';
  });
  if (config.listen_address.empty() || !address_ok) {
    return fail(Code::invalid, std::format("'{}' is not an address", config.listen_address));
  }
  for (const NatsUser& user : config.users) {
    if (!is_id(user.machine.str()) || !is_user_public_key(user.public_key)) {
      return fail(Code::invalid, std::format("the NATS user of machine '{}' has no valid key",
                                             user.machine.str()));
    }
  }
  return {};
}

}  // namespace

std::string inbox_prefix(const MachineId& machine, NatsRole role) {
  return std::format("_INBOX.{}.{}", machine.str(), role_name(role));
}

std::string store_directory(const std::string& data_dir, uint64_t epoch) {
  return std::format("{}/nats/store/{}", data_dir, epoch);
}

std::string leaf_seed_file(const std::string& data_dir) {
  return data_dir + "/nats/leaf.nk";
}

Result<std::string> server_config_text(const NatsServerConfig& config) {
  TRY(check_config(config));
  const bool v6 = config.listen_address.contains(':');
  std::string users;
  for (const NatsUser& user : config.users) users += user_text(user);
  return std::format(R"(# Written by ployzd; changes are lost.
# store epoch {0}
server_name: "ployz-{1}"
listen: "{2}{3}{4}:{5}"

# Time and source are the journal's business.
logtime: false

# One commit, or one record; see kMaxCommitBytes.
max_payload: 8MB
max_pending: 256MB
write_deadline: "10s"

jetstream {{
  store_dir: "{6}"
  domain: ployz
  # Acknowledge after fsync: the default acknowledges up to two minutes before it.
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: {7}
}}

accounts {{
  PLOYZ {{
    jetstream: enabled
    users: [
{8}    ]
  }}
}}
)",
                     config.epoch, config.machine.str(), v6 ? "[" : "", config.listen_address,
                     v6 ? "]" : "", config.port, store_directory(config.data_dir, config.epoch),
                     config.max_file_bytes, users);
}

}  // namespace ployz

#include "drivers/nats/server_config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <format>
#include <span>

#include "base/nkey.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

// How clients ask the store. Not the prefix of a JetStream domain (the store's is kStoreDomain):
// a server rewrites that to the plain calls in every account.
constexpr std::string_view kApi = "$JS.ployz.API.";
constexpr std::string_view kPlainApi = "$JS.API.";
constexpr std::string_view kRecords = "$KV.>";
// What a machine needs of the store. Creating a consumer: named with a filter, or a mirror's. A
// snapshot is for the machine that is to have the store next.
constexpr std::array<std::string_view, 5> kReadCalls{"STREAM.INFO.*", "STREAM.MSG.GET.*",
                                                     "STREAM.SNAPSHOT.*", "CONSUMER.CREATE.*",
                                                     "CONSUMER.CREATE.*.>"};
// What the founder needs, before the store listens for leaves.
constexpr std::array<std::string_view, 2> kManagingCalls{"STREAM.CREATE.*", "STREAM.UPDATE.*"};
// What the store's administrator may, in the API and beside it: never delete, never purge.
constexpr std::array<std::string_view, 7> kAdminCalls{
    "STREAM.INFO.*",     "STREAM.MSG.GET.*", "STREAM.CREATE.*",  "STREAM.UPDATE.*",
    "STREAM.SNAPSHOT.*", "STREAM.RESTORE.*", "CONSUMER.CREATE.>"};
constexpr std::array<std::string_view, 4> kAdminSubjects{"$JS.SNAPSHOT.>", "$JS.FC.>",
                                                         kEpochSubject, "ployz.frozen.*"};
// And of a machine's own mirrors.
constexpr std::array<std::string_view, 3> kMirrorAdminCalls{"STREAM.INFO.*", "STREAM.SNAPSHOT.*",
                                                            "CONSUMER.CREATE.>"};
constexpr std::array<std::string_view, 2> kMirrorAdminSubjects{"$JS.SNAPSHOT.ACK.>", "$JS.FC.>"};
// Published as they are: commits, and readers' answers to flow control.
constexpr std::array<std::string_view, 3> kPlainSubjects{"ployz.commit.*", "$JS.FC.>",
                                                         "$JS.SNAPSHOT.ACK.>"};
// What the daemon may ask of its own machine's mirrors, by their names.
constexpr std::array<std::string_view, 4> kMirrorCalls{"STREAM.CREATE.", "STREAM.INFO.",
                                                       "STREAM.DELETE.", "STREAM.MSG.GET."};
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

bool is_address(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '.' || c == ':';
  });
}

// "nats-leaf://<address>:<port>".
bool is_leaf_url(std::string_view text) {
  constexpr std::string_view scheme = "nats-leaf://";
  if (!text.starts_with(scheme)) return false;
  text.remove_prefix(scheme.size());
  return std::ranges::all_of(text,
                             [](char c) {
                               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                                      std::string_view(".:[]").contains(c);
                             }) &&
         text.contains(':');
}

std::string host_port(const std::string& address, uint16_t port) {
  return address.contains(':') ? std::format("[{}]:{}", address, port)
                               : std::format("{}:{}", address, port);
}

std::string_view role_name(NatsRole role) {
  switch (role) {
    case NatsRole::daemon:
      return "daemon";
    case NatsRole::router:
      return "router";
    case NatsRole::admin:
      return "admin";
  }
  return "";
}

void add_calls(std::vector<std::string>& subjects, std::span<const std::string_view> calls) {
  for (const std::string_view call : calls) subjects.push_back(std::string(kApi).append(call));
}

void add_mirror_calls(std::vector<std::string>& subjects, const MachineId& machine) {
  for (const std::string& stream : all_streams()) {
    for (const std::string_view call : kMirrorCalls) {
      subjects.push_back(std::format("$JS.{}.API.{}{}", mirror_domain(machine), call, stream));
      subjects.push_back(std::format("$JS.API.{}{}", call, stream));
    }
  }
}

// The server maps the calls of its own domain to the plain ones, and looks at rights after that.
std::vector<std::string> admin_subjects(const std::string& domain,
                                        std::span<const std::string_view> calls,
                                        std::span<const std::string_view> others) {
  std::vector<std::string> subjects{others.begin(), others.end()};
  for (const std::string_view call : calls) {
    subjects.push_back(std::format("$JS.{}.API.{}", domain, call));
    subjects.push_back(std::string(kPlainApi).append(call));
  }
  return subjects;
}

std::vector<std::string> may_publish(const NatsUser& user, bool through_leaf) {
  if (user.role == NatsRole::router) {
    std::vector<std::string> subjects{"$JS.FC.COMMITS.>"};
    constexpr std::array<std::string_view, 3> calls{"STREAM.INFO.COMMITS", "STREAM.MSG.GET.COMMITS",
                                                    "CONSUMER.CREATE.COMMITS.>"};
    add_calls(subjects, calls);
    return subjects;
  }
  if (user.role == NatsRole::admin) {
    return through_leaf ? admin_subjects(mirror_domain(user.machine), kMirrorAdminCalls,
                                         kMirrorAdminSubjects)
                        : admin_subjects(std::string(kStoreDomain), kAdminCalls, kAdminSubjects);
  }
  std::vector<std::string> subjects{"ployz.rpc.>"};
  subjects.insert(subjects.end(), kPlainSubjects.begin(), kPlainSubjects.end());
  add_calls(subjects, kReadCalls);
  subjects.push_back(std::string(kApi).append(kRecords));
  if (through_leaf) add_mirror_calls(subjects, user.machine);
  if (user.manages_streams) add_calls(subjects, kManagingCalls);
  return subjects;
}

std::vector<std::string> may_subscribe(const NatsUser& user) {
  if (user.role == NatsRole::admin) return {inbox_prefix(user.machine, user.role) + ".>"};
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

// Answers to requests, never what a stream delivers (its inboxes have another token there).
constexpr std::string_view kReplyInboxes = "_INBOX.*.*.*.r.*";

// `reloads`: adding a leaf user reloads the server, and with that it forgets what may be answered
// (measured, 2.10.27: a reply to a request from before the reload is a publish violation). So on
// the store's machine whoever was asked must be allowed to answer without that memory.
std::string user_text(const NatsUser& user, bool through_leaf, bool reloads) {
  std::vector<std::string> publish = may_publish(user, through_leaf);
  if (reloads && user.role != NatsRole::admin) publish.emplace_back(kReplyInboxes);
  return std::format(R"(      {{ # {} {}
        nkey: {}
        allowed_connection_types: ["STANDARD"]
        permissions {{
          publish {{ allow: {} }}
          subscribe {{ allow: {} }}
          allow_responses {{ max: 1, expires: "{}" }}
        }}
      }}
)",
                     user.machine.str(), role_name(user.role), user.public_key, list(publish),
                     list(may_subscribe(user)), kReplyWindow);
}

// A leaf connection carries what the machine's own server let its users send. Its replies go to
// anybody's inbox: allow_responses does not reach across (the rights told to the leaf's server
// have no place for it), so it is that server that restricts them, and inboxes are not guessable.
std::string leaf_user_text(const LeafUser& leaf) {
  std::vector<std::string> publish{"ployz.rpc.>", "_INBOX.>"};
  publish.insert(publish.end(), kPlainSubjects.begin(), kPlainSubjects.end());
  add_calls(publish, kReadCalls);
  publish.push_back(std::string(kApi).append(kRecords));
  const std::string id = leaf.machine.str();
  const std::vector<std::string> subscribe{std::format("ployz.rpc.{}.>", id),
                                           std::format("_INBOX.{}.>", id),
                                           // Where its mirrors hear of their consumers.
                                           "$JSC.R.*"};
  return std::format(R"(      {{ # {} leaf
        nkey: {}
        allowed_connection_types: ["LEAFNODE"]
        permissions {{
          publish {{ allow: {} }}
          subscribe {{ allow: {} }}
        }}
      }}
)",
                     id, leaf.public_key, list(publish), list(subscribe));
}

// JetStream has an account of its own. nats-server (2.10) does not check what arrives over a leaf
// connection against the user's rights to publish; but what an account does not import, nobody in
// it can reach. What streams deliver comes back as an import of the inboxes.
struct AccountBorder {
  std::string exports;  // of STORE
  std::string imports;  // of PLOYZ
};

AccountBorder account_border(bool managed) {
  AccountBorder border;
  const auto add = [&border](std::string_view there, std::string_view here) {
    border.exports += std::format("      {{ service: \"{}\" }}\n", there);
    border.imports += std::format(
        "      {{ service: {{ account: STORE, subject: \"{}\" }}, to: \"{}\" }}\n", there, here);
  };
  const auto add_api = [&add](std::string_view call) {
    add(std::string(kPlainApi).append(call), std::string(kApi).append(call));
  };
  for (const std::string_view call : kReadCalls) add_api(call);
  if (managed) {
    for (const std::string_view call : kManagingCalls) add_api(call);
  }
  add(kRecords, std::string(kApi).append(kRecords));
  for (const std::string_view subject : kPlainSubjects) add(subject, subject);
  border.exports += "      { stream: \"_INBOX.>\" }\n";
  border.imports += "      { stream: { account: STORE, subject: \"_INBOX.>\" } }\n";
  return border;
}

// Nobody forges what streams deliver: it does not come past here. Not a wall (what comes in one
// packet with the CONNECT passes); that the inboxes cannot be guessed is.
constexpr std::string_view kMappings = R"(    mappings {
      "$SYS.>": "$JS.REFUSED.SYS.>"
      "_INBOX.*.*.*.f.>": "$JS.REFUSED.INBOX.$1.$2.$3.f.>"
    }
)";

struct UserTexts {
  std::string store;  // of account STORE, where there is one
  std::string ployz;
};

UserTexts user_texts(const NatsServerConfig& config) {
  UserTexts texts;
  for (const NatsUser& user : config.users) {
    const bool in_store = user.role == NatsRole::admin && !config.remote;
    (in_store ? texts.store : texts.ployz) +=
        user_text(user, config.remote.has_value(), config.leaf_listen.has_value());
  }
  for (const LeafUser& leaf : config.leaves) texts.ployz += leaf_user_text(leaf);
  return texts;
}

std::string accounts_text(const NatsServerConfig& config) {
  const UserTexts users = user_texts(config);
  if (config.remote) {
    return std::format(R"(accounts {{
  PLOYZ {{
    jetstream: enabled
    users: [
{}    ]
  }}
}}
)",
                       users.ployz);
  }
  const AccountBorder border = account_border(!config.leaf_listen);
  return std::format(R"(accounts {{
  STORE {{
    jetstream: enabled
    users: [
{}    ]
    exports: [
{}    ]
  }}
  PLOYZ {{
    imports: [
{}    ]
    users: [
{}    ]
{}  }}
{}}}
)",
                     users.store, border.exports, border.imports, users.ployz, config.leaf_listen ? kMappings : "",
                     config.leaf_listen ? "  NOBODY {}\n" : "");
}

Status check_leaves(const NatsServerConfig& config) {
  if (config.leaf_listen && config.remote) {
    return fail(Code::invalid, "a NATS server is the store's or a leaf node, not both");
  }
  if (!config.leaves.empty() && !config.leaf_listen) {
    return fail(Code::invalid, "leaf users without a leaf listener");
  }
  if (config.leaf_listen && !is_address(config.leaf_listen->address)) {
    return fail(Code::invalid, std::format("'{}' is not an address", config.leaf_listen->address));
  }
  for (const LeafUser& leaf : config.leaves) {
    if (!is_id(leaf.machine.str()) || !is_user_public_key(leaf.public_key)) {
      return fail(Code::invalid, std::format("the leaf user of machine '{}' has no valid key",
                                             leaf.machine.str()));
    }
  }
  if (!config.remote) return {};
  if (config.remote->urls.empty()) return fail(Code::invalid, "a leaf node without a store");
  for (const std::string& url : config.remote->urls) {
    if (is_leaf_url(url)) continue;
    return fail(Code::invalid, std::format("'{}' is not a leaf URL", url),
                "write nats-leaf://address:port");
  }
  if (!is_path(config.remote->seed_file)) {
    return fail(Code::invalid, std::format("'{}' is not an absolute path without quotes",
                                           config.remote->seed_file));
  }
  return {};
}

Status check_cluster(const NatsServerConfig& config) {
  if (!config.cluster) return {};
  const StoreCluster& cluster = *config.cluster;
  if (config.remote) return fail(Code::invalid, "a leaf node is no member of the store");
  const bool hexadecimal = !cluster.secret.empty() && std::ranges::all_of(cluster.secret, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!hexadecimal) return fail(Code::invalid, "a store of several machines without a secret");
  if (!is_id(cluster.name)) return fail(Code::invalid, "a store of several machines without a name");
  for (const std::string& address : cluster.others) {
    if (!is_address(address)) {
      return fail(Code::invalid, std::format("'{}' is not an address", address));
    }
  }
  if (is_address(cluster.address)) return {};
  return fail(Code::invalid, std::format("'{}' is not an address", cluster.address));
}

Status check_config(const NatsServerConfig& config) {
  if (config.users.empty()) return fail(Code::invalid, "a NATS server without users");
  if (!is_id(config.machine.str())) return fail(Code::invalid, "a machine without an id");
  if (!is_path(config.data_dir)) {
    return fail(Code::invalid,
                std::format("'{}' is not an absolute path without quotes", config.data_dir));
  }
  if (!is_address(config.listen_address)) {
    return fail(Code::invalid, std::format("'{}' is not an address", config.listen_address));
  }
  for (const NatsUser& user : config.users) {
    if (!is_id(user.machine.str()) || !is_user_public_key(user.public_key)) {
      return fail(Code::invalid, std::format("the NATS user of machine '{}' has no valid key",
                                             user.machine.str()));
    }
  }
  TRY(check_cluster(config));
  return check_leaves(config);
}

std::string jetstream_text(const NatsServerConfig& config) {
  const bool mirrors = config.remote.has_value();
  const std::string_view sync =
      mirrors
          ? R"(  # Mirrors only: what a crash loses is fetched again.
  sync_interval: "2s")"
          : R"(  # Acknowledge after fsync: the default acknowledges up to two minutes before it.
  sync_interval: always)";
  return std::format(R"(jetstream {{
  store_dir: "{}"
  domain: {}
{}
  max_memory_store: 256MB
  max_file_store: {}
}}
)",
                     mirrors ? mirror_directory(config.data_dir, config.epoch)
                             : store_directory(config.data_dir, config.epoch),
                     mirrors ? mirror_domain(config.machine) : std::string(kStoreDomain), sync,
                     config.max_file_bytes);
}

std::string leafnodes_text(const NatsServerConfig& config) {
  if (config.leaf_listen) {
    // Who gives no key is put into an account of its own that holds nothing and reaches nothing.
    return std::format(R"(
leafnodes {{
  listen: "{}"
  no_advertise: true
  authorization {{ account: NOBODY, timeout: 3 }}
}}
)",
                       host_port(config.leaf_listen->address, config.leaf_listen->port));
  }
  if (!config.remote) return {};
  return std::format(R"(
leafnodes {{
  reconnect: "500ms"
  remotes: [
    {{
      urls: {}
      account: PLOYZ
      include "{}"
    }}
  ]
}}
)",
                     list(config.remote->urls),
                     std::filesystem::path(config.remote->seed_file).filename().string());
}

// Routes are made by who is listed on both sides; nobody is told of others (no_advertise).
std::string cluster_text(const NatsServerConfig& config) {
  if (!config.cluster) return {};
  const StoreCluster& cluster = *config.cluster;
  std::vector<std::string> routes;
  for (const std::string& other : cluster.others) {
    routes.push_back(std::format("nats-route://ployz:{}@{}", cluster.secret,
                                 host_port(other, cluster.port)));
  }
  return std::format(R"(
cluster {{
  name: "{}"
  listen: "{}"
  no_advertise: true
  authorization {{ user: ployz, password: "{}", timeout: 3 }}
  routes: {}
}}
)",
                     cluster.name, host_port(cluster.address, cluster.port), cluster.secret,
                     list(routes));
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

std::string leaf_seed_text(std::string_view seed) {
  return std::format("nkey: {}\n", seed);
}

std::string mirror_directory(const std::string& data_dir, uint64_t epoch) {
  return std::format("{}/nats/mirror/{}", data_dir, epoch);
}

std::string mirror_domain(const MachineId& machine) {
  return "m-" + machine.str();
}

Result<std::string> server_config_text(const NatsServerConfig& config) {
  TRY(check_config(config));
  return std::format(R"(# Written by ployzd; changes are lost.
# store epoch {}
server_name: "ployz-{}"
listen: "{}"

# Time and source are the journal's business.
logtime: false

# One commit, or one record; see kMaxCommitBytes.
max_payload: 8MB
max_pending: 256MB
write_deadline: "10s"
# A peer that vanished is noticed after three of these.
ping_interval: "5s"
ping_max: 2

{}{}{}
{})",
                     config.epoch, config.machine.str(),
                     host_port(config.listen_address, config.port), jetstream_text(config),
                     cluster_text(config), leafnodes_text(config), accounts_text(config));
}

}  // namespace ployz

#include "cli/machine_add.h"

#include <format>
#include <optional>

#include "base/version.h"
#include "cli/machine_join.h"
#include "cli/parallel.h"
#include "cli/preflight.h"
#include "cli/remote_install.h"
#include "cli/render.h"
#include "cli/run.h"

namespace ployz::cli {
namespace {

using std::chrono::minutes;

// One host on its way.
struct Host {
  std::string name;
  std::unique_ptr<RemoteHost> remote;
  HostFacts facts;
  std::vector<std::string> problems;
  bool touched = false;  // a failure is no refusal any more, also when everything was undone
  Result<Joined> end = Joined{};
  std::function<void(std::string_view)> say;
};

std::vector<Host> hosts_of(Session& session, const AddWish& wish) {
  std::vector<Host> hosts;
  for (const auto& name : wish.hosts) {
    Host host{name, wish.reach(name), {}, {}, false, {}, {}};
    host.say = [&session, name](std::string_view line) {
      session.progress(std::format("{}  {}", name, line));
    };
    hosts.push_back(std::move(host));
  }
  return hosts;
}

// Of the network's clock, as the daemon's own machine says it, to this computer's. An error: the network
// cannot take a machine in now, since its store does not answer; no host was touched yet.
Result<std::optional<int64_t>> network_offset_ms(Session& session, const ApiClient& client) {
  const uint64_t before = session.host().now_ms();
  const Json machines = TRY(client.machines());
  const uint64_t middle = (before + session.host().now_ms()) / 2;
  if (machines.contains("as_of")) {
    return fail(Code::unavailable, "the network's store does not answer, and nobody comes in meanwhile",
                "see: ployzctl doctor");
  }
  for (const Json& report : list_of(machines, "machines"))
    if (flag_of(report, "self") && flag_of(report, "reachable"))
      return static_cast<int64_t>(number_of(object_of(report, "facts"), "clock_ms")) -
             static_cast<int64_t>(middle);
  return std::nullopt;
}

void preflight(Session& session, Host& host, const AddWish& wish, std::optional<int64_t> offset_ms,
               const std::stop_token& stop) {
  // The first connection has to be made: its time is not the answer's.
  RunOptions hello;
  hello.timeout = minutes(1);
  hello.stop = stop;
  if (auto reached = host.remote->run({"true"}, hello); !reached) {
    host.problems.push_back(reached.error().line());
    return;
  }
  const uint64_t before = session.host().now_ms();
  auto facts = look_at(*host.remote, stop);
  const uint64_t after = session.host().now_ms();
  if (!facts) {
    host.problems.push_back(facts.error().line());
    return;
  }
  host.facts = std::move(*facts);
  PreflightWish want{std::string(our_arch()), wish.network, std::nullopt, after - before};
  if (offset_ms)  // its clock was read between the two
    want.skew_ms = static_cast<int64_t>(host.facts.clock_ms) -
                   (static_cast<int64_t>((before + after) / 2) + *offset_ms);
  host.problems = check_preflight(host.facts, want);
  if (host.facts.package_version != version() && wish.package.empty())
    host.problems.push_back(
        "there is no package to install there: --package ployz.deb, or PLOYZ_PACKAGE");
}

// Every problem at once, before anything is touched.
Status check_hosts(Session& session, std::vector<Host>& hosts, const AddWish& wish,
                   std::optional<int64_t> offset_ms, const std::stop_token& stop) {
  in_parallel(hosts.size(), kHostsAtOnce,
              [&](size_t i) { preflight(session, hosts[i], wish, offset_ms, stop); });
  if (stop.stop_requested())
    return fail(Code::canceled, "interrupted; nothing was changed", "the same command again");
  Error error{Code::precondition, Effect::none, {}, {}, {}};
  size_t not_ready = 0;
  for (const auto& host : hosts) {
    if (host.problems.empty()) {
      host.say("can become a machine");
      continue;
    }
    ++not_ready;
    for (const auto& problem : host.problems) {
      session.notice(std::format("{}  {}", host.name, problem));
      error.context.push_back({std::format("{} {}", host.name, error.context.size() + 1), problem});
    }
    error.message = std::format("{}: {}", host.name, host.problems[0]);
    if (host.problems.size() > 1)
      error.message += std::format(", and {} more", host.problems.size() - 1);
  }
  if (not_ready == 0) return {};
  if (not_ready > 1) error.message = std::format("{} hosts cannot become machines", not_ready);
  error.message += "; nothing was changed";
  error.hint = "put it right, then the same command again";
  return fail(std::move(error));
}

Status install(Host& host, const AddWish& wish, const std::stop_token& stop) {
  if (host.facts.package_version == version()) {
    host.say(std::format("Ployz {} is installed", version()));
    return {};
  }
  host.say("installing Ployz and what it needs");
  host.touched = true;
  TRY(install_package(*host.remote, host.facts, wish.package, stop));
  host.say("installed");
  return {};
}

// Also after Ctrl-C, so without the stop token.
void take_off(Host& host, Error& error) {
  const auto stays = uninstall(*host.remote, host.facts);
  const auto note = [&](const std::string& what) {
    host.say("stays: " + what);
    error.context.push_back({"stays", what});
  };
  if (!stays)
    note("what was installed: " + stays.error().line());
  else
    for (const auto& what : *stays) note(what);
  if (stays && stays->empty()) host.say("undo: the host is as it was found");
}

bool nothing_stays(const Error& error) {
  return std::ranges::none_of(error.context, [](const auto& one) { return one.key == "stays"; });
}

// It was removed while it was away and has noticed: what it was goes, what it has stays.
Status clean_removed(Host& host, const std::stop_token& stop) {
  if (!host.facts.removed) return {};
  host.say(std::format("was removed from network {}: it is cleaned, its datasets stay on its disk",
                       host.facts.network));
  host.touched = true;
  return remote_leave(*host.remote, host.facts.sudo_words(), true, stop);
}

Result<Joined> add_one(const ApiClient& client, Host& host, const AddWish& wish,
                       const std::stop_token& stop) {
  auto end = [&]() -> Result<Joined> {
    TRY(install(host, wish, stop));
    TRY(clean_removed(host, stop));
    return join_network({client, *host.remote, host.facts.sudo_words(), wish.name, host.say, stop,
                         &host.touched, host.facts.may_have_data()});
  }();
  if (end) {
    if (auto kept = keep_installed(*host.remote, host.facts); !kept) host.say(kept.error().line());
    host.say(end->unchanged ? "is a member already" : "active");
    return end;
  }
  // A machine that may be a member must not lose its programs, and one that was in the network
  // before and was not touched now has nothing of ours to lose.
  if (nothing_stays(end.error()) && (host.touched || host.facts.network.empty()))
    take_off(host, end.error());
  if (!nothing_stays(end.error())) {
    host.touched = true;
    if (end.error().effect == Effect::none) end.error().effect = Effect::applied;
  }
  return end;
}

Json outcome_json(const Host& host) {
  Json out{{"host", host.name},
           {"outcome", !host.end             ? "failed"
                       : host.end->unchanged ? "unchanged"
                                             : "added"}};
  if (host.end)
    out["machine"] = object_of(host.end->machine, "machine");
  else
    out["error"] = error_to_json(host.end.error());
  return out;
}

Answer failure_of(const Host& host, Error error) {
  Answer answer;
  answer.exit_code = host.touched ? 1 : exit_code_of(error);
  answer.error = std::move(error);
  return answer;
}

Result<Answer> answer_of(Session& session, std::vector<Host>& hosts) {
  if (hosts.size() == 1 && !hosts[0].end) return failure_of(hosts[0], hosts[0].end.error());
  Answer answer;
  Json list = Json::array();
  Table table({"HOST", "OUTCOME", "NAME", "SUBNET", "DETAIL"});
  bool changed = false;
  for (const auto& host : hosts) {
    Json one = outcome_json(host);
    const Json& machine = object_of(one, "machine");
    changed = changed || text_of(one, "outcome") == "added";
    if (!host.end) answer.exit_code = 1;
    table.row({host.name, text_of(one, "outcome"), text_of(machine, "name"),
               text_of(machine, "subnet"), host.end ? "" : host.end.error().line()});
    list.push_back(std::move(one));
  }
  answer.document = {{"outcome", answer.exit_code != 0 ? "failed"
                                 : changed             ? "added"
                                                       : "unchanged"},
                     {"machines", std::move(list)}};
  answer.text = table.render(session.style());
  return answer;
}

class StopOnInterrupt {
 public:
  explicit StopOnInterrupt(Session& session)
      : listening_(session.host().interrupts(), [this, &session] {
          session.notice("stopping; what was done is being undone (Ctrl-C again leaves at once)");
          source_.request_stop();
        }) {}
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  Interrupts::Listening listening_;
};

}  // namespace

Result<Answer> add_machines(Session& session, const AddWish& wish) {
  const ApiClient& client = *TRY(session.client());
  const Json mesh = TRY(client.mesh());
  if (text_of(mesh, "name") != wish.network)
    return fail(Code::precondition,
                std::format("this daemon belongs to network {}, not {}", text_of(mesh, "name"),
                            wish.network),
                "--context chooses another one: ployzctl mesh list");
  StopOnInterrupt stop(session);
  auto hosts = hosts_of(session, wish);
  const auto offset_ms = TRY(network_offset_ms(session, client));
  TRY(check_hosts(session, hosts, wish, offset_ms, stop.token()));
  in_parallel(hosts.size(), kHostsAtOnce, [&](size_t i) {
    hosts[i].end = add_one(client, hosts[i], wish, stop.token());
    if (!hosts[i].end) hosts[i].say("FAILED: " + hosts[i].end.error().line());
  });
  return answer_of(session, hosts);
}

Result<Answer> init_machine(Session& session, const AddWish& wish) {
  StopOnInterrupt stop(session);
  auto hosts = hosts_of(session, wish);
  TRY(check_hosts(session, hosts, wish, std::nullopt, stop.token()));
  Host& host = hosts.at(0);
  bool began = false;
  auto mesh = [&]() -> Result<Json> {
    TRY(install(host, wish, stop.token()));
    began = host.facts.network.empty();
    RunOptions options;
    options.timeout = minutes(5);
    options.stop = stop.token();
    host.say("founding network " + wish.network);
    return remote_ployzctl(*host.remote, host.facts.sudo_words(), {"mesh", "init", wish.network},
                           options);
  }();
  if (!mesh) {
    Error error = std::move(mesh).error();
    if (began) {
      const auto left = remote_leave(*host.remote, host.facts.sudo_words(),
                                     host.facts.may_have_data(), {});
      if (!left)
        error.context.push_back({"stays", "a half-founded network: " + left.error().line()});
    }
    if (host.facts.network.empty() && nothing_stays(error)) take_off(host, error);
    host.touched = host.touched || began;
    return failure_of(host, std::move(error));
  }
  if (auto kept = keep_installed(*host.remote, host.facts); !kept) host.say(kept.error().line());
  return Answer{{{"outcome", text_of(*mesh, "outcome")}, {"host", host.name}, {"mesh", *mesh}},
                std::format("network {}: {} on {}\nnext, there: ployzctl machine add --network {} "
                            "user@host\n",
                            wish.network, text_of(*mesh, "outcome"), host.name, wish.network)};
}

}  // namespace ployz::cli

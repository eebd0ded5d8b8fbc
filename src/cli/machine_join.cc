#include "cli/machine_join.h"

#include <format>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/render.h"

namespace ployz::cli {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kAsk{60};  // of a daemon that may just be starting
constexpr minutes kJoin{5};  // tunnel, leaf node, gateway, DNS
constexpr minutes kDestroy{2};

RunOptions options_of(std::chrono::milliseconds timeout, std::stop_token stop,
                      std::string input = {}) {
  RunOptions options;
  options.timeout = timeout;
  options.stop = std::move(stop);
  options.input = std::move(input);
  return options;
}

// What was done so far, taken back by undo(); dismissed by success.
class JoinUndo {
 public:
  explicit JoinUndo(const JoinWish& wish) : wish_(wish) {}

  std::string admitted;  // machine id; empty: nothing was admitted
  bool join_began = false;
  bool may_be_member = false;  // nobody knows how the activation ended

  void undo(Error& error) {
    if (!admitted.empty() && !withdraw(error) && may_be_member) return;
    if (join_began) leave(error);
  }

 private:
  void stays(Error& error, std::string what) {
    wish_.say("stays: " + what);
    error.context.push_back({"stays", std::move(what)});
  }

  bool withdraw(Error& error) {
    const auto done = wish_.network.machine_withdraw(admitted);
    if (done) {
      wish_.say("undo: admission withdrawn");
      return true;
    }
    if (done.error().code == Code::exists)
      stays(error, "the machine is a member: ployzctl machine ls");
    else
      stays(error,
            std::format("its admission, until it expires by itself: {}", done.error().line()));
    return false;
  }

  void leave(Error& error) {
    const auto done = remote_leave(wish_.host, wish_.sudo, wish_.keep_data, {});
    if (done)
      wish_.say("undo: the host left the network");
    else
      stays(error, std::format("what joined on the host ({}): ployzctl mesh destroy --force --yes, "
                               "there",
                               done.error().line()));
  }

  const JoinWish& wish_;
};

EventSink notes_of(const JoinWish& wish) {
  return [&wish](const Event& event) {
    if (!event.text.empty() && event.kind != Event::Kind::step_started) wish.say(event.text);
  };
}

// The record of a machine that is a member already; nullopt: it is not.
std::optional<Json> member(const ApiClient& network, const std::string& id) {
  const auto machines = network.machines();
  if (!machines) return std::nullopt;
  for (const Json& report : list_of(*machines, "machines"))
    if (text_of(object_of(report, "machine"), "id") == id) return report;
  return std::nullopt;
}

Status check_stop(const JoinWish& wish) {
  if (!wish.stop.stop_requested()) return {};
  return fail(Code::canceled, std::format("{}: interrupted", wish.host.name()),
              "the same command again goes on");
}

Result<Json> join_steps(const JoinWish& wish, const Json& record, JoinUndo& undo) {
  const auto events = notes_of(wish);
  // Before the call: it may have been admitted though its answer was lost.
  undo.admitted = text_of(record, "id");
  const Json bundle = TRY(abortable(wish.network, wish.stop, events,
                                    [&](const ApiClient& client, const EventSink& sink) {
                                      return client.machine_admit(record, wish.name, sink);
                                    }));
  const Json& machine = object_of(object_of(bundle, "admission"), "machine");
  wish.say(
      std::format("admitted as {} with {}", text_of(machine, "name"), text_of(machine, "subnet")));
  TRY(check_stop(wish));
  undo.join_began = true;
  if (wish.touched) *wish.touched = true;
  TRY(remote_ployzctl(wish.host, wish.sudo, {"mesh", "join", "--bundle-stdin"},
                      options_of(kJoin, wish.stop, to_text(bundle))));
  wish.say("joined; proving overlay, agent, router and transfers");
  TRY(check_stop(wish));
  const auto activate = [&](const ApiClient& client, const EventSink& sink) {
    return client.machine_activate(undo.admitted, sink);
  };
  undo.may_be_member = true;
  auto active = abortable(wish.network, wish.stop, events, activate);
  // Repeating it tells how it ended: for a member it is nothing.
  if (!active && active.error().effect == Effect::unknown)
    active = abortable(wish.network, wish.stop, events, activate);
  return active;
}

}  // namespace

Status remote_leave(RemoteHost& host, const std::vector<std::string>& sudo, bool keep_data,
                    std::stop_token stop) {
  std::vector<std::string> words{"mesh", "destroy", "--force", "--yes"};
  if (keep_data) words.emplace_back("--keep-data");
  TRY(remote_ployzctl(host, sudo, words, options_of(kDestroy, std::move(stop))));
  return {};
}

Result<Json> remote_ployzctl(RemoteHost& host, const std::vector<std::string>& sudo,
                             const std::vector<std::string>& words, RunOptions options) {
  auto argv = sudo;
  argv.insert(argv.end(), {"ployzctl", "--json"});
  argv.insert(argv.end(), words.begin(), words.end());
  const auto done = TRY(host.run(argv, options));
  auto json = parse_json(done.out);
  if (json && json->is_object() && json->contains("error"))
    return fail(error_from_json((*json)["error"]));
  if (done.ok() && json) return *json;
  const auto why = last_line(done.err);
  return fail(Code::internal, std::format("ployzctl {} {} on {} exited {}{}", words.at(0),
                                          words.size() > 1 ? words[1] : "", host.name(),
                                          done.exit.code, why.empty() ? "" : ": " + why));
}

Result<Json> abortable(
    const ApiClient& client, std::stop_token stop, const EventSink& events,
    const std::function<Result<Json>(const ApiClient&, const EventSink&)>& call) {
  std::mutex mutex;
  std::string id;
  bool wanted = false;
  std::jthread aborting;
  // With the lock held, once both the wish and the id are there.
  const auto abort_when_known = [&] {
    if (!wanted || id.empty() || aborting.joinable()) return;
    // Its events are those the main call tells already; its error is the main call's too.
    aborting = std::jthread([&client, id] { (void)client.abort(id, [](const Event&) {}); });
  };
  const std::stop_callback stopped(stop, [&] {
    const std::lock_guard lock(mutex);
    wanted = true;
    abort_when_known();
  });
  return call(client, [&](const Event& event) {
    {
      const std::lock_guard lock(mutex);
      if (id.empty()) id = event.operation.str();
      abort_when_known();
    }
    events(event);
  });
}

Result<Joined> join_network(const JoinWish& wish) {
  TRY(check_stop(wish));
  const Json record = TRY(
      remote_ployzctl(wish.host, wish.sudo, {"mesh", "self-record"}, options_of(kAsk, wish.stop)));
  const auto id = text_of(record, "id");
  if (id.empty())
    return fail(Code::corrupt, std::format("{} says nothing of itself", wish.host.name()));
  JoinUndo undo(wish);
  auto active = join_steps(wish, record, undo);
  if (active) return Joined{std::move(*active), false};
  if (active.error().code == Code::exists && !undo.join_began) {
    // Either the machine or only its name is known; only then is there nothing to take back.
    if (auto known = member(wish.network, id)) return Joined{std::move(*known), true};
  }
  Error error = std::move(active).error();
  if (error.code == Code::exists && !undo.join_began) return fail(std::move(error));
  undo.undo(error);
  return fail(std::move(error));
}

}  // namespace ployz::cli

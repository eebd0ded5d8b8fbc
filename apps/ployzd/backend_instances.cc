// The part of the API that talks to instances, wherever they run: logs through a machine stream, exec
// by RPC.
#include <algorithm>
#include <format>
#include <mutex>
#include <thread>

#include "agent/instance_logs.h"
#include "backend.h"
#include "base/ulid.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kOfferTimeout{5000};
constexpr milliseconds kExecSlack{10000};  // over the command's own time

std::string new_transfer(const LocalDrivers& drivers) {
  std::array<uint8_t, 10> random{};
  for (uint8_t& byte : random) byte = static_cast<uint8_t>(drivers.entropy.next_u64());
  return make_ulid(drivers.clock.wall_ms(), random);
}

Status remote_logs(Member& member, const MachineId& machine, const InstanceLogsRequest& request,
                   const InstanceLogSink& sink, const std::stop_token& stop) {
  const Json offered = TRY(member.rpc().call({machine, Target::agent, "logs_offer"},
                                             to_json(request), kOfferTimeout));
  const auto stream = TRY(member.transfers().dial(TRY(get_string(offered, "address")),
                                                  TRY(get_string(offered, "key")),
                                                  {"logs", request.transfer}, stop));
  const Status read = receive_logs(*stream, sink);
  if (!read && read.error().code == Code::canceled) return {};  // the client has gone
  return read;
}

}  // namespace

Result<std::vector<Backend::Located>> Backend::locate(const LogsRequest& request) {
  const auto member = TRY(node_.member());
  const Snapshot snapshot = TRY(member->engine().snapshot({}));
  std::vector<Located> all;
  size_t count = 0;
  for (const Machine& machine : snapshot.machines) {
    Located here{machine, {}};
    const auto facts = snapshot.facts.find(machine.id);
    if (facts == snapshot.facts.end()) continue;
    for (const FoundInstance& found : facts->second.instances) {
      const bool wanted = request.instance.empty() ? found.name_space == request.name_space &&
                                                         found.service == request.service
                                                   : found.id == request.instance;
      if (wanted && count < kMaxFollowed) {
        here.instances.push_back(found.id);
        ++count;
      }
    }
    if (!here.instances.empty()) all.push_back(std::move(here));
  }
  if (count > 0) return all;
  const std::string what =
      request.instance.empty()
          ? std::format("{}/{} has no instance", request.name_space.str(), request.service.str())
          : std::format("there is no instance {}", request.instance.str());
  if (snapshot.silent.empty()) return fail(Code::not_found, what, "list instances: ployzctl ps");
  std::string names;
  for (const Machine& machine : snapshot.machines) {
    if (snapshot.silent.contains(machine.id)) names += ' ' + machine.name;
  }
  return fail(Code::unavailable,
              std::format("{} on a machine that answers; these do not:{}", what, names),
              "ployzctl machine ls");
}

Status Backend::logs(const LogsRequest& request, const LogSink& sink, std::stop_token stop) {
  const auto member = TRY(node_.member());
  const std::vector<Located> located = TRY(locate(request));
  std::stop_source ending;
  const std::stop_callback forward(std::move(stop), [&ending] { ending.request_stop(); });
  std::mutex mutex;  // one chunk at a time, and the first error
  Status outcome;
  const InstanceLogSink pass_on = [&](const InstanceId& id, std::string_view text) {
    const std::scoped_lock lock(mutex);
    if (!ending.stop_requested() && sink({id, std::string(text)})) return true;
    ending.request_stop();
    return false;
  };
  const auto read = [&](const Located& place) {
    const InstanceLogsRequest part{new_transfer(node_.drivers()), place.instances, request.lines,
                                   request.follow};
    const bool here = place.machine.id == member->identity().machine.id;
    Status ended = here ? read_logs(node_.drivers().containers, part, pass_on, ending.get_token())
                        : remote_logs(*member, place.machine.id, part, pass_on, ending.get_token());
    const std::scoped_lock lock(mutex);
    if (!ended && outcome) outcome = fail(std::move(ended).error().at(place.machine.name));
  };
  {
    std::vector<std::jthread> readers;
    for (const Located& place : located) readers.emplace_back([&read, &place] { read(place); });
  }
  return outcome;
}

Result<ExecResult> Backend::exec(const ExecRequest& request) {
  const auto member = TRY(node_.member());
  const milliseconds timeout(request.timeout_ms);
  Containers& containers = node_.drivers().containers;
  if (TRY(containers.find(request.instance))) {
    return containers.exec(request.instance, request.command, timeout);
  }
  LogsRequest wanted;
  wanted.instance = request.instance;
  const Located place = TRY(locate(wanted)).front();
  const Json answer = TRY(member->rpc().call({place.machine.id, Target::agent, "exec"},
                                             to_json(request), timeout + kExecSlack));
  ExecResult result;
  result.exit_code = static_cast<int>(TRY(get_int(answer, "exit_code")));
  result.output = TRY(get_string(answer, "output"));
  return result;
}

}  // namespace ployz

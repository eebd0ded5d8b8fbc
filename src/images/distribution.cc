#include "images/distribution.h"

#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <mutex>

#include "base/ulid.h"
#include "ports/image_request.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAskTimeout{5000};     // of what an engine answers at once
constexpr milliseconds kFetchTimeout{10000};  // over the time a fetch waits by itself
constexpr int kLostFetches = 6;               // answers missing in a row before we give up: a minute
constexpr uint64_t kProgressMs = 1000;

RpcAddress agent(const MachineId& machine, std::string command) {
  return {machine, Target::agent, std::move(command)};
}

std::vector<Result<ImageLayersReply>> ask_all(std::string_view reference,
                                              const std::vector<Machine>& machines,
                                              MachineRpc& rpc) {
  std::vector<MachineRpc::Call> calls;
  for (const Machine& machine : machines) {
    calls.push_back({agent(machine.id, "image_layers"),
                     to_json(ImageLayersRequest{std::string(reference), {}})});
  }
  std::vector<Result<ImageLayersReply>> replies;
  for (const auto& reply : rpc.call_all(calls, kAskTimeout)) {
    replies.push_back(reply ? image_layers_reply_from_json(*reply) : fail(reply.error()));
  }
  return replies;
}

std::string mebibytes(uint64_t bytes) {
  return std::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

struct Source {
  Machine machine;
  ImageLayersReply image;
};

class Distribution {
 public:
  Distribution(const DistributeRequest& request, const DistributionPorts& ports,
               const std::function<void(const Event&)>& events, std::stop_token cancel)
      : request_(request), ports_(ports), events_(events), cancel_(std::move(cancel)) {
    std::array<uint8_t, 10> random{};
    for (uint8_t& byte : random) byte = static_cast<uint8_t>(ports_.entropy.next_u64());
    operation_ = OperationId(make_ulid(ports_.clock.wall_ms(), random));
  }

  Result<std::vector<DistributeReport>> run(std::vector<Machine> machines);

 private:
  [[nodiscard]] Result<Source> choose_source() const;
  [[nodiscard]] Result<std::vector<size_t>> choose_destinations() const;
  [[nodiscard]] DistributeReport report_for(size_t index) const;
  void send(size_t index, DistributeReport& report);
  [[nodiscard]] Status attempt(const Machine& to, size_t shared, int number,
                               DistributeReport& report);
  [[nodiscard]] Result<ImageFetchReply> follow(const Machine& to, ImageFetchRequest request);
  void tell(std::string text, Event::Kind kind = Event::Kind::note);

  const DistributeRequest& request_;
  const DistributionPorts& ports_;
  const std::function<void(const Event&)>& events_;
  const std::stop_token cancel_;
  OperationId operation_;
  std::vector<Machine> machines_;  // sorted by name
  std::vector<Result<ImageLayersReply>> present_;  // what each says
  Source source_;
  std::mutex mutex_;  // one event at a time
};

void Distribution::tell(std::string text, Event::Kind kind) {
  const std::lock_guard lock(mutex_);
  events_(Event{operation_, ports_.clock.wall_ms(), Phase::apply, kind, std::move(text)});
}

Result<Source> Distribution::choose_source() const {
  std::optional<Source> found;
  for (size_t i = 0; i < machines_.size(); ++i) {
    const bool named = machines_[i].id == request_.from;
    if (!request_.from.empty() && !named) continue;
    if (named && !present_[i]) return fail(present_[i].error());
    if (!present_[i] || present_[i]->image_id.empty()) continue;
    if (found && found->image.image_id != present_[i]->image_id) {
      return fail(Code::conflict,
                  std::format("{} is another image on {} than on {}", request_.reference,
                              machines_[i].name, found->machine.name),
                  "name the machine to take it from: --from MACHINE");
    }
    if (!found) found = Source{machines_[i], *present_[i]};
  }
  if (found) return *std::move(found);
  const auto from = std::ranges::find(machines_, request_.from, &Machine::id);
  return fail(Code::not_found,
              request_.from.empty()
                  ? std::format("no machine that answers has image {}", request_.reference)
              : from == machines_.end()
                  ? std::format("there is no machine {}", request_.from.str())
                  : std::format("{} has no image {}", from->name, request_.reference),
              std::format("ployzctl image status {}", request_.reference));
}

Result<std::vector<size_t>> Distribution::choose_destinations() const {
  std::vector<size_t> indexes;
  for (size_t i = 0; i < machines_.size(); ++i) {
    if (request_.to.empty() ? machines_[i].id != source_.machine.id
                            : std::ranges::contains(request_.to, machines_[i].id)) {
      indexes.push_back(i);
    }
  }
  for (const MachineId& wanted : request_.to) {
    if (!std::ranges::contains(machines_, wanted, &Machine::id)) {
      return fail(Code::not_found, std::format("there is no machine {}", wanted.str()),
                  "ployzctl machine ls");
    }
  }
  return indexes;
}

DistributeReport Distribution::report_for(size_t index) const {
  DistributeReport report;
  report.machine = machines_[index].id;
  report.machine_name = machines_[index].name;
  if (!present_[index]) {
    report.error = present_[index].error();
  } else {
    report.had_it = present_[index]->image_id == source_.image.image_id;
  }
  return report;
}

Result<std::vector<DistributeReport>> Distribution::run(std::vector<Machine> machines) {
  machines_ = std::move(machines);
  std::ranges::sort(machines_, {}, &Machine::name);
  tell(std::format("looking for image {}", request_.reference));
  present_ = ask_all(request_.reference, machines_, ports_.rpc);
  source_ = TRY(choose_source());
  const std::vector<size_t> destinations = TRY(choose_destinations());
  std::vector<DistributeReport> reports;
  for (const size_t index : destinations) reports.push_back(report_for(index));
  std::vector<std::function<void()>> lanes;  // each takes the next destination that is left
  std::mutex mutex;
  size_t next = 0;
  for (size_t i = 0; i < std::min(kParallelDistributions, reports.size()); ++i) {
    lanes.emplace_back([&] {
      while (true) {
        std::unique_lock lock(mutex);
        if (next == reports.size()) return;
        const size_t mine = next++;
        lock.unlock();
        if (!reports[mine].error && !reports[mine].had_it) send(destinations[mine], reports[mine]);
      }
    });
  }
  ports_.executor.run_all(std::move(lanes), milliseconds(1000), [] {});
  return reports;
}

void Distribution::send(size_t index, DistributeReport& report) {
  const Machine& to = machines_[index];
  tell(std::format("{}: from {}", to.name, source_.machine.name), Event::Kind::step_started);
  const auto sent = [&]() -> Status {
    const auto answer =
        TRY(ports_.rpc.call(agent(to.id, "image_layers"),
                            to_json(ImageLayersRequest{request_.reference, source_.image.layers}),
                            kAskTimeout));
    const size_t shared = TRY(image_layers_reply_from_json(answer)).shared;
    Status first = attempt(to, shared, 1, report);
    if (first || first.error().code != Code::corrupt || shared == 0) return first;
    tell(std::format("{}: a layer went away there meanwhile; sending all of them", to.name));
    return attempt(to, 0, 2, report);
  }();
  if (sent) {
    tell(std::format("{}: {} sent in {} layers", to.name, mebibytes(report.sent_bytes),
                     report.layers_sent),
         Event::Kind::step_done);
  } else {
    report.error = sent.error();
    tell(std::format("{}: {}", to.name, sent.error().line()), Event::Kind::step_failed);
  }
}

Status Distribution::attempt(const Machine& to, size_t shared, int number,
                             DistributeReport& report) {
  if (cancel_.stop_requested()) return fail(Code::canceled, "canceled");
  const std::string transfer =
      std::format("{}-{}-{}", operation_.str(), to.id.str(), number);
  const ImageOfferReply offered = TRY(image_offer_reply_from_json(
      TRY(ports_.rpc.call(agent(source_.machine.id, "image_offer"),
                          to_json(ImageOfferRequest{transfer, source_.image.image_id, shared}),
                          kAskTimeout))));
  ImageFetchRequest fetch{transfer,    source_.image.image_id, request_.reference,
                          offered.key, offered.address};
  const ImageFetchReply done = TRY(follow(to, std::move(fetch)));
  report.sent_bytes += done.bytes;
  report.layers_sent = done.layers;
  return {};
}

Result<ImageFetchReply> Distribution::follow(const Machine& to, ImageFetchRequest request) {
  int lost = 0;
  uint64_t told_ms = ports_.clock.steady_ms();
  while (true) {
    request.cancel = cancel_.stop_requested();
    const auto answer =
        ports_.rpc.call(agent(to.id, "image_fetch"), to_json(request), kFetchTimeout);
    if (!answer) {
      // The handler's own errors are final; a lost reply is not: the fetch goes on there.
      if (answer.error().code != Code::timeout || ++lost >= kLostFetches) {
        return fail(answer.error());
      }
      continue;
    }
    lost = 0;
    const ImageFetchReply reply = TRY(image_fetch_reply_from_json(*answer));
    if (reply.done) return reply;
    if (ports_.clock.steady_ms() - told_ms >= kProgressMs && reply.total_bytes > 0) {
      told_ms = ports_.clock.steady_ms();
      tell(std::format("{}: {} of {}", to.name, mebibytes(reply.bytes),
                       mebibytes(reply.total_bytes)));
    }
  }
}

}  // namespace

Result<std::vector<DistributeReport>> distribute_image(
    const DistributeRequest& request, const std::vector<Machine>& machines,
    const DistributionPorts& ports, const std::function<void(const Event&)>& events,
    std::stop_token cancel) {
  return Distribution(request, ports, events, std::move(cancel)).run(machines);
}

std::vector<ImageStatus> image_status(std::string_view reference,
                                      const std::vector<Machine>& machines, MachineRpc& rpc) {
  const auto replies = ask_all(reference, machines, rpc);
  std::vector<ImageStatus> all;
  for (size_t i = 0; i < machines.size(); ++i) {
    ImageStatus status{machines[i].id, machines[i].name, {}, {}};
    if (replies[i]) {
      status.image_id = replies[i]->image_id;
    } else {
      status.silent = replies[i].error();
    }
    all.push_back(std::move(status));
  }
  std::ranges::sort(all, {}, &ImageStatus::machine_name);
  return all;
}

}  // namespace ployz

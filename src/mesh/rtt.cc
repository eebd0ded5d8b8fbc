#include "mesh/rtt.h"

#include <algorithm>
#include <format>

#include "base/check.h"

namespace ployz {
namespace {

constexpr auto kAnswerTimeout = kEchoTimeout * kEchoes + std::chrono::seconds(2);

Json to_json(const RoundTrips& trips) {
  return {{"to", trips.to.str()},       {"median_us", trips.median_us},
          {"deviation_us", trips.deviation_us}, {"samples", trips.samples},
          {"lost", trips.lost},         {"error", trips.error}};
}

Result<RoundTrips> round_trips_from_json(const Json& json) {
  RoundTrips trips;
  trips.to = MachineId(TRY(get_string(json, "to")));
  trips.median_us = TRY(get_uint(json, "median_us"));
  trips.deviation_us = TRY(get_uint(json, "deviation_us"));
  trips.samples = static_cast<uint32_t>(TRY(get_uint(json, "samples")));
  trips.lost = static_cast<uint32_t>(TRY(get_uint(json, "lost")));
  trips.error = TRY(get_string(json, "error"));
  return trips;
}

RoundTrips measure(const RttTarget& target, Echo& echo) {
  std::vector<uint64_t> samples;
  uint32_t lost = 0;
  std::string error;
  for (int i = 0; i < kEchoes; ++i) {
    const auto answered = echo.echo(target.address, kEchoTimeout);
    if (answered) {
      samples.push_back(*answered);
      continue;
    }
    ++lost;
    error = answered.error().message;
    if (samples.empty() && lost == kGiveUpAfter) break;
  }
  RoundTrips trips = summarize(std::move(samples), lost);
  trips.to = target.machine;
  if (trips.samples == 0) trips.error = error;
  return trips;
}

Result<std::vector<RoundTrips>> parse_answer(const Result<Json>& answer) {
  if (!answer) return fail(answer.error());
  std::vector<RoundTrips> all;
  for (const Json& json : TRY(get_array(*answer, "round_trips"))) {
    all.push_back(TRY(round_trips_from_json(json)));
  }
  return all;
}

}  // namespace

uint64_t median(std::vector<uint64_t> samples_us) {
  check(!samples_us.empty(), "a median of something");
  const auto middle = samples_us.begin() + static_cast<ptrdiff_t>(samples_us.size() / 2);
  std::ranges::nth_element(samples_us, middle);
  return *middle;
}

RoundTrips summarize(std::vector<uint64_t> samples_us, uint32_t lost) {
  RoundTrips trips;
  trips.lost = lost;
  trips.samples = static_cast<uint32_t>(samples_us.size());
  if (samples_us.empty()) return trips;
  trips.median_us = median(samples_us);
  for (uint64_t& sample : samples_us) {
    sample = sample > trips.median_us ? sample - trips.median_us : trips.median_us - sample;
  }
  trips.deviation_us = median(std::move(samples_us));
  return trips;
}

Result<Json> measure_round_trips(const MachineId& self, const RttRequest& request, Echo& echo,
                                 Executor& executor) {
  std::vector<RoundTrips> results(request.targets.size());
  std::vector<std::function<void()>> tasks;
  for (size_t i = 0; i < request.targets.size(); ++i) {
    tasks.push_back([&, i] { results[i] = measure(request.targets[i], echo); });
  }
  if (!tasks.empty()) executor.run_all(std::move(tasks), std::chrono::seconds(1), {});
  Json list = Json::array();
  for (const RoundTrips& trips : results) list.push_back(to_json(trips));
  return Json{{"machine", self.str()}, {"round_trips", std::move(list)}};
}

std::vector<RoundTrips> round_trips(const std::vector<Machine>& machines, MachineRpc& rpc) {
  std::vector<MachineRpc::Call> calls;
  for (const Machine& from : machines) {
    RttRequest request;
    for (const Machine& to : machines) {
      if (to.id != from.id) request.targets.push_back({to.id, to.overlay_address});
    }
    calls.push_back({{from.id, Target::agent, "rtt"}, to_json(request)});
  }
  const auto answers = rpc.call_all(calls, kAnswerTimeout);
  std::vector<RoundTrips> all;
  for (size_t i = 0; i < machines.size(); ++i) {
    const auto measured = parse_answer(answers[i]);
    for (const Machine& to : machines) {
      if (to.id == machines[i].id) continue;
      RoundTrips trips;
      trips.error = measured ? "not measured" : measured.error().message;
      if (measured) {
        const auto it = std::ranges::find(*measured, to.id, &RoundTrips::to);
        if (it != measured->end()) trips = *it;
      }
      trips.from = machines[i].id;
      trips.to = to.id;
      all.push_back(std::move(trips));
    }
  }
  return all;
}

}  // namespace ployz

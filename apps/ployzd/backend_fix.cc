// doctor --fix: what doctor finds and can mend, as far as it was asked for. Whoever asks has seen a
// report; what is done is what a new look finds of it.
#include <algorithm>
#include <format>

#include "backend.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

// For a unit to start, or a container to stop.
constexpr milliseconds kMendTime{30'000};
// For what was mended to be seen: a router that was restarted reads the store first.
constexpr uint64_t kSettledWithinMs = 15'000;
constexpr milliseconds kLookAgain{500};

bool finds(const DoctorReport& report, const WantedFix& wanted) {
  return std::ranges::any_of(report.findings, [&](const Finding& finding) {
    return finding.machine == wanted.machine && finding.fix == wanted.fix;
  });
}

std::string text_of(const WantedFix& wanted) {
  return describe(wanted.fix) + (wanted.machine.empty() ? "" : " on " + wanted.machine);
}

}  // namespace

Status Backend::mend_on(const ClusterView& view, const WantedFix& wanted, const EventSink& events,
                        std::stop_token cancel) {
  if (wanted.fix.kind == FixKind::finish_operation) {
    const Operation ended = TRY(resume(OperationId(wanted.fix.target), events, std::move(cancel)));
    if (ended.ended()) return {};
    return fail(ended.error.value_or(Error{Code::unavailable,
                                           Effect::none,
                                           "its cleanup is still pending",
                                           "ployzctl op show " + wanted.fix.target,
                                           {}}));
  }
  const auto member = TRY(node_.member());
  const auto found = std::ranges::find(view.machines, wanted.machine,
                                       [](const MachineView& one) { return one.machine.name; });
  if (found == view.machines.end()) {
    return fail(Code::not_found, std::format("no machine '{}'", wanted.machine));
  }
  // Its own NATS may be what is to be started.
  if (found->machine.id == view.self) return member->mend(wanted.fix);
  (void)TRY(member->rpc().call({found->machine.id, Target::agent, std::string(kMend)},
                               to_json(wanted.fix), kMendTime));
  return {};
}

Result<DoctorReport> Backend::look_after(const FixRequest& request,
                                         const std::vector<FixDone>& fixes,
                                         const std::stop_token& cancel) {
  Clock& clock = node_.drivers().clock;
  const uint64_t until = clock.steady_ms() + kSettledWithinMs;
  while (true) {
    DoctorReport report = TRY(doctor(request.machines));
    const bool settled = std::ranges::none_of(
        fixes, [&](const FixDone& done) { return !done.error && finds(report, done.wanted); });
    if (settled || clock.steady_ms() >= until || !clock.sleep_for(kLookAgain, cancel)) {
      return report;
    }
  }
}

Result<FixReport> Backend::doctor_fix(const FixRequest& request, const EventSink& events,
                                      std::stop_token cancel) {
  const Progress tell = progress_to(events);
  const ClusterView view = TRY(look_at(request.machines));
  const DoctorReport found = report_of(view);
  FixReport report;
  for (const WantedFix& wanted : request.fixes) {
    const bool again = std::ranges::contains(report.fixes, wanted, &FixDone::wanted);
    if (again || !finds(found, wanted) || cancel.stop_requested()) continue;
    tell(text_of(wanted));
    FixDone done{wanted, {}};
    if (Status mended = mend_on(view, wanted, events, cancel); !mended) {
      done.error = std::move(mended).error();
      tell(std::format("not done: {}", done.error->line()));
    }
    report.fixes.push_back(std::move(done));
  }
  report.left = TRY(look_after(request, report.fixes, cancel));
  return report;
}

}  // namespace ployz

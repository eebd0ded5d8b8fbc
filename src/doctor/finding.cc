#include "doctor/finding.h"

#include <algorithm>

namespace ployz {

Severity DoctorReport::worst() const {
  Severity worst = Severity::ok;
  for (const Finding& finding : findings) worst = std::max(worst, finding.severity);
  return worst;
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

Json to_json(const Finding& finding) {
  return {{"severity", to_string(finding.severity)},
          {"topic", finding.topic},
          {"machine", finding.machine},
          {"what", finding.what},
          {"run", finding.run},
          {"run_on", finding.run_on},
          {"fix", finding.fix ? to_json(*finding.fix) : Json()}};
}

Json to_json(const DoctorReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(to_json(finding));
  return {{"worst", to_string(report.worst())},
          {"machines", report.machines},
          {"findings", std::move(findings)}};
}

bool FixReport::failed() const {
  return std::ranges::any_of(fixes, [](const FixDone& done) { return done.error.has_value(); });
}

Json to_json(const FixRequest& request) {
  Json fixes = Json::array();
  for (const WantedFix& wanted : request.fixes) {
    fixes.push_back({{"machine", wanted.machine}, {"fix", to_json(wanted.fix)}});
  }
  return {{"machines", request.machines}, {"fixes", std::move(fixes)}};
}

Result<FixRequest> fix_request_from_json(const Json& json) {
  FixRequest request;
  request.machines = TRY(get_strings(json, "machines"));
  for (const Json& wanted : TRY(get_array(json, "fixes"))) {
    request.fixes.push_back(
        {TRY(get_string(wanted, "machine")), TRY(fix_from_json(TRY(get_object(wanted, "fix"))))});
  }
  return request;
}

Json to_json(const FixReport& report) {
  Json fixes = Json::array();
  for (const FixDone& done : report.fixes) {
    fixes.push_back({{"machine", done.wanted.machine},
                     {"fix", to_json(done.wanted.fix)},
                     {"done", !done.error},
                     {"error", done.error ? error_to_json(*done.error) : Json()}});
  }
  Json json = to_json(report.left);
  json["outcome"] = report.failed() ? "failed" : report.fixes.empty() ? "unchanged" : "fixed";
  json["fixes"] = std::move(fixes);
  return json;
}

}  // namespace ployz

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
          {"run_on", finding.run_on}};
}

Json to_json(const DoctorReport& report) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(to_json(finding));
  return {{"worst", to_string(report.worst())},
          {"machines", report.machines},
          {"findings", std::move(findings)}};
}

}  // namespace ployz

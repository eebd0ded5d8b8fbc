// What doctor finds: each is something that is not as it should be, and the command to run.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace ployz {

enum class Severity {
  ok,       // only of a whole report: nothing was found
  warning,  // it works, and somebody should look
  error,    // something does not work, or will not when it is needed
};

struct Finding {
  Severity severity = Severity::error;
  std::string topic;    // "unit", "store", "peer", …: for programs to choose by
  std::string machine;  // its name; empty: the cluster's
  std::string what;     // one line
  std::string run;      // the command to run
  std::string run_on;   // on this machine; empty: wherever ployzctl is
  bool operator==(const Finding&) const = default;
};

struct DoctorReport {
  std::vector<std::string> machines;  // that were looked at, by name
  std::vector<Finding> findings;      // errors first, then by machine
  bool operator==(const DoctorReport&) const = default;

  [[nodiscard]] Severity worst() const;
};

[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] Json to_json(const Finding& finding);
[[nodiscard]] Json to_json(const DoctorReport& report);

}  // namespace ployz

// What doctor finds: each is something that is not as it should be, and the command to run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "doctor/fix.h"

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
  std::optional<Fix> fix = {};  // `doctor --fix` can do it, on `machine`
  bool operator==(const Finding&) const = default;
};

struct DoctorReport {
  std::vector<std::string> machines;  // that were looked at, by name
  std::vector<Finding> findings;      // errors first, then by machine
  bool operator==(const DoctorReport&) const = default;

  [[nodiscard]] Severity worst() const;
};

// Of a finding: what is to be mended, and of which machine. As it was shown to whoever asks for it.
struct WantedFix {
  std::string machine;  // Finding::machine
  Fix fix;
  bool operator==(const WantedFix&) const = default;
};

struct FixRequest {
  std::vector<std::string> machines;  // that are looked at, by name or id; none: all, and the cluster
  std::vector<WantedFix> fixes;
  bool operator==(const FixRequest&) const = default;
};

struct FixDone {
  WantedFix wanted;
  std::optional<Error> error;  // it was tried, and why it is not done
};

struct FixReport {
  std::vector<FixDone> fixes;  // that were still wanting when they were to be done, in this order
  DoctorReport left;           // what is found after that

  [[nodiscard]] bool failed() const;
};

[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] Json to_json(const Finding& finding);
[[nodiscard]] Json to_json(const DoctorReport& report);
[[nodiscard]] Json to_json(const FixRequest& request);
// `invalid` names the field.
[[nodiscard]] Result<FixRequest> fix_request_from_json(const Json& json);
// As of the report of what is left, with "fixes", and "outcome": "fixed", "failed" or "unchanged".
[[nodiscard]] Json to_json(const FixReport& report);

}  // namespace ployz

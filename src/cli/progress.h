// Events of an operation as lines for people: one a step, one a phase, with times.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "model/operation.h"

namespace ployz::cli {

class ProgressLines {
 public:
  // Empty: nothing worth a line.
  [[nodiscard]] std::string line(const Event& event);

 private:
  std::map<Phase, uint64_t> phase_started_ms_;
};

}  // namespace ployz::cli

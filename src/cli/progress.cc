#include "cli/progress.h"

#include <format>

#include "cli/table.h"

namespace ployz::cli {

std::string ProgressLines::line(const Event& event) {
  const auto line = [&](std::string_view text) {
    return std::format("{:<8}{}", to_string(event.phase), text);
  };
  switch (event.kind) {
    case Event::Kind::phase_started:
      phase_started_ms_[event.phase] = event.at_ms;
      return {};
    case Event::Kind::phase_done: {
      const auto started = phase_started_ms_.find(event.phase);
      if (started == phase_started_ms_.end()) return line("done");
      const uint64_t took = event.at_ms - std::min(event.at_ms, started->second);
      return line(std::format("done in {}", format_duration(took)));
    }
    case Event::Kind::step_started:
      return {};
    case Event::Kind::step_done:
    case Event::Kind::progress:
      return line(event.text);
    case Event::Kind::step_failed:
      return line("FAILED: " + event.text);
    case Event::Kind::undo:
      return line("undo: " + event.text);
    case Event::Kind::note:
      return event.operation.empty() ? event.text : line(event.text);
  }
  return {};
}

}  // namespace ployz::cli

// The operator's computer as the commands see it. Injected, so that tests run commands without a
// terminal, an engine or a home directory.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/subprocess.h"
#include "cli/interrupts.h"

namespace ployz::cli {

class CliHost {
 public:
  virtual ~CliHost() = default;

  // Empty values count as absent.
  [[nodiscard]] virtual std::optional<std::string> env(const std::string& name) = 0;
  virtual void write_out(std::string_view text) = 0;
  virtual void write_err(std::string_view text) = 0;
  // `invalid` when there is more than `limit`.
  [[nodiscard]] virtual Result<std::string> read_stdin(size_t limit) = 0;
  [[nodiscard]] virtual bool out_is_terminal() = 0;
  [[nodiscard]] virtual bool err_is_terminal() = 0;
  // Columns of the terminal; 0: not a terminal.
  [[nodiscard]] virtual size_t width() = 0;
  [[nodiscard]] virtual uint64_t now_ms() = 0;
  [[nodiscard]] virtual bool is_root() = 0;
  // Before something is asked again, a bounded number of times.
  virtual void pause(std::chrono::milliseconds duration) = 0;
  // As ployz::run.
  [[nodiscard]] virtual Result<Finished> run(const Command& command, const RunOptions& options) = 0;
  // With our own terminal; returns its exit code.
  [[nodiscard]] virtual Result<int> run_here(const Command& command) = 0;
  [[nodiscard]] virtual Interrupts& interrupts() = 0;
};

}  // namespace ployz::cli

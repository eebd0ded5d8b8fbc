// StepJournal in one SQLite file: WAL, synchronous = FULL, so that what was recorded survives a
// loss of power (sqlite.org/wal.html#performance_considerations).
#pragma once

#include <filesystem>
#include <memory>

#include "ports/clock.h"
#include "ports/step_journal.h"

namespace ployz {

// Creates the file when it is absent. `corrupt`: it is no journal or damaged, the hint says what
// to do; `unsupported`: of a newer Ployz; `unavailable`: cannot be opened, or the disk is full.
// Its calls return the last two as well. `clock` outlives the journal.
[[nodiscard]] Result<std::unique_ptr<StepJournal>> open_step_journal(
    const std::filesystem::path& file, Clock& clock);

}  // namespace ployz

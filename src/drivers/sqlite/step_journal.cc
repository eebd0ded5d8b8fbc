#include "drivers/sqlite/step_journal.h"

#include <format>
#include <mutex>

#include "drivers/sqlite/database.h"

namespace ployz {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr int kSchemaVersion = 1;
// At once: a daemon that dies in the middle finds it whole or not at all.
constexpr const char* kSchema = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS steps (operation TEXT NOT NULL, step TEXT NOT NULL, verb INTEGER NOT NULL,
                      result TEXT NOT NULL, at_ms INTEGER NOT NULL,
                      PRIMARY KEY (operation, step, verb)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS attempts (operation TEXT PRIMARY KEY, attempt INTEGER NOT NULL,
                         at_ms INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = 1;
  COMMIT;
)";

class SqliteStepJournal final : public StepJournal {
 public:
  SqliteStepJournal(Database database, Clock& clock)
      : database_(std::move(database)), clock_(clock) {}

  Status admit(const OperationId& operation, uint64_t attempt) override {
    const std::lock_guard lock(mutex_);
    Statement read = TRY(database_.prepare("SELECT attempt FROM attempts WHERE operation = ?"));
    read.bind(1, operation.str());
    if (TRY(read.step())) {
      const uint64_t seen = read.unsigned_at(0);
      if (attempt == seen) return {};  // the common case writes nothing
      if (attempt < seen) {
        return fail(Code::conflict, std::format("operation {} is at attempt {}, not {} any more",
                                                operation.str(), seen, attempt));
      }
    }
    Statement write = TRY(database_.prepare("INSERT OR REPLACE INTO attempts VALUES (?, ?, ?)"));
    write.bind(1, operation.str());
    write.bind(2, attempt);
    write.bind(3, clock_.wall_ms());
    return write.run();
  }

  Result<std::optional<Json>> find(const StepKey& key) override {
    const std::lock_guard lock(mutex_);
    Statement read = TRY(database_.prepare(
        "SELECT result FROM steps WHERE operation = ? AND step = ? AND verb = ?"));
    bind_key(read, key);
    if (!TRY(read.step())) return std::nullopt;
    auto result = parse_json(read.text_at(0));
    if (!result) return database_.corrupt("a recorded result does not parse");
    return std::optional<Json>(std::move(*result));
  }

  Status record(const StepKey& key, const Json& result) override {
    const std::lock_guard lock(mutex_);
    Statement write =
        TRY(database_.prepare("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?)"));
    bind_key(write, key);
    write.bind(4, to_text(result));
    write.bind(5, clock_.wall_ms());
    return write.run();
  }

  Status prune(uint64_t before_ms) override {
    const std::lock_guard lock(mutex_);
    TRY(database_.execute("BEGIN IMMEDIATE"));
    const Status done = delete_older(before_ms);
    TRY(database_.execute(done ? "COMMIT" : "ROLLBACK"));
    return done;
  }

 private:
  static void bind_key(Statement& statement, const StepKey& key) {
    statement.bind(1, key.operation.str());
    statement.bind(2, key.step.str());
    statement.bind(3, key.verb == StepVerb::undo ? 1u : 0u);
  }

  Status delete_older(uint64_t before_ms) {
    // An operation goes as a whole, once nothing of it is newer.
    for (const char* sql :
         {"DELETE FROM steps WHERE operation NOT IN (SELECT operation FROM steps WHERE at_ms >= ?1"
          " UNION SELECT operation FROM attempts WHERE at_ms >= ?1)",
          "DELETE FROM attempts WHERE at_ms < ?1 AND operation NOT IN (SELECT operation FROM "
          "steps)"}) {
      Statement remove = TRY(database_.prepare(sql));
      remove.bind(1, before_ms);
      TRY(remove.run());
    }
    return {};
  }

  std::mutex mutex_;  // one connection, one user at a time
  Database database_;
  Clock& clock_;
};

Status set_up(Database& database) {
  TRY(database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"));
  Statement check = TRY(database.prepare("PRAGMA quick_check(1)"));
  if (!TRY(check.step()) || check.text_at(0) != "ok") {
    return database.corrupt("quick_check failed");
  }
  Statement version = TRY(database.prepare("PRAGMA user_version"));
  (void)TRY(version.step());
  const uint64_t found = version.unsigned_at(0);
  if (found > kSchemaVersion) {
    return fail(Code::unsupported, std::format("{} was written by a newer Ployz (version {})",
                                               database.file(), found));
  }
  return found == kSchemaVersion ? Status{} : database.execute(kSchema);
}

}  // namespace

Result<std::unique_ptr<StepJournal>> open_step_journal(const std::filesystem::path& file,
                                                       Clock& clock) {
  Database database = TRY(Database::open(file));
  TRY(set_up(database));
  return std::make_unique<SqliteStepJournal>(std::move(database), clock);
}

}  // namespace ployz

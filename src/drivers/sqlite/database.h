// SQLite as values and Results: just what the journal needs. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace ployz::sqlite {

class Database;

class Statement {
 public:
  // Positions begin with 1. Text is copied.
  void bind(int position, std::string_view text);
  void bind(int position, uint64_t number);
  // True: a row is there. Errors as Database.
  [[nodiscard]] Result<bool> step();
  // To the end.
  [[nodiscard]] Status run();
  // Columns begin with 0; of the present row.
  [[nodiscard]] std::string text_at(int column) const;
  [[nodiscard]] uint64_t unsigned_at(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(const Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Errors: `corrupt` (with a hint), `unavailable` (disk full, I/O, locked), `internal` (our SQL).
class Database {
 public:
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& file);

  // One or several statements without results.
  [[nodiscard]] Status execute(const char* sql);
  // The statement must not outlive the database.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::unexpected<Error> corrupt(std::string_view why) const;
  [[nodiscard]] std::unexpected<Error> failure() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::string file_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace ployz::sqlite

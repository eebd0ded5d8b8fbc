#include "drivers/sqlite/database.h"

#include <sqlite3.h>

#include <cstring>
#include <format>

namespace ployz::sqlite {
namespace {

// Only a backup tool would hold the lock; it is gone in a moment.
constexpr int kBusyTimeoutMs = 2000;

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::bind(int position, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), position, text.data(), text.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
}

void Statement::bind(int position, uint64_t number) {
  sqlite3_bind_int64(statement_.get(), position, static_cast<sqlite3_int64>(number));
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->failure();
}

Status Statement::run() {
  while (TRY(step())) {
  }
  return {};
}

std::string Statement::text_at(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return text ? std::string(text, static_cast<size_t>(size)) : std::string();
}

uint64_t Statement::unsigned_at(int column) const {
  return static_cast<uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Database> Database::open(const std::filesystem::path& file) {
  Database database;
  database.file_ = file.string();
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(database.file_.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return database.failure();
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failure();
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                         nullptr) != SQLITE_OK) {
    return failure();
  }
  return Statement(*this, statement);
}

std::unexpected<Error> Database::corrupt(std::string_view why) const {
  return fail(Code::corrupt, std::format("{} is damaged: {}", file_, why),
              "no operation running? then move the file away and restart; it is made anew");
}

std::unexpected<Error> Database::failure() const {
  const int code = handle_ ? sqlite3_errcode(handle_.get()) : SQLITE_NOMEM;
  std::string why = handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory";
  // "disk I/O error" may be a full disk.
  if (const int error = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
      error != 0 && (code & 0xff) == SQLITE_IOERR) {
    why += std::format(" ({})", std::strerror(error));
  }
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return corrupt(why);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return fail(Code::unavailable, std::format("{}: {}", file_, why));
    default:
      return fail(Code::internal, std::format("{}: {}", file_, why));
  }
}

}  // namespace ployz::sqlite

#include "drivers/os/projection_file.h"

#include "base/files.h"
#include "base/json.h"

namespace ployz {
namespace {

constexpr uint64_t kVersion = 1;

Result<std::map<NamespaceName, CommitEntry>> parse(std::string_view bytes) {
  const Json json = TRY(parse_json(bytes));
  if (TRY(get_uint(json, "version")) != kVersion) {
    return fail(Code::unsupported, "the cache is of another version");
  }
  std::map<NamespaceName, CommitEntry> newest;
  for (const Json& item : TRY(get_array(json, "commits"))) {
    CommitEntry entry{TRY(get_uint(item, "sequence")),
                      TRY(commit_from_json(TRY(get_object(item, "commit"))))};
    const NamespaceName name = entry.commit.name_space;
    newest.emplace(name, std::move(entry));
  }
  return newest;
}

}  // namespace

Result<std::map<NamespaceName, CommitEntry>> ProjectionFile::load() {
  const auto bytes = TRY(read_file(path_));
  if (!bytes) return std::map<NamespaceName, CommitEntry>{};
  auto newest = parse(*bytes);
  if (newest) return newest;
  Error error = std::move(newest).error();
  error.code = Code::corrupt;
  return fail(std::move(error).at(path_.string()));
}

Status ProjectionFile::save(const std::map<NamespaceName, CommitEntry>& newest) {
  Json commits = Json::array();
  for (const auto& [name, entry] : newest) {
    commits.push_back({{"sequence", entry.sequence}, {"commit", to_json(entry.commit)}});
  }
  // Commits hold environment variables.
  return write_file(path_, to_text({{"version", kVersion}, {"commits", std::move(commits)}}), 0600);
}

}  // namespace ployz

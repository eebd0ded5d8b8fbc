#include "drivers/nats/copy_reader.h"

#include <algorithm>
#include <limits>

namespace ployz {
namespace {

std::unexpected<Error> only_read() {
  return fail(Code::unavailable, "the store does not answer, and its copy takes no writes",
              "ployzctl doctor");
}

}  // namespace

Result<uint64_t> CopiedCommits::append(const NamespaceName&, uint64_t, std::string_view) {
  return only_read();
}

Result<std::optional<StoredCommit>> CopiedCommits::newest(const NamespaceName& name_space) {
  auto found = TRY(history(name_space, 1));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

Result<std::vector<StoredCommit>> CopiedCommits::newest_of_all() {
  return log_.newest_of_all();
}

Result<std::vector<StoredCommit>> CopiedCommits::history(const NamespaceName& name_space,
                                                         size_t limit) {
  return scan_history(copy_, name_space, std::numeric_limits<uint64_t>::max(), limit);
}

Result<std::unique_ptr<Subscription>> CopiedCommits::follow(std::function<void(StoredCommit)>,
                                                            std::function<void()>) {
  return only_read();
}

Result<std::optional<Record>> CopiedRecords::get(Bucket bucket, std::string_view key) {
  auto records = TRY(list(bucket));
  const auto found = std::ranges::find(records, key, &Record::key);
  if (found == records.end()) return std::nullopt;
  return std::move(*found);
}

Result<uint64_t> CopiedRecords::create(Bucket, std::string_view, std::string_view) {
  return only_read();
}

Result<uint64_t> CopiedRecords::update(Bucket, std::string_view, std::string_view, uint64_t) {
  return only_read();
}

Status CopiedRecords::remove(Bucket, std::string_view, uint64_t) {
  return only_read();
}

Result<std::vector<Record>> CopiedRecords::list(Bucket bucket) {
  return records_.list(bucket);
}

Result<std::unique_ptr<Subscription>> CopiedRecords::watch(Bucket,
                                                           std::function<void(Record, bool)>) {
  return only_read();
}

}  // namespace ployz

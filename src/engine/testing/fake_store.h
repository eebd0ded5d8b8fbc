// A store in memory for the engine's unit tests, with faults that are said beforehand. One thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "ports/control_store.h"

namespace ployz::testing {

// What happens to one write.
enum class Fault {
  none,
  lost_request,  // timeout, effect unknown; it did not happen
  lost_reply,    // timeout, effect unknown; it happened
  unavailable,   // effect none
};

class FaultQueue {
 public:
  std::deque<Fault> planned;  // one for each of the next writes; then `otherwise`
  Fault otherwise = Fault::none;

  Fault next() {
    if (planned.empty()) return otherwise;
    const Fault fault = planned.front();
    planned.pop_front();
    return fault;
  }
};

// Runs `write` as the fault has it.
template <class T>
Result<T> with_fault(Fault fault, const std::function<Result<T>()>& write) {
  if (fault == Fault::unavailable) return fail(Code::unavailable, "no responders");
  if (fault == Fault::none) return write();
  if (fault == Fault::lost_reply) (void)write();
  return fail(Code::timeout, "no reply", "", Effect::unknown);
}

class MemoryLog final : public CommitLog {
 public:
  FaultQueue faults;  // of appends
  bool reads_fail = false;
  std::vector<StoredCommit> all;
  std::function<void()> before_append;  // somebody else may be quicker
  std::function<void()> after_append;   // once, before the answer

  Result<uint64_t> append(const NamespaceName& name_space, uint64_t expected,
                          std::string_view bytes) override {
    if (before_append) std::exchange(before_append, nullptr)();
    const auto appended = with_fault<uint64_t>(faults.next(), [&]() -> Result<uint64_t> {
      const auto found = find(name_space);
      if ((found ? found->sequence : 0) != expected) {
        return fail(Code::conflict, "wrong last sequence");
      }
      all.push_back({all.size() + 1, name_space, std::string(bytes)});
      return all.size();
    });
    if (after_append) std::exchange(after_append, nullptr)();
    return appended;
  }
  Result<std::optional<StoredCommit>> newest(const NamespaceName& name_space) override {
    if (reads_fail) return fail(Code::unavailable, "no responders");
    return find(name_space);
  }
  Result<std::vector<StoredCommit>> newest_of_all() override {
    if (reads_fail) return fail(Code::unavailable, "no responders");
    std::map<NamespaceName, StoredCommit> newest;
    for (const StoredCommit& commit : all) newest[commit.name_space] = commit;
    std::vector<StoredCommit> result;
    for (auto& [name, commit] : newest) result.push_back(commit);
    return result;
  }
  Result<std::vector<StoredCommit>> history(const NamespaceName& name_space,
                                            size_t limit) override {
    if (reads_fail) return fail(Code::unavailable, "no responders");
    std::vector<StoredCommit> result;
    for (auto it = all.rbegin(); it != all.rend() && result.size() < limit; ++it) {
      if (it->name_space == name_space) result.push_back(*it);
    }
    return result;
  }
  Result<std::unique_ptr<Subscription>> follow(std::function<void(StoredCommit)>,
                                               std::function<void()>) override {
    return fail(Code::unsupported, "not in this fake");
  }

 private:
  std::optional<StoredCommit> find(const NamespaceName& name_space) {
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      if (it->name_space == name_space) return *it;
    }
    return std::nullopt;
  }
};

class MemoryRecords final : public KeyValue {
 public:
  FaultQueue faults;  // of writes to the bucket `operations`
  std::map<std::pair<Bucket, std::string>, Record> all;
  // Called after each write to `operations` that happened, with its value.
  std::function<void(const std::string& value)> on_operation;
  std::optional<Bucket> list_fails;
  std::function<void()> before_operation;  // once, before the next of them

  Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override {
    const auto found = all.find({bucket, std::string(key)});
    if (found == all.end()) return std::optional<Record>();
    return std::optional(found->second);
  }
  Result<uint64_t> create(Bucket bucket, std::string_view key, std::string_view value) override {
    return write(bucket, key, value, 0);
  }
  Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                          uint64_t revision) override {
    return write(bucket, key, value, revision);
  }
  Status remove(Bucket bucket, std::string_view key, uint64_t revision) override {
    const auto found = all.find({bucket, std::string(key)});
    if (found == all.end()) return {};
    if (found->second.revision != revision) return fail(Code::conflict, "another revision");
    all.erase(found);
    return {};
  }
  Result<std::vector<Record>> list(Bucket bucket) override {
    if (list_fails == bucket) return fail(Code::unavailable, "no responders");
    std::vector<Record> records;
    for (const auto& [key, record] : all) {
      if (key.first == bucket) records.push_back(record);
    }
    return records;
  }
  Result<std::unique_ptr<Subscription>> watch(Bucket, std::function<void(Record, bool)>) override {
    return fail(Code::unsupported, "not in this fake");
  }

 private:
  Result<uint64_t> write(Bucket bucket, std::string_view key, std::string_view value,
                         uint64_t expected) {
    if (bucket == Bucket::operations && before_operation) {
      std::exchange(before_operation, nullptr)();
    }
    const Fault fault = bucket == Bucket::operations ? faults.next() : Fault::none;
    return with_fault<uint64_t>(fault, [&]() -> Result<uint64_t> {
      const std::pair at(bucket, std::string(key));
      const auto found = all.find(at);
      if (expected == 0 && found != all.end()) return fail(Code::exists, "there is one");
      if (expected != 0 && (found == all.end() || found->second.revision != expected)) {
        return fail(Code::conflict, "another revision");
      }
      all[at] = {std::string(key), std::string(value), ++revision_};
      if (bucket == Bucket::operations && on_operation) on_operation(std::string(value));
      return revision_;
    });
  }

  uint64_t revision_ = 0;
};

}  // namespace ployz::testing

// What the Volumes contracts have in common: a world, and short words for what a test does in it.
#pragma once

#include <algorithm>
#include <chrono>
#include <format>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/ulid.h"
#include "contract/volumes_world.h"

namespace ployz::contract {

class VolumesContract : public testing::TestWithParam<std::unique_ptr<VolumesWorld> (*)()> {
 protected:
  static constexpr uint64_t kMiB = 1 << 20;

  void SetUp() override {
    world_ = GetParam()();
    ASSERT_TRUE(world_);
  }
  Volumes& here() { return world_->here(); }

  DatasetSpec spec() {
    DatasetSpec made;
    made.id = DatasetId(ids_.next());
    made.name_space = NamespaceName("contract");
    made.volume = VolumeName("data");
    made.operation = OperationId("01operation");
    return made;
  }
  // A new dataset with a file of this text.
  DatasetSpec filled(const std::string& text) {
    const DatasetSpec made = spec();
    const Status ensured = here().ensure_dataset(made);
    EXPECT_TRUE(ensured) << ensured.error().line();
    put(made.id, text);
    return made;
  }
  void put(const DatasetId& id, const std::string& text, const std::string& file = "data") {
    const Status written = world_->write(here(), id, file, text);
    EXPECT_TRUE(written) << written.error().line();
  }
  std::optional<std::string> get(const DatasetId& id, const std::string& file = "data") {
    return world_->read(here(), id, file);
  }
  DatasetSnapshot take(Volumes& pool, const DatasetId& id, const std::string& name) {
    const auto taken = pool.snapshot({id}, SnapshotName(name));
    EXPECT_TRUE(taken && taken->size() == 1) << (taken ? "" : taken.error().line());
    return taken && taken->size() == 1 ? taken->front() : DatasetSnapshot{};
  }
  DatasetSnapshot take(const DatasetId& id, const std::string& name) {
    return take(here(), id, name);
  }
  // What a snapshot holds, seen through a clone of it.
  std::optional<std::string> get_at(Volumes& pool, const DatasetId& id, const std::string& name,
                                    const std::string& file = "data") {
    const DatasetSpec look = spec();
    const Status cloned = pool.clone(look, {id, SnapshotName(name)});
    EXPECT_TRUE(cloned) << cloned.error().line();
    const auto text = world_->read(pool, look.id, file);
    EXPECT_TRUE(pool.destroy(look.id));
    return text;
  }
  std::optional<Dataset> find(Volumes& pool, const DatasetId& id) {
    const auto found = pool.find(id);
    EXPECT_TRUE(found) << found.error().line();
    return found.value_or(std::nullopt);
  }
  std::optional<Dataset> find(const DatasetId& id) { return find(here(), id); }
  // Without what counts late.
  std::optional<Dataset> facts(const DatasetId& id) {
    auto found = find(id);
    if (found) found->used_bytes = 0;
    return found;
  }
  // That no compression can shrink.
  std::string noise(size_t bytes) {
    std::string text(bytes, '\0');
    for (size_t at = 0; at + 8 <= bytes; at += 8) {
      const uint64_t word = split_mix(noise_);
      std::copy_n(reinterpret_cast<const char*>(&word), 8, text.data() + at);
    }
    return text;
  }

  std::unique_ptr<VolumesWorld> world_;

 private:
  SeededIds ids_{1'700'000'000'000, 7};
  uint64_t noise_ = 42;
};

}  // namespace ployz::contract

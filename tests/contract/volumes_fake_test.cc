// The Volumes contract on the simulator's fake.
#include <set>

#include "contract/volumes_stream_contract.h"
#include "ports/volume_names.h"
#include "sim/fakes/fake_clock.h"
#include "sim/fakes/fake_volumes.h"
#include "sim/fakes/no_hook.h"

namespace ployz::contract {
namespace {

class FakeVolumesWorld final : public VolumesWorld {
 public:
  FakeVolumesWorld() {
    for (sim::FakeVolumes* pool : {&here_, &there_}) {
      pool->mounted_by([this](const DatasetId& id) { return mounted_.contains(id); });
    }
  }
  Volumes& here() override { return here_; }
  Volumes& there() override { return there_; }
  void reopen() override {}  // the object is the pool
  Status write(Volumes& pool, const DatasetId& dataset, const std::string& file,
               const std::string& text) override {
    return fake(pool).write(dataset, text, file);
  }
  std::optional<std::string> read(Volumes& pool, const DatasetId& dataset,
                                  const std::string& file) override {
    return fake(pool).content(dataset, file);
  }
  // Inherited by clones, as on a real filesystem.
  std::string root_of(Volumes& pool, const DatasetId& dataset) override {
    auto found = pool.find(dataset);
    while (found && *found && (*found)->origin) found = pool.find((*found)->origin->dataset);
    if (!found || !*found) return "absent";
    return (*found)->spec.mode + " " + (*found)->spec.owner;
  }
  std::shared_ptr<void> mount(Volumes& /*pool*/, const DatasetId& dataset) override {
    mounted_.insert(dataset);
    return {nullptr, [this, dataset](void*) { mounted_.erase(dataset); }};
  }
  size_t leftovers(Volumes& pool) override { return fake(pool).leftovers().size(); }

 private:
  sim::FakeVolumes& fake(Volumes& pool) { return &pool == &here_ ? here_ : there_; }

  sim::NoHook hook_;
  sim::SkewedClock clock_;
  sim::FakeVolumes here_{hook_, clock_, {"here", "btrfs", false, 256 << 20}};
  sim::FakeVolumes there_{hook_, clock_, {"there", "btrfs", false, 48 << 20}};
  std::set<DatasetId> mounted_;
};

std::unique_ptr<VolumesWorld> make() {
  return std::make_unique<FakeVolumesWorld>();
}

TEST(VolumeNames, ModesAndOwnersAreNumbers) {
  EXPECT_EQ(parse_mode("0700").value(), 0700u);
  EXPECT_EQ(parse_mode("1777").value(), 01777u);
  for (const std::string mode : {"", "8", "07777777", "rwx", "-1", " 700"}) {
    EXPECT_EQ(parse_mode(mode).error().code, Code::invalid) << mode;
  }
  EXPECT_EQ(parse_owner("999:998").value().uid, 999u);
  EXPECT_EQ(parse_owner("999:998").value().gid, 998u);
  for (const std::string owner : {"", ":", "1", "1:", ":1", "1:2:3", "a:b", "4294967295:0"}) {
    EXPECT_EQ(parse_owner(owner).error().code, Code::invalid) << owner;
  }
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, VolumesContract, testing::Values(&make));
INSTANTIATE_TEST_SUITE_P(Fake, VolumesStreamContract, testing::Values(&make));

}  // namespace ployz::contract

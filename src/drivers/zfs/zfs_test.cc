// What the ZFS driver reads and writes as text, without a pool. With one: tests/contract.
#include <bit>
#include <cstring>
#include <format>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/zfs/mount_table.h"
#include "drivers/zfs/stream_header.h"
#include "drivers/zfs/zfs_command.h"
#include "drivers/zfs/zfs_listing.h"

namespace ployz {
namespace {

using testing::ElementsAre;
using testing::Field;

constexpr auto kRoot = "tank/ployz";
const std::string kOurs = "shop\tdb_data\t01op\t1048576\t0700\t999:999\t";

std::string row(const std::string& name, int txg, const std::string& properties) {
  return std::format("{}/{}\t77{}\t{}\t1700000000\t98304\t{}\n", kRoot, name, txg, txg, properties);
}

TEST(ZfsListing, ADatasetWithItsSnapshotsInTheOrderTheyCame) {
  const auto found = parse_datasets(row("01a", 5, kOurs + "01z@01s\tready") +
                                        row("01a@01c", 9, kOurs + "01z@01s\tready") +
                                        row("01a@01b", 7, kOurs + "01z@01s\tready"),
                                    kRoot);
  ASSERT_TRUE(found) << found.error().line();
  ASSERT_EQ(found->size(), 1U);
  const auto& [dataset, making] = found->at(DatasetId("01a"));
  EXPECT_FALSE(making);
  EXPECT_EQ(dataset.spec,
            (DatasetSpec{DatasetId("01a"), NamespaceName("shop"), VolumeName("db_data"),
                         OperationId("01op"), 1048576, "0700", "999:999"}));
  EXPECT_EQ(dataset.origin, (DatasetOrigin{DatasetId("01z"), SnapshotName("01s")}));
  EXPECT_EQ(dataset.used_bytes, 98304U);
  EXPECT_EQ(dataset.created_at_ms, 1700000000000U);
  EXPECT_THAT(dataset.snapshots, ElementsAre(Field(&DatasetSnapshot::name, SnapshotName("01b")),
                                             Field(&DatasetSnapshot::name, SnapshotName("01c"))));
  EXPECT_EQ(dataset.snapshots[0].guid, "777");
}

TEST(ZfsListing, LeavesOutWhatIsNotOurs) {
  const std::string nobodys = "-\t-\t-\t-\t-\t-\t-\t-";
  const auto found = parse_datasets(
      std::format("{}\t1\t1\t1700000000\t98304\t{}\n", kRoot, nobodys) + row("backup", 2, nobodys) +
          row("01a", 3, kOurs + "-\tmaking") + row("01a/nested", 4, kOurs + "-\tready") +
          row("01a@gone:771", 5, kOurs + "-\tmaking") + row("01a@Monthly", 6, kOurs + "-\tmaking"),
      kRoot);
  ASSERT_TRUE(found) << found.error().line();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_TRUE(found->at(DatasetId("01a")).making);
  EXPECT_TRUE(found->at(DatasetId("01a")).dataset.snapshots.empty());
  EXPECT_FALSE(found->at(DatasetId("01a")).dataset.origin);
}

TEST(ZfsListing, OtherColumnsAreCorrupt) {
  EXPECT_EQ(parse_datasets("tank/ployz/01a\t7\n", kRoot).error().code, Code::corrupt);
  EXPECT_EQ(parse_datasets(std::format("{}/01a\t7\t5\twhen\t1\t{}-\tready\n", kRoot, kOurs), kRoot)
                .error()
                .code,
            Code::corrupt);
}

TEST(ZfsListing, PropertiesReadBackAsTheyWereWritten) {
  DatasetSpec spec{DatasetId("01a"),
                   NamespaceName("shop"),
                   VolumeName("db_data"),
                   OperationId("01op"),
                   std::nullopt,
                   "0755",
                   "0:0"};
  const DatasetOrigin origin{DatasetId("01z"), SnapshotName("01s")};
  std::map<std::string, std::string> values;
  for (const std::string& argument : spec_properties(spec, &origin, true)) {
    if (const size_t equals = argument.find('='); equals != std::string::npos) {
      values[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }
  std::string columns;
  for (const char* name :
       {"namespace", "volume", "operation", "quota", "mode", "owner", "origin", "state"}) {
    columns += (columns.empty() ? "" : "\t") + values.at(std::string("ployz:") + name);
  }
  const auto found = parse_datasets(row("01a", 3, columns), kRoot);
  ASSERT_TRUE(found) << found.error().line();
  EXPECT_EQ(found->at(DatasetId("01a")).dataset.spec, spec);
  EXPECT_EQ(found->at(DatasetId("01a")).dataset.origin, origin);
  EXPECT_TRUE(found->at(DatasetId("01a")).making);
}

TEST(ZfsCommand, ErrorsByWhatIsPrinted) {
  const auto code = [](std::string_view text) { return zfs_error(text).code; };
  EXPECT_EQ(code("cannot open 'tank/a': dataset does not exist\n"), Code::not_found);
  EXPECT_EQ(code("cannot create snapshot 'tank/a@b': dataset already exists\n"), Code::exists);
  EXPECT_EQ(code("cannot unmount '/a': pool or dataset is busy\n"), Code::conflict);
  EXPECT_EQ(code("cannot receive new filesystem stream: checksum mismatch\n"), Code::corrupt);
  EXPECT_EQ(code("cannot create 'tank/a': out of space\n"), Code::precondition);
  EXPECT_EQ(code("cannot receive: invalid stream (bad magic number)\n"), Code::corrupt);
  EXPECT_EQ(code(""), Code::internal);
  EXPECT_EQ(zfs_error("first line\nmore\n").message, "first line");
}

class Header {
 public:
  Header() : bytes_(kStreamHeaderBytes, '\0') {
    put<uint64_t>(8, 0x2F5bacbacULL);
    put<uint64_t>(16, 0x20001);  // a substream, with some features in it
    put<uint32_t>(32, 2);
    put<uint64_t>(40, 42);
    put<uint64_t>(48, 41);
  }
  template <class T>
  Header& put(size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
    return *this;
  }
  [[nodiscard]] Result<StreamHeader> parse() const { return parse_stream_header(bytes_); }
  [[nodiscard]] Code refused() const { return parse().error().code; }

 private:
  std::string bytes_;
};

TEST(StreamHeader, TellsWhichSnapshotOnTopOfWhich) {
  const auto header = Header().parse();
  ASSERT_TRUE(header) << header.error().line();
  EXPECT_EQ(header->to_guid, 42U);
  EXPECT_EQ(header->from_guid, 41U);
}

TEST(StreamHeader, RefusesAllElse) {
  EXPECT_EQ(parse_stream_header("").error().code, Code::corrupt);
  EXPECT_EQ(parse_stream_header(std::string(kStreamHeaderBytes, 'x')).error().code, Code::corrupt);
  EXPECT_EQ(Header().put<uint32_t>(0, 1).refused(), Code::corrupt);   // another record first
  EXPECT_EQ(Header().put<uint32_t>(4, 64).refused(), Code::corrupt);  // properties behind it
  EXPECT_EQ(Header().put<uint64_t>(16, 2).refused(), Code::corrupt);  // a package
  EXPECT_EQ(Header().put<uint32_t>(32, 3).refused(), Code::corrupt);  // a block device
  EXPECT_EQ(Header().put<uint64_t>(8, std::byteswap<uint64_t>(0x2F5bacbacULL)).refused(),
            Code::unsupported);
}

TEST(MountTable, FindsADatasetByItsSource) {
  const auto line =
      "36 35 98:0 / /var/lib/ployz/volumes/01a rw,noatime shared:1 - zfs tank/ployz/01a rw,xattr";
  EXPECT_TRUE(is_mount_of(line, "tank/ployz/01a"));
  EXPECT_FALSE(is_mount_of(line, "tank/ployz/01"));
  EXPECT_FALSE(is_mount_of("36 35 98:0 / / rw - ext4 tank/ployz/01a rw", "tank/ployz/01a"));
  EXPECT_FALSE(is_mount_of("", "tank/ployz/01a"));
}

}  // namespace
}  // namespace ployz

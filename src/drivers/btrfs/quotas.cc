#include "drivers/btrfs/quotas.h"

#include <cerrno>
#include <cstring>
#include <format>
#include <functional>
#include <vector>

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/files.h"
#include "drivers/btrfs/os_error.h"

namespace ployz::btrfs {
namespace {

// The upper 16 bits of a quota group's id are its level.
constexpr uint64_t kGroupLevel = 1ull << BTRFS_QGROUP_LEVEL_SHIFT;

// Calls `each` with (type, object id, offset, item) of the quota tree's items of these types.
Status walk_quota_tree(
    int pool, uint32_t min_type, uint32_t max_type,
    const std::function<void(const btrfs_ioctl_search_header&, const char*)>& each) {
  btrfs_ioctl_search_args args{};
  btrfs_ioctl_search_key& key = args.key;
  key.tree_id = BTRFS_QUOTA_TREE_OBJECTID;
  key.min_type = min_type;
  key.max_type = max_type;
  key.max_objectid = key.max_offset = key.max_transid = UINT64_MAX;
  while (true) {
    key.nr_items = UINT32_MAX;
    if (::ioctl(pool, BTRFS_IOC_TREE_SEARCH, &args) != 0) {
      if (errno == ENOENT) return {};  // no quota tree
      return os_error("reading quotas of", "the pool", errno);
    }
    if (key.nr_items == 0) return {};
    size_t at = 0;
    btrfs_ioctl_search_header header{};
    for (uint32_t i = 0; i < key.nr_items; ++i) {
      std::memcpy(&header, args.buf + at, sizeof header);
      at += sizeof header;
      if (header.type >= min_type && header.type <= max_type) each(header, args.buf + at);
      at += header.len;
    }
    // On with the key after the last one.
    key.min_objectid = header.objectid;
    key.min_type = header.type;
    key.min_offset = header.offset + 1;
    if (key.min_offset == 0 && ++key.min_type == 0) return {};
  }
}

Result<Fd> open_pool(const std::filesystem::path& pool) {
  Fd fd(::open(pool.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return os_error("opening", pool, errno);
  return fd;
}

Result<QuotaMode> mode_of(int pool) {
  btrfs_ioctl_fs_info_args info{};
  if (::ioctl(pool, BTRFS_IOC_FS_INFO, &info) != 0) {
    return os_error("filesystem of", "the pool", errno);
  }
  std::string uuid;
  for (size_t i = 0; i < BTRFS_FSID_SIZE; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += std::format("{:02x}", info.fsid[i]);
  }
  // sysfs has no size to read by: read_file reads to the end.
  const auto mode = TRY(read_file("/sys/fs/btrfs/" + uuid + "/qgroups/mode"));
  if (mode) return mode->starts_with("squota") ? QuotaMode::simple : QuotaMode::classic;
  // Before 6.7 there is no such file, and only the classic kind.
  if (TRY(read_file("/sys/fs/btrfs/" + uuid + "/qgroups/enabled"))) return QuotaMode::classic;
  return QuotaMode::none;
}

bool enable(int pool, uint64_t kind) {
  btrfs_ioctl_quota_ctl_args args{};
  args.cmd = kind;
  return ::ioctl(pool, BTRFS_IOC_QUOTA_CTL, &args) == 0;
}

}  // namespace

Result<Quotas> Quotas::open(const std::filesystem::path& pool) {
  const Fd fd = TRY(open_pool(pool));
  QuotaMode mode = TRY(mode_of(fd.get()));
  if (mode == QuotaMode::none) {
    if (!enable(fd.get(), BTRFS_QUOTA_CTL_ENABLE_SIMPLE_QUOTA)) {
      (void)enable(fd.get(), BTRFS_QUOTA_CTL_ENABLE);
    }
    mode = TRY(mode_of(fd.get()));
  }
  return Quotas(pool, mode);
}

Status Quotas::ensure_group(uint64_t group) {
  if (mode_ != QuotaMode::simple) return {};
  const Fd pool = TRY(open_pool(pool_));
  btrfs_ioctl_qgroup_create_args args{};
  args.create = 1;
  args.qgroupid = kGroupLevel | group;
  if (::ioctl(pool.get(), BTRFS_IOC_QGROUP_CREATE, &args) == 0 || errno == EEXIST) return {};
  return os_error("quota group of", std::to_string(group), errno);
}

Status Quotas::add(uint64_t subvolume, uint64_t group) {
  if (mode_ != QuotaMode::simple) return {};
  const Fd pool = TRY(open_pool(pool_));
  btrfs_ioctl_qgroup_assign_args args{};
  args.assign = 1;
  args.src = subvolume;
  args.dst = kGroupLevel | group;
  if (::ioctl(pool.get(), BTRFS_IOC_QGROUP_ASSIGN, &args) >= 0 || errno == EEXIST) return {};
  return os_error("quota group of subvolume", std::to_string(subvolume), errno);
}

// The kernel refuses to remove a group that has members, and members outlive their subvolumes for
// as long as somebody shares their extents.
void Quotas::remove_group(uint64_t group) {
  if (mode_ != QuotaMode::simple) return;
  const Result<Fd> pool = open_pool(pool_);
  if (!pool) return;
  std::vector<uint64_t> members;
  const auto collect = [&](const btrfs_ioctl_search_header& header, const char*) {
    // Each relation is there in both directions.
    if (header.objectid == (kGroupLevel | group)) members.push_back(header.offset);
  };
  (void)walk_quota_tree(pool->get(), BTRFS_QGROUP_RELATION_KEY, BTRFS_QGROUP_RELATION_KEY, collect);
  for (const uint64_t member : members) {
    btrfs_ioctl_qgroup_assign_args args{};
    args.src = member;
    args.dst = kGroupLevel | group;
    (void)::ioctl(pool->get(), BTRFS_IOC_QGROUP_ASSIGN, &args);
  }
  btrfs_ioctl_qgroup_create_args args{};
  args.qgroupid = kGroupLevel | group;
  (void)::ioctl(pool->get(), BTRFS_IOC_QGROUP_CREATE, &args);
}

Status Quotas::set_limit(uint64_t group, uint64_t live, std::optional<uint64_t> bytes) {
  if (mode_ == QuotaMode::none) {
    if (!bytes) return {};
    return fail(Code::unsupported, "this filesystem has no quotas",
                "give btrfs_root a filesystem where `btrfs quota enable --simple` works");
  }
  const Fd pool = TRY(open_pool(pool_));
  btrfs_ioctl_qgroup_limit_args args{};
  args.qgroupid = mode_ == QuotaMode::simple ? kGroupLevel | group : live;
  args.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER;
  args.lim.max_rfer = bytes ? *bytes : UINT64_MAX;  // the kernel's "no limit any more"
  if (::ioctl(pool.get(), BTRFS_IOC_QGROUP_LIMIT, &args) == 0) return {};
  return os_error("quota of", std::to_string(group), errno);
}

Result<std::map<uint64_t, uint64_t>> Quotas::used() {
  const Fd pool = TRY(open_pool(pool_));
  std::map<uint64_t, uint64_t> used;
  const uint64_t level = mode_ == QuotaMode::simple ? 1 : 0;
  const auto collect = [&](const btrfs_ioctl_search_header& header, const char* item) {
    if (header.offset >> BTRFS_QGROUP_LEVEL_SHIFT != level) return;
    if (header.len < sizeof(btrfs_qgroup_info_item)) return;
    btrfs_qgroup_info_item info{};
    std::memcpy(&info, item, sizeof info);
    const uint64_t id = header.offset & ((1ull << BTRFS_QGROUP_LEVEL_SHIFT) - 1);
    used[id] = info.rfer;  // little-endian, as every machine we run on
  };
  TRY(walk_quota_tree(pool.get(), BTRFS_QGROUP_INFO_KEY, BTRFS_QGROUP_INFO_KEY, collect));
  return used;
}

}  // namespace ployz::btrfs

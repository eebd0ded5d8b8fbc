// Snapshots as streams: btrfs send and btrfs receive.
#include <cerrno>
#include <format>

#include "drivers/btrfs/btrfs_volumes.h"
#include "drivers/btrfs/confinement.h"
#include "drivers/btrfs/mounts.h"
#include "drivers/btrfs/os_error.h"
#include "drivers/btrfs/stream_child.h"
#include "ports/volume_names.h"

namespace ployz {

using btrfs::DatasetFolder;
using btrfs::FoundSnapshot;
using btrfs::Meta;

// Only of a whole one anything is known beforehand.
Result<uint64_t> BtrfsVolumes::send_size(const SendRequest& request) {
  const Held from = TRY(held(request.dataset));
  TRY(held_snapshot(from, request.snapshot));
  if (!request.base_guid.empty()) return 0;
  return used_by(request.dataset);
}

// Without the dataset's lock: it goes on being used, snapshots included, while it is sent. The
// kernel refuses to delete a subvolume that is being sent.
Status BtrfsVolumes::send(const SendRequest& request, const StreamSink& sink,
                          std::stop_token stop) {
  const Held from = TRY(held(request.dataset));
  TRY(held_snapshot(from, request.snapshot));
  std::vector<std::string> argv{"btrfs", "-q", "send", "--proto", "2"};
  if (!request.base_guid.empty()) {
    argv.insert(argv.end(), {"-p", TRY(find_base(request.base_guid)).path.string()});
  }
  argv.push_back(from.folder.snapshot(request.snapshot).string());
  return btrfs::send_from(argv, sink, stop);
}

Result<BtrfsVolumes::Base> BtrfsVolumes::find_base(const std::string& guid) const {
  for (const std::string& name : TRY(btrfs::names_in(root_ / "datasets"))) {
    const DatasetId id(name);
    for (const FoundSnapshot& one : TRY(folder(id).snapshots())) {
      if (one.subvolume.guid() == guid) return Base{id, folder(id).snapshot(one.name)};
    }
  }
  return fail(Code::not_found, std::format("no snapshot {} is here", guid));
}

Result<DatasetSnapshot> BtrfsVolumes::receive(const ReceiveRequest& request,
                                              const StreamSource& source, std::stop_token stop) {
  const DatasetId& id = request.spec.id;
  TRY(check_dataset_id(id));
  TRY(check_snapshot_name(request.snapshot));
  TRY(check_present());
  const auto lock = locks_.hold({id});
  if (const auto there = TRY(received(request))) return *there;
  if (!request.base_guid.empty()) TRY(find_base(request.base_guid));
  TRY(discard_incoming(id));
  const auto take = [&]() -> Result<DatasetSnapshot> {
    const std::filesystem::path arriving = incoming(id) / "arriving";
    TRY(btrfs::make_folder(arriving));
    std::vector<std::string> argv = btrfs::confined_to(arriving);
    argv.insert(argv.end(), {"btrfs", "-q", "receive", "-e", arriving.string()});
    TRY(btrfs::receive_into(argv, source, stop));
    TRY(check_arrived(request));
    TRY(TRY(folder(id).meta()) ? place_later(request) : place_first(request));
    const Held made = TRY(held(id));
    const btrfs::Subvolume snapshot = TRY(held_snapshot(made, request.snapshot));
    return DatasetSnapshot{request.snapshot, snapshot.guid(), snapshot.created_at_ms};
  };
  Result<DatasetSnapshot> taken = take();
  const Status cleaned = discard_incoming(id);
  if (!taken) btrfs::reclaim(root_);
  if (!taken && !cleaned) taken.error().effect = Effect::unknown;
  return taken;
}

// Nullopt: it is not here yet.
Result<std::optional<DatasetSnapshot>> BtrfsVolumes::received(const ReceiveRequest& request) const {
  // Of any origin: a later round may come from elsewhere.
  if (!TRY(is_there(request.spec, nullptr))) return std::nullopt;
  const Held there = TRY(held(request.spec.id));
  const auto found = held_snapshot(there, request.snapshot);
  if (!found) return std::nullopt;
  if (found->guid() != request.guid) {
    return fail(Code::exists, std::format("dataset {} has another snapshot {}",
                                          request.spec.id.str(), request.snapshot.str()));
  }
  return DatasetSnapshot{request.snapshot, found->guid(), found->created_at_ms};
}

// btrfs receive sets the received UUID last, when every command was applied.
Status BtrfsVolumes::check_arrived(const ReceiveRequest& request) const {
  const std::filesystem::path arriving = incoming(request.spec.id) / "arriving";
  if (TRY(btrfs::names_in(arriving)) != std::vector<std::string>{"data"}) {
    return fail(Code::corrupt, "the stream is not of a snapshot of Ployz");
  }
  const auto arrived = TRY(btrfs::find_subvolume(arriving / "data"));
  if (arrived && arrived->read_only && arrived->received_uuid == request.guid) return {};
  return fail(Code::corrupt,
              std::format("the stream is of snapshot {}, not {}",
                          arrived ? arrived->received_uuid : "nothing", request.guid));
}

Status BtrfsVolumes::place_first(const ReceiveRequest& request) {
  const DatasetFolder made(incoming(request.spec.id) / "dataset");
  TRY(btrfs::make_folder(made.place() / "snapshots"));
  TRY(btrfs::move_folder(incoming(request.spec.id) / "arriving",
                         made.snapshot_folder(request.snapshot)));
  TRY(btrfs::snapshot_subvolume(made.snapshot(request.snapshot), made.live(), false));
  const Meta meta{.spec = request.spec, .origin = request.origin};
  return show(made, meta);
}

// The live subvolume first: a crash between the two leaves a dataset whose newest snapshot is the
// former round's, and the repeated call receives and places it anew. The other way round the
// repeated call would find the snapshot and could not tell whether the live subvolume is at it.
Status BtrfsVolumes::place_later(const ReceiveRequest& request) {
  const DatasetId& id = request.spec.id;
  Held there = TRY(held(id));
  if (TRY(btrfs::is_mounted(std::format("datasets/{}/live", id.str())))) {
    return fail(Code::conflict, std::format("dataset {} is mounted by a process", id.str()));
  }
  const std::filesystem::path arriving = incoming(id) / "arriving";
  const std::filesystem::path live = incoming(id) / "live";
  TRY(btrfs::snapshot_subvolume(arriving / "data", live, false));
  const auto now_live = TRY(btrfs::find_subvolume(live));
  const auto arrived = TRY(btrfs::find_subvolume(arriving / "data"));
  if (!now_live || !arrived) return fail(Code::internal, "a received snapshot that is not there");
  TRY(quotas_.add(now_live->id, there.meta.group));
  TRY(quotas_.add(arrived->id, there.meta.group));
  there.meta.outside_bytes = TRY(outside_of(arriving / "data", there.meta.group));
  if (there.meta.spec.quota_bytes) TRY(limit(there.meta, now_live->id));
  TRY(there.folder.write_meta(there.meta));
  TRY(btrfs::exchange(live, there.folder.live()));
  Status placed = btrfs::move_folder(arriving, there.folder.snapshot_folder(request.snapshot));
  if (!placed && !btrfs::exchange(live, there.folder.live())) {
    placed.error().effect = Effect::unknown;
  }
  return placed;
}

}  // namespace ployz

#include "agent/dataset_stream.h"

#include <algorithm>
#include <format>
#include <map>
#include <set>

namespace ployz {
namespace {

constexpr size_t kPiece = 256 << 10;  // of what is read ahead: a frame of the transfer's

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(Code::corrupt, std::format("the dataset's stream: {}", what), "run the command again");
}

std::string with_length(const Json& json) {
  const std::string text = to_text(json);
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(text.size() >> shift & 0xff);
  }
  return bytes + text;
}

Result<std::string> read_exactly(MachineStream& stream, size_t size) {
  std::string bytes(size, '\0');
  for (size_t at = 0; at < size;) {
    const size_t got = TRY(stream.read(std::span(bytes).subspan(at)));
    if (got == 0) return corrupt("it ended too early");
    at += got;
  }
  return bytes;
}

Result<Json> read_header(MachineStream& stream) {
  size_t size = 0;
  for (const char byte : TRY(read_exactly(stream, 4))) {
    size = size << 8 | static_cast<unsigned char>(byte);
  }
  if (size > kMaxDatasetHeader) return corrupt("garbage in place of its header");
  const auto json = parse_json(TRY(read_exactly(stream, size)));
  if (!json || !json->is_object()) return corrupt("garbage in place of its header");
  const auto version = get_uint(*json, "version");
  if (!version) return corrupt("garbage in place of its header");
  if (*version != kDatasetStreamVersion) {
    return fail(Code::unsupported,
                std::format("the dataset's stream is of version {}, this build knows {}", *version,
                            kDatasetStreamVersion),
                "the machines run different versions of Ployz");
  }
  return *json;
}

// The newest snapshot that the receiver has, of those `target` descends from: of the dataset itself,
// then of what it was cloned from, as far as that is on this machine.
std::string choose_base(const std::map<DatasetId, Dataset>& datasets, const Dataset& dataset,
                        const DatasetSnapshot& target, const std::vector<std::string>& have) {
  const std::set<std::string_view> theirs(have.begin(), have.end());
  const Dataset* at = &dataset;
  SnapshotName until = target.name;
  bool including = false;  // an origin's own snapshot is an ancestor, the target is none
  for (size_t depth = 0; depth <= datasets.size(); ++depth) {
    const auto end = std::ranges::find(at->snapshots, until, &DatasetSnapshot::name);
    auto one = end;
    if (including && end != at->snapshots.end()) ++one;
    while (one != at->snapshots.begin()) {
      --one;
      if (theirs.contains(one->guid)) return one->guid;
    }
    if (!at->origin) return "";
    const auto origin = datasets.find(at->origin->dataset);
    if (origin == datasets.end()) return "";
    until = at->origin->snapshot;
    including = true;
    at = &origin->second;
  }
  return "";
}

// What the destination can build on.
Result<DatasetWanted> what_is_here(Volumes& volumes, const DatasetId& dataset) {
  const auto own = TRY(volumes.find(dataset));
  std::vector<DatasetSnapshot> snapshots;
  if (own) {
    snapshots = own->snapshots;
  } else {
    for (Dataset& one : TRY(volumes.list())) {
      std::ranges::move(one.snapshots, std::back_inserter(snapshots));
    }
  }
  std::ranges::stable_sort(snapshots, {}, &DatasetSnapshot::created_at_ms);
  DatasetWanted wanted;
  wanted.own = own.has_value();
  for (auto one = snapshots.rbegin(); one != snapshots.rend(); ++one) {
    if (wanted.have.size() == kMaxHave) break;
    wanted.have.push_back(std::move(one->guid));
  }
  return wanted;
}

// Reads one piece ahead: a piece is given away only when another one, or the proper end, follows.
class VerifiedBytes {
 public:
  VerifiedBytes(MachineStream& stream, ReceiveProgress& progress)
      : stream_(stream), progress_(progress), held_(kPiece), ahead_(kPiece) {}

  Result<size_t> read(std::span<char> into) {
    if (at_ == held_size_) TRY(advance());
    const size_t size = std::min(into.size(), held_size_ - at_);
    std::copy_n(held_.data() + at_, size, into.data());
    at_ += size;
    return size;
  }
  // Everything was read and verified.
  [[nodiscard]] bool complete() const { return ended_ && at_ == held_size_; }

 private:
  Status advance() {
    if (!begun_) ahead_size_ = TRY(fetch());
    begun_ = true;
    std::swap(held_, ahead_);
    held_size_ = std::exchange(ahead_size_, 0);
    at_ = 0;
    if (!ended_) ahead_size_ = TRY(fetch());
    return {};
  }
  Result<size_t> fetch() {
    const size_t got = TRY(stream_.read(ahead_));
    if (got == 0) ended_ = true;
    progress_.bytes += got;
    return got;
  }

  MachineStream& stream_;
  ReceiveProgress& progress_;
  std::vector<char> held_, ahead_;
  size_t held_size_ = 0, ahead_size_ = 0, at_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

Status receive_bytes(Volumes& volumes, const ReceiveDataset& action, const DatasetSent& sent,
                     MachineStream& stream, ReceiveProgress& progress,
                     const std::stop_token& stop) {
  VerifiedBytes bytes(stream, progress);
  const ReceiveRequest request{action.spec, action.source.snapshot, sent.guid, sent.base_guid,
                               action.source};
  const DatasetSnapshot received = TRY(volumes.receive(
      request, [&](std::span<char> into) { return bytes.read(into); }, stop));
  if (received.guid != sent.guid) return corrupt("what arrived is another snapshot");
  if (bytes.complete()) return {};
  // A driver knows by itself where its stream ends; nothing but that may follow.
  char more = 0;
  if (TRY(bytes.read({&more, 1})) != 0) return corrupt("something follows its end");
  return {};
}

// The driver took it for good, and it is not.
void take_back(Volumes& volumes, const ReceiveDataset& action, bool is_new) {
  if (is_new) {
    (void)volumes.destroy(action.spec.id);
  } else {
    (void)volumes.destroy_snapshot(action.spec.id, action.source.snapshot);
  }
}

}  // namespace

std::string encode(const DatasetWanted& wanted) {
  return with_length(
      {{"version", kDatasetStreamVersion}, {"have", wanted.have}, {"own", wanted.own}});
}

std::string encode(const DatasetSent& sent) {
  return with_length({{"version", kDatasetStreamVersion},
                      {"guid", sent.guid},
                      {"base_guid", sent.base_guid},
                      {"total_bytes", sent.total_bytes},
                      {"present", sent.present}});
}

Result<DatasetWanted> read_dataset_wanted(MachineStream& stream) {
  const Json json = TRY(read_header(stream));
  const auto have = get_strings(json, "have");
  const auto own = get_bool(json, "own");
  if (!have || !own || have->size() > kMaxHave) return corrupt("its header is not as agreed");
  return DatasetWanted{*have, *own};
}

Result<DatasetSent> read_dataset_sent(MachineStream& stream) {
  const Json json = TRY(read_header(stream));
  const auto guid = get_string(json, "guid");
  const auto base_guid = get_string(json, "base_guid");
  const auto total_bytes = get_uint(json, "total_bytes");
  const auto present = get_bool(json, "present");
  if (!guid || guid->empty() || !base_guid || !total_bytes || !present) {
    return corrupt("its header is not as agreed");
  }
  return DatasetSent{*guid, *base_guid, *total_bytes, *present};
}

Status send_dataset(Volumes& volumes, const DatasetId& dataset, const SnapshotName& snapshot,
                    MachineStream& stream, const std::stop_token& stop) {
  const DatasetWanted wanted = TRY(read_dataset_wanted(stream));
  std::map<DatasetId, Dataset> datasets;
  for (Dataset& one : TRY(volumes.list())) datasets.emplace(one.spec.id, std::move(one));
  const auto found = datasets.find(dataset);
  const DatasetSnapshot* target =
      found == datasets.end() ? nullptr : found->second.snapshot(snapshot);
  if (target == nullptr) {
    return fail(Code::not_found, std::format("snapshot {} of dataset {} is not on this machine",
                                             snapshot.str(), dataset.str()));
  }
  DatasetSent sent;
  sent.guid = target->guid;
  sent.present = wanted.own && std::ranges::contains(wanted.have, target->guid);
  if (sent.present) return stream.write(encode(sent));
  sent.base_guid = choose_base(datasets, found->second, *target, wanted.have);
  const SendRequest request{dataset, snapshot, sent.base_guid};
  // An estimate for people: without it they see only how much has come.
  sent.total_bytes = volumes.send_size(request).value_or(0);
  TRY(stream.write(encode(sent)));
  return volumes.send(
      request, [&](std::string_view bytes) { return stream.write(bytes); }, stop);
}

Result<ReceivedDataset> receive_dataset(Volumes& volumes, const ReceiveDataset& action,
                                        MachineStream& stream, ReceiveProgress& progress,
                                        const std::stop_token& stop) {
  const auto present = TRY(volumes.find(action.spec.id));
  TRY(stream.write(encode(TRY(what_is_here(volumes, action.spec.id)))));
  TRY(stream.finish());
  const DatasetSent sent = TRY(read_dataset_sent(stream));
  progress.total_bytes = sent.total_bytes;
  const DatasetSnapshot* here = present ? present->snapshot(action.source.snapshot) : nullptr;
  if (sent.present) {
    if (here != nullptr && here->guid == sent.guid) return ReceivedDataset{0, sent.base_guid};
    return corrupt("the source says that the snapshot is here, and it is not");
  }
  if (Status received = receive_bytes(volumes, action, sent, stream, progress, stop); !received) {
    if (received.error().code == Code::corrupt && here == nullptr) {
      take_back(volumes, action, !present);
    }
    return fail(received.error());
  }
  return ReceivedDataset{progress.bytes, sent.base_guid};
}

}  // namespace ployz

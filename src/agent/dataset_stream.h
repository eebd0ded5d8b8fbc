// One snapshot of a dataset on its way between two machines: what is on the wire of such a machine
// stream (ports/transfer.h; purpose kind "dataset"), and both of its ends.
//
//   dialing side, the destination:  4 length · JSON {"version":1,"have":["guid",…],"own"}, then its
//                                   end
//   offering side, the source:      4 length · JSON {"version":1,"guid","base_guid","total_bytes",
//                                   "present"}, then the bytes of Volumes::send, then its end
//
// Lengths are big-endian. "have" are the snapshots that the destination can build on, newest first:
// those of the dataset that it receives into ("own"), or of all its datasets when that one is new. The
// source sends only what has changed since "base_guid", the newest of them that the snapshot
// descends from; "" is everything. "total_bytes" is an estimate, 0 when there is none. "present": the
// dataset has the snapshot itself already, and nothing follows.
//
// The last bytes are handed to the destination's driver only when length and tag of the whole
// were right, so that nothing can be complete that was not verified.
#pragma once

#include <atomic>
#include <stop_token>

#include "base/json.h"
#include "ports/step_request.h"
#include "ports/transfer.h"
#include "ports/volumes.h"

namespace ployz {

inline constexpr std::string_view kDatasetStream = "dataset";
inline constexpr uint64_t kDatasetStreamVersion = 1;
// A guid has some 40 characters: 4,096 of them say enough about what both machines may share.
inline constexpr size_t kMaxHave = 4096;
inline constexpr size_t kMaxDatasetHeader = 512 << 10;

struct DatasetWanted {
  std::vector<std::string> have;
  bool own = false;
};
struct DatasetSent {
  std::string guid;
  std::string base_guid;
  uint64_t total_bytes = 0;
  bool present = false;
};
[[nodiscard]] std::string encode(const DatasetWanted& wanted);
[[nodiscard]] std::string encode(const DatasetSent& sent);
// Reads the header and nothing after it. `corrupt`: garbage, or too long; `unsupported`: of another
// version; else the stream's errors.
[[nodiscard]] Result<DatasetWanted> read_dataset_wanted(MachineStream& stream);
[[nodiscard]] Result<DatasetSent> read_dataset_sent(MachineStream& stream);

// The offering end, as a StreamHandler. Errors: those of the port and the stream; `not_found`: the
// snapshot is not here.
[[nodiscard]] Status send_dataset(Volumes& volumes, const DatasetId& dataset,
                                  const SnapshotName& snapshot, MachineStream& stream,
                                  const std::stop_token& stop);

// Read while it goes on, by others.
struct ReceiveProgress {
  std::atomic<uint64_t> bytes = 0;
  std::atomic<uint64_t> total_bytes = 0;
};

struct ReceivedDataset {
  uint64_t bytes = 0;
  std::string base_guid;
};

// The dialing end. When it returns an error the dataset is as it was before: absent, or at the
// former round's snapshot. Errors: those of the port and the stream; `corrupt`.
[[nodiscard]] Result<ReceivedDataset> receive_dataset(Volumes& volumes,
                                                      const ReceiveDataset& action,
                                                      MachineStream& stream,
                                                      ReceiveProgress& progress,
                                                      const std::stop_token& stop);

}  // namespace ployz

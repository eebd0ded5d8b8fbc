// The wire form of one step to an agent or router: command "step". Kept beside the ports because
// the engine writes it and agent and router read it.
#pragma once

#include <optional>

#include "base/json.h"
#include "model/commit.h"
#include "model/plan.h"
#include "ports/step_journal.h"

namespace ployz {

// A stream that a machine offers for one step: where to dial, and the one-time key. Never journaled.
struct StreamTicket {
  std::string address;
  std::string key;
};

// Command "dataset_offer" of the agent: one snapshot, to be fetched under the ticket it answers. The
// dialing side first says which snapshots it has (agent/dataset_stream.h).
struct DatasetOfferRequest {
  OperationId operation;
  DatasetId dataset;
  SnapshotName snapshot;
};
[[nodiscard]] Json to_json(const DatasetOfferRequest& request);
[[nodiscard]] Result<DatasetOfferRequest> dataset_offer_request_from_json(const Json& json);
[[nodiscard]] Json to_json(const StreamTicket& ticket);
[[nodiscard]] Result<StreamTicket> stream_ticket_from_json(const Json& json);

// A step that is repeated while it runs, and a receive always, answers {"running": {…}} after about
// kStepReplyMs: it goes on, and is asked for again. Of a receive: "bytes", "total_bytes".
inline constexpr uint64_t kStepReplyMs = 1000;

struct StepRequest {
  OperationId operation;
  uint64_t attempt = 1;
  StepId step;
  StepVerb verb = StepVerb::apply;
  size_t index = 0;  // of the undo action in its list; 0 for apply
  Action action;
  std::optional<Commit> candidate;  // PrepareRoutes only
  std::optional<StreamTicket> ticket;  // ReceiveDataset only; absent: it runs already
};

[[nodiscard]] Json to_json(const StepRequest& request);
[[nodiscard]] Result<StepRequest> step_request_from_json(const Json& json);

// Command "probe": {operation, attempt, claim}. The agent checks the claim and holds its addresses
// for kReservation; `precondition` says all that is missing at once.
struct ProbeRequest {
  OperationId operation;
  uint64_t attempt = 1;
  Claim claim;
};
inline constexpr uint64_t kReservationMs = 60'000;  // a deploy's apply is shorter, or renews it

[[nodiscard]] Json to_json(const ProbeRequest& request);
[[nodiscard]] Result<ProbeRequest> probe_request_from_json(const Json& json);

// Command "facts": what the machine is asked at plan time.
struct FactsRequest {
  std::vector<std::string> images;  // references to look up
  bool datasets = false;            // whether to list them
};
[[nodiscard]] Json to_json(const FactsRequest& request);
[[nodiscard]] Result<FactsRequest> facts_request_from_json(const Json& json);

// Router command "flip": answers when the gateway and DNS of the machine serve `sequence` or newer
// of the namespace.
struct FlipRequest {
  NamespaceName name_space;
  uint64_t sequence = 0;
};
[[nodiscard]] Json to_json(const FlipRequest& request);
[[nodiscard]] Result<FlipRequest> flip_request_from_json(const Json& json);

}  // namespace ployz

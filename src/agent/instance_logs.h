// The logs of several instances of one machine as one sequence of chunks, and the form of these in a
// machine stream: one JSON object a line.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "ports/containers.h"
#include "ports/transfer.h"

namespace ployz {

inline constexpr size_t kMaxFollowed = 64;  // instances of one call, a thread each

struct InstanceLogsRequest {
  std::string transfer;  // the stream's purpose
  std::vector<InstanceId> instances;
  uint64_t lines = 100;
  bool follow = false;
};
[[nodiscard]] Json to_json(const InstanceLogsRequest& request);
[[nodiscard]] Result<InstanceLogsRequest> instance_logs_request_from_json(const Json& json);

// Called by one thread at a time; false: nobody listens any more.
using InstanceLogSink = std::function<bool(const InstanceId& instance, std::string_view text)>;

// Until each log has ended, `stop` is requested or the sink returns false. The first error; the
// others go on meanwhile.
[[nodiscard]] Status read_logs(Containers& containers, const InstanceLogsRequest& request,
                               const InstanceLogSink& sink, std::stop_token stop);

// The same into a stream, and out of one. `corrupt`: it is not what send_logs writes.
[[nodiscard]] Status send_logs(Containers& containers, const InstanceLogsRequest& request,
                               MachineStream& stream, std::stop_token stop);
[[nodiscard]] Status receive_logs(MachineStream& stream, const InstanceLogSink& sink);

}  // namespace ployz

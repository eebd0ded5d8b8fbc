// Images from machine to machine: who has one, and sending it to those that lack it. Above the ports
// because it coordinates several machines by RPC, and below the API whose types these are; it is no
// operation of the engine, because images are not state of the cluster: nothing is journalled, and a
// run that ended early is continued by the same call.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/machine.h"
#include "model/operation.h"
#include "ports/clock.h"
#include "ports/machine_rpc.h"

namespace ployz {

struct DistributeRequest {
  std::string reference;
  MachineId from;             // empty: any machine that has it
  std::vector<MachineId> to;  // empty: every machine that lacks it
};

struct DistributeReport {
  MachineId machine;
  std::string machine_name;
  bool had_it = false;
  uint64_t sent_bytes = 0;
  uint64_t layers_sent = 0;
  std::optional<Error> error;
};

struct ImageStatus {
  MachineId machine;
  std::string machine_name;
  std::string image_id;  // empty: not there
  std::optional<Error> silent;
};

struct DistributionPorts {
  MachineRpc& rpc;
  Clock& clock;
  Entropy& entropy;
  Executor& executor;
};

// Destinations that are sent to at one time: more would only share the source's bandwidth.
inline constexpr size_t kParallelDistributions = 4;

// The first event carries the operation's id, by which it can be canceled while it runs. A report for
// each destination, sorted by machine name; a machine that does not answer has its error there and
// holds up no other.
// Errors, before anything is sent: `not_found`: nobody (or `from`) has the image, or a machine is
// unknown; `conflict`: machines that have it mean different images and `from` is empty.
[[nodiscard]] Result<std::vector<DistributeReport>> distribute_image(
    const DistributeRequest& request, const std::vector<Machine>& machines,
    const DistributionPorts& ports, const std::function<void(const Event&)>& events,
    std::stop_token cancel);

// Of every machine, sorted by name.
[[nodiscard]] std::vector<ImageStatus> image_status(std::string_view reference,
                                                    const std::vector<Machine>& machines,
                                                    MachineRpc& rpc);

}  // namespace ployz

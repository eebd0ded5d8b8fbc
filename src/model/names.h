// The names and ids of Ployz. Names are what people write and may be moved by a commit from one id
// to another; ids are ULIDs (or digests), never change and are never reused.
#pragma once

#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"

namespace ployz {

using NamespaceName = Id<struct NamespaceNameTag>;
using ServiceName = Id<struct ServiceNameTag>;
using VolumeName = Id<struct VolumeNameTag>;

using MachineId = Id<struct MachineIdTag>;
using InstanceId = Id<struct InstanceIdTag>;
using DatasetId = Id<struct DatasetIdTag>;
using CommitId = Id<struct CommitIdTag>;
using OperationId = Id<struct OperationIdTag>;
using StepId = Id<struct StepIdTag>;        // unique inside its operation: "a03", "c01"
using RevisionId = Id<struct RevisionTag>;  // sha256 digest of a ContainerSpec

// [a-z0-9][a-z0-9-]{0,62}: namespaces, services, machines — they become DNS labels.
// `what` ("service name") opens the message. Code::invalid with a hint otherwise.
[[nodiscard]] Status check_dns_label(std::string_view name, std::string_view what);
// [a-z0-9][a-z0-9_-]{0,62}: volumes and ports.
[[nodiscard]] Status check_volume_name(std::string_view name, std::string_view what);
// A host name: dot-separated labels, 253 characters at most, lower case, one leading "*." allowed.
[[nodiscard]] Status check_hostname(std::string_view hostname);

}  // namespace ployz

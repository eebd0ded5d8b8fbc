#include "model/machine.h"

#include "model/codec.h"
#include "model/dataset_fields.h"
#include "model/machine_fields.h"

namespace ployz {

inline constexpr EnumNames<InstanceState, 4> kInstanceStateNames{
    {{InstanceState::created, "created"},
     {InstanceState::running, "running"},
     {InstanceState::exited, "exited"},
     {InstanceState::unknown, "unknown"}}};
constexpr const auto& enum_names(std::type_identity<InstanceState>) {
  return kInstanceStateNames;
}

template <class Codec, Like<FoundInstance> T>
void fields(Codec& codec, T& instance) {
  codec.field("id", instance.id);
  codec.field("namespace", instance.name_space);
  codec.field("service", instance.service);
  codec.field("revision", instance.revision);
  codec.field("operation", instance.operation);
  codec.field("address", instance.address);
  codec.field("state", instance.state);
  codec.field("exit_code", instance.exit_code);
  codec.field("started_at_ms", instance.started_at_ms);
  codec.optional_field("datasets", instance.datasets);
}

template <class Codec, Like<MachineFacts> T>
void fields(Codec& codec, T& facts) {
  codec.field("machine", facts.machine);
  codec.field("version", facts.version);
  codec.field("clock_ms", facts.clock_ms);
  codec.field("instances", facts.instances);
  codec.field("addresses_in_use", facts.addresses_in_use);
  codec.field("host_ports_in_use", facts.host_ports_in_use);
  codec.field("images", facts.images);
  codec.field("pullable", facts.pullable);
  codec.field("memory_free_bytes", facts.memory_free_bytes);
  codec.field("disk_free_bytes", facts.disk_free_bytes);
  codec.field("router_answers", facts.router_answers);
  codec.optional_field("pool", facts.pool);
  codec.optional_field("datasets", facts.datasets);
}

std::string_view to_string(MachineState state) {
  return enum_to_string(state);
}
std::string_view to_string(InstanceState state) {
  return enum_to_string(state);
}

Json to_json(const Machine& machine) {
  return write_fields(machine);
}
Result<Machine> machine_from_json(const Json& json) {
  return read_fields<Machine>(json);
}

Json to_json(const FoundInstance& instance) {
  return write_fields(instance);
}
Result<FoundInstance> found_instance_from_json(const Json& json) {
  return read_fields<FoundInstance>(json);
}

Json to_json(const MachineFacts& facts) {
  return write_fields(facts);
}
Result<MachineFacts> machine_facts_from_json(const Json& json) {
  return read_fields<MachineFacts>(json);
}

}  // namespace ployz

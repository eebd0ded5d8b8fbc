// How a machine record becomes JSON and back; for the .cc files of this folder.
#pragma once

#include "model/codec.h"
#include "model/machine.h"

namespace ployz {

inline constexpr EnumNames<MachineState, 5> kMachineStateNames{
    {{MachineState::active, "active"},
     {MachineState::draining, "draining"},
     {MachineState::drained, "drained"},
     {MachineState::standby, "standby"},
     {MachineState::leaving, "leaving"}}};
constexpr const auto& enum_names(std::type_identity<MachineState>) {
  return kMachineStateNames;
}

template <class Codec, Like<Machine> T>
void fields(Codec& codec, T& machine) {
  codec.field("id", machine.id);
  codec.field("name", machine.name);
  codec.field("subnet", machine.subnet);
  codec.field("overlay_address", machine.overlay_address);
  codec.field("endpoints", machine.endpoints);
  codec.field("state", machine.state);
  codec.field("stores", machine.stores);
  codec.field("nats_public_key", machine.nats_public_key);
  codec.field("wireguard_public_key", machine.wireguard_public_key);
  codec.field("version", machine.version);
  codec.field("created_at_ms", machine.created_at_ms);
}

}  // namespace ployz

#include "model/admission.h"

#include "model/codec.h"
#include "model/machine_fields.h"

namespace ployz {

template <class Codec, Like<SelfRecord> T>
void fields(Codec& codec, T& record) {
  codec.version("format", kAdmissionVersion);
  codec.field("id", record.id);
  codec.field("name", record.name);
  codec.field("version", record.version);
  codec.field("wireguard_public_key", record.wireguard_public_key);
  codec.field("nats_public_key", record.nats_public_key);
  codec.field("endpoints", record.endpoints);
  codec.field("clock_ms", record.clock_ms);
}

template <class Codec, Like<NetworkSettings> T>
void fields(Codec& codec, T& settings) {
  codec.version("format", kAdmissionVersion);
  codec.field("name", settings.name);
  codec.field("cluster_cidr", settings.cluster_cidr);
  codec.field("subnet_prefix_len", settings.subnet_prefix_len);
  codec.field("cluster_domain", settings.cluster_domain);
  codec.field("gateway_domain", settings.gateway_domain);
}

template <class Codec, Like<Admission> T>
void fields(Codec& codec, T& admission) {
  codec.version("format", kAdmissionVersion);
  codec.field("machine", admission.machine);
  codec.field("operation", admission.operation);
  codec.field("expires_at_ms", admission.expires_at_ms);
}

template <class Codec, Like<JoinBundle> T>
void fields(Codec& codec, T& bundle) {
  codec.version("format", kAdmissionVersion);
  codec.field("network", bundle.network);
  codec.field("admission", bundle.admission);
  codec.field("machines", bundle.machines);
  codec.field("epoch", bundle.epoch);
}

Json to_json(const SelfRecord& record) { return write_fields(record); }
Result<SelfRecord> self_record_from_json(const Json& json) {
  return read_fields<SelfRecord>(json);
}
Json to_json(const NetworkSettings& settings) { return write_fields(settings); }
Result<NetworkSettings> network_settings_from_json(const Json& json) {
  return read_fields<NetworkSettings>(json);
}
Json to_json(const Admission& admission) { return write_fields(admission); }
Result<Admission> admission_from_json(const Json& json) { return read_fields<Admission>(json); }
Json to_json(const JoinBundle& bundle) { return write_fields(bundle); }
Result<JoinBundle> join_bundle_from_json(const Json& json) {
  return read_fields<JoinBundle>(json);
}

}  // namespace ployz

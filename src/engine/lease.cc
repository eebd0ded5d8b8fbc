#include "engine/lease.h"

#include "engine/record_write.h"

namespace ployz {
namespace {
constexpr uint64_t kLeaseVersion = 1;
}

std::string encode(const LeaseRecord& record) {
  return to_text({{"version", kLeaseVersion},
                  {"operation", record.operation.str()},
                  {"coordinator", record.coordinator.str()},
                  {"attempt", record.attempt},
                  {"expires_at_ms", record.expires_at_ms},
                  {"nonce", record.nonce}});
}

Result<LeaseRecord> decode_lease(std::string_view bytes) {
  const Json json = TRY(parse_json(bytes));
  if (TRY(get_uint(json, "version")) != kLeaseVersion) {
    return fail(Code::corrupt, "a lease of an unknown version");
  }
  LeaseRecord record;
  record.operation = OperationId(TRY(get_string(json, "operation")));
  record.coordinator = MachineId(TRY(get_string(json, "coordinator")));
  record.attempt = TRY(get_uint(json, "attempt"));
  record.expires_at_ms = TRY(get_uint(json, "expires_at_ms"));
  record.nonce = TRY(get_string(json, "nonce"));
  return record;
}

std::string lease_key(const NamespaceName& name_space) {
  return "ns." + name_space.str();
}

Result<std::optional<FoundLease>> find_lease(KeyValue& records, const NamespaceName& name_space) {
  const auto found = TRY(records.get(Bucket::leases, lease_key(name_space)));
  if (!found) return std::optional<FoundLease>();
  FoundLease lease{std::nullopt, found->revision};
  if (auto record = decode_lease(found->value)) lease.record = std::move(*record);
  return std::optional(std::move(lease));
}

Status Lease::take(const NamespaceName& name_space, LeaseRecord record, uint64_t revision) {
  key_ = lease_key(name_space);
  record_ = std::move(record);
  record_.expires_at_ms = clock_.wall_ms() + static_cast<uint64_t>(ttl_.count());
  renewed_at_ms_ = clock_.steady_ms();
  revision_ = TRY(write_record(records_, clock_, Bucket::leases, key_, encode(record_), revision));
  return {};
}

void Lease::renew_if_due() {
  if (!held()) return;
  const uint64_t now_ms = clock_.steady_ms();
  if (now_ms - renewed_at_ms_ < static_cast<uint64_t>(ttl_.count()) / 3) return;
  renewed_at_ms_ = now_ms;
  LeaseRecord renewed = record_;
  renewed.expires_at_ms = clock_.wall_ms() + static_cast<uint64_t>(ttl_.count());
  const std::string value = encode(renewed);
  auto written = records_.update(Bucket::leases, key_, value, revision_);
  if (written) {
    revision_ = *written;
    return;
  }
  // An earlier renewal of unknown outcome may have moved the revision: the nonce says if it is
  // ours.
  const auto found = records_.get(Bucket::leases, key_);
  if (!found || !*found) return;
  const auto theirs = decode_lease((*found)->value);
  if (theirs && theirs->nonce == record_.nonce) revision_ = (*found)->revision;
}

void Lease::release() {
  if (!held()) return;
  (void)records_.remove(Bucket::leases, key_, revision_);
  revision_ = 0;
}

void Lease::leave() {
  if (!held()) return;
  record_.expires_at_ms = 0;
  (void)records_.update(Bucket::leases, key_, encode(record_), revision_);
  revision_ = 0;
}

}  // namespace ployz

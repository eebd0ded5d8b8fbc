// Small records on NATS's key-value buckets. Bodies are NATS's own layout (a removal is a message
// with header `KV-Operation: DEL`), so `nats kv` reads them; written directly because cnats has no
// removal by revision.
#pragma once

#include "drivers/nats/connection.h"
#include "ports/control_store.h"

namespace ployz {

class NatsKeyValue : public KeyValue {
 public:
  // The connection outlives this and its subscriptions.
  explicit NatsKeyValue(NatsConnection& connection) : connection_(connection) {}

  [[nodiscard]] Result<std::optional<Record>> get(Bucket bucket, std::string_view key) override;
  [[nodiscard]] Result<uint64_t> create(Bucket bucket, std::string_view key,
                                        std::string_view value) override;
  [[nodiscard]] Result<uint64_t> update(Bucket bucket, std::string_view key, std::string_view value,
                                        uint64_t revision) override;
  [[nodiscard]] Status remove(Bucket bucket, std::string_view key, uint64_t revision) override;
  [[nodiscard]] Result<std::vector<Record>> list(Bucket bucket) override;
  // Removals made before the call are not delivered, those made during a gap are.
  [[nodiscard]] Result<std::unique_ptr<Subscription>> watch(
      Bucket bucket, std::function<void(Record, bool removed)> on_change) override;

 private:
  NatsConnection& connection_;
};

}  // namespace ployz

#include "drivers/nats/epoch_log.h"

#include "drivers/nats/feed.h"
#include "drivers/nats/jetstream.h"
#include "drivers/nats/streams.h"

namespace ployz {
namespace {

Result<StoredTransfer> parse(const jetstream::Message& message) {
  auto record = parse_json(message.data).and_then(transfer_record_from_json);
  if (!record) {
    Error error = std::move(record).error();
    error.code = Code::corrupt;
    return fail(std::move(error).at("transfers of the store"));
  }
  return StoredTransfer{*std::move(record), message.sequence};
}

}  // namespace

Result<std::optional<StoredTransfer>> newest_transfer(NatsConnection& connection) {
  const auto found = TRY(jetstream::last(connection, kEpochStream, kEpochSubject));
  if (!found) return std::nullopt;
  return TRY(parse(*found));
}

Result<uint64_t> append_transfer(NatsConnection& admin, const TransferRecord& record,
                                 uint64_t expected) {
  return jetstream::append(admin, {std::string(kEpochSubject), to_text(to_json(record)), {}},
                           expected);
}

Result<std::unique_ptr<Subscription>> follow_transfers(
    NatsConnection& connection, std::function<void(const StoredTransfer&)> on_transfer) {
  return follow_feed(connection, {std::string(kEpochStream), std::string(kEpochSubject), true},
                     {[on_transfer = std::move(on_transfer)](const jetstream::Message& message) {
                        if (const auto parsed = parse(message)) on_transfer(*parsed);
                      },
                      {}});
}

}  // namespace ployz

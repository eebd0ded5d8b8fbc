#include "store_host.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "base/files.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/server_config.h"
#include "drivers/nats/stream_copy.h"
#include "drivers/nats/streams.h"
#include "engine/record_write.h"
#include "mesh/roster.h"
#include "nats_files.h"
#include "self.h"

namespace ployz {
namespace {

constexpr auto kServerUp = std::chrono::seconds(20);
// For what one machine of a store restored to reach the others.
constexpr auto kAgreed = std::chrono::seconds(45);
constexpr auto kRetry = std::chrono::milliseconds(250);
constexpr std::string_view kEpochLine = "# store epoch ";

Status not_holder(const Identity& identity) {
  if (identity.has_store()) return {};
  return fail(Code::precondition, std::format("machine {} does not hold the store",
                                              identity.machine.name));
}

Error busy(const TransferRecord& record) {
  return {Code::conflict, Effect::none,
          std::format("the store is being moved by operation {}", record.operation.str()),
          "wait for that, two minutes at most", {}};
}

// What a new store says of itself: its epoch, and who holds it.
Status write_place(KeyValue& records, Clock& clock, const StoreEpoch& next) {
  const auto epoch = TRY(records.get(Bucket::meta, kStoreEpochKey));
  if (!epoch) return fail(Code::corrupt, "the copied store does not say its epoch");
  const std::string value = std::to_string(next.epoch);
  if (epoch->value != value) {
    TRY(write_record(records, clock, Bucket::meta, kStoreEpochKey, value, epoch->revision));
  }
  for (const Record& record : TRY(records.list(Bucket::machines))) {
    auto machine = parse_json(record.value).and_then(machine_from_json);
    if (!machine || machine->stores == next.includes(machine->id)) continue;
    machine->stores = !machine->stores;
    TRY(write_record(records, clock, Bucket::machines, record.key, to_text(to_json(*machine)),
                     record.revision));
  }
  return {};
}

}  // namespace

bool StoreHost::knows(std::string_view command) {
  return is_store_call(command) || command == "store_epoch";
}

Result<Json> StoreHost::handle(const std::string& command, const Json& request) {
  if (command == "store_epoch") return Json{{"epoch", ports_.identity().store.epoch}};
  const StoreCall call = TRY(store_call_from_json(request));
  const auto done = [](const Status& status) -> Result<Json> {
    if (!status) return fail(status.error());
    return Json::object();
  };
  if (command == kStoreForm) return done(form(call));  // changes nothing here, and takes its time
  const std::scoped_lock lock(changing_);
  if (command == kStorePrepare) return done(prepare(call));
  if (command == kStoreDiscard) return done(discard(call));
  if (command == kStoreFreeze) return done(freeze(call));
  if (command == kStoreCopy) return to_json(TRY(copy(call)));
  if (command == kStoreCommit) return to_json(TRY(decide(call, TransferState::committed)));
  return to_json(TRY(decide(call, TransferState::aborted)));
}

Identity StoreHost::identity_in(const StoreEpoch& next) const {
  Identity identity = ports_.identity();
  identity.store = next;
  identity.machine.stores = identity.has_store();
  return identity;
}

Result<std::unique_ptr<NatsConnection>> StoreHost::connect(const Identity& identity,
                                                           bool as_admin) const {
  const NatsRole role = as_admin ? NatsRole::admin : NatsRole::daemon;
  NatsConfig config;
  config.urls = {nats_url(identity.store.epoch)};
  config.seed = TRY(nkey_at(as_admin ? paths_.admin_seed() : paths_.daemon_seed())).seed();
  config.name = "store transfer";
  config.inbox_prefix = inbox_prefix(identity.machine.id, role);
  if (as_admin) config.domain = kStoreDomain;
  auto connection = TRY(NatsConnection::open(std::move(config)));
  TRY(connection->wait_connected(kServerUp));
  return connection;
}

uint64_t StoreHost::other_epoch() const {
  const auto text = read_file(paths_.nats_config(ports_.identity().store.epoch + 1));
  if (!text || !*text) return 0;
  const size_t line = (*text)->find(kEpochLine);
  if (line == std::string::npos) return 0;
  uint64_t epoch = 0;
  const char* const begin = (*text)->c_str() + line + kEpochLine.size();
  std::from_chars(begin, (*text)->c_str() + (*text)->size(), epoch);
  return epoch;
}

// Kept, under another name: nobody's only copy is ever deleted here.
Status StoreHost::set_aside(uint64_t epoch, const OperationId& why) {
  const std::filesystem::path directory = store_directory(paths_.data.string(), epoch);
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) return {};
  std::filesystem::rename(directory,
                          directory.string() + "." + why.str() + "." +
                              std::to_string(ports_.clock.wall_ms()),
                          error);
  if (!error) return {};
  return fail(Code::denied, std::format("cannot set {} aside: {}", directory.string(),
                                        error.message()));
}

Status StoreHost::prepare(const StoreCall& call) {
  const Identity now = ports_.identity();
  if (call.next.epoch != now.store.epoch + 1 || !call.next.includes(now.machine.id)) {
    return fail(Code::precondition,
                std::format("machine {} follows epoch {} of the store", now.machine.name,
                            now.store.epoch),
                "the store has moved meanwhile: try again");
  }
  // Whatever runs there is of an epoch that is over, or of a try that was given up.
  TRY(ports_.units.ensure_stopped(unit::nats(call.next.epoch)));
  TRY(set_aside(call.next.epoch, call.operation));
  if (call.next.members.size() > 1) TRY(write_file(paths_.store_secret(), call.secret, 0600));
  const Identity next = identity_in(call.next);
  (void)TRY(write_nats_config(next, paths_, StoreStage::serves, {}));
  TRY(ports_.units.ensure_started(unit::nats(call.next.epoch)));
  (void)TRY(connect(next, true));
  return {};
}

Status StoreHost::discard(const StoreCall& call) {
  const uint64_t epoch = call.next.epoch;
  if (ports_.identity().store.epoch >= epoch || other_epoch() != epoch) return {};
  TRY(ports_.units.ensure_stopped(unit::nats(epoch)));
  TRY(remove_file(paths_.nats_config(epoch)));
  return set_aside(epoch, call.operation);
}

Status StoreHost::set_frozen(NatsConnection& admin, bool frozen) {
  for (const std::string& stream : all_streams()) TRY(freeze_stream(admin, stream, frozen));
  return {};
}

Status StoreHost::freeze(const StoreCall& call) {
  const Identity identity = ports_.identity();
  TRY(not_holder(identity));
  if (call.next.epoch != identity.store.epoch + 1) {
    return fail(Code::precondition, std::format("the store is of epoch {}", identity.store.epoch));
  }
  const auto admin = TRY(connect(identity, true));
  const auto newest = TRY(newest_transfer(*admin));
  const bool begun = newest && newest->record.operation == call.operation;
  if (begun && newest->record.state != TransferState::begun) return fail(busy(newest->record));
  if (!begun) {
    if (newest && newest->record.state != TransferState::aborted) return fail(busy(newest->record));
    const TransferRecord record{TransferState::begun, call.operation, call.next,
                                ports_.clock.wall_ms() + kStoreDecision.count()};
    TRY(append_transfer(*admin, record, newest ? newest->sequence : 0));
  }
  frozen_at_ms_ = ports_.clock.steady_ms();
  return set_frozen(*admin, true);
}

Result<std::unique_ptr<NatsConnection>> StoreHost::connect_next(const StoreCall& call) const {
  const Identity next = identity_in(call.next);
  if (!next.has_store() || other_epoch() != call.next.epoch) {
    return fail(Code::precondition, "no server of the next epoch was prepared here");
  }
  return connect(next, true);
}

Status StoreHost::eventually(std::chrono::milliseconds limit,
                             const std::function<Status()>& attempt) const {
  const uint64_t until = ports_.clock.steady_ms() + static_cast<uint64_t>(limit.count());
  Status done = attempt();
  while (!done && ports_.clock.steady_ms() < until) {
    ports_.clock.sleep_for(kRetry, {});
    done = attempt();
  }
  return done;
}

// A restore that fails half-way leaves an empty stream, which nobody may delete. So the servers are known
// to be one store before the first, and before anybody has to wait for it.
Status StoreHost::form(const StoreCall& call) {
  const auto to = TRY(connect_next(call));
  const int replicas = static_cast<int>(call.next.members.size());
  return eventually(kStoreForming, [&]() -> Status {
    TRY(ensure_epoch_stream(*to, replicas));
    return check_settled(*to, std::string(kEpochStream));
  });
}

Result<CopiedStore> StoreHost::copy(const StoreCall& call) {
  const auto to = TRY(connect_next(call));
  const int replicas = static_cast<int>(call.next.members.size());
  std::error_code error;
  std::filesystem::create_directories(paths_.store_copies(), error);
  CopiedStore copied;
  for (const std::string& stream : all_streams()) {
    const auto file = paths_.store_copies() / stream;
    const StreamSnapshot taken = TRY(take_snapshot(ports_.connection, stream, file));
    copied.bytes += std::filesystem::file_size(file, error);
    TRY(restore_stream(*to, taken, replicas));
    TRY(eventually(kAgreed, [&] { return check_settled(*to, stream); }));
    std::filesystem::remove(file, error);
    // Whichever machine of either store reads may still be fetching what another one has.
    StreamDigest was;
    TRY(eventually(kAgreed, [&]() -> Status {
      was = TRY(digest_stream(ports_.connection, stream));
      const StreamDigest is = TRY(digest_stream(*to, stream));
      if (was == is) return {};
      return fail(Code::corrupt, std::format("the copy of stream {} differs: {} messages of {}",
                                             stream, is.messages, was.messages));
    }));
    copied.messages += was.messages;
  }
  const auto daemon = TRY(connect(identity_in(call.next), false));
  NatsKeyValue records(*daemon);
  TRY(write_place(records, ports_.clock, call.next));
  return copied;
}

Result<Decision> StoreHost::decide(const StoreCall& call, TransferState wanted) {
  const Identity identity = ports_.identity();
  if (identity.store.epoch >= call.next.epoch) return Decision{TransferState::committed, 0};
  TRY(not_holder(identity));
  const auto admin = TRY(connect(identity, true));
  auto newest = TRY(newest_transfer(*admin));
  if (newest && newest->record.operation == call.operation &&
      newest->record.state == TransferState::begun) {
    if (wanted == TransferState::committed) {
      for (const std::string& stream : all_streams()) TRY(check_frozen(*admin, stream));
    }
    TransferRecord record = newest->record;
    record.state = wanted;
    const auto appended = append_transfer(*admin, record, newest->sequence);
    if (!appended && appended.error().code != Code::conflict) return fail(appended.error());
    newest = TRY(newest_transfer(*admin));
  }
  const bool committed = newest && newest->record.operation == call.operation &&
                         newest->record.state == TransferState::committed;
  if (!committed) TRY(set_frozen(*admin, false));
  return Decision{committed ? TransferState::committed : TransferState::aborted,
                  frozen_at_ms_ == 0 ? 0 : ports_.clock.steady_ms() - frozen_at_ms_};
}

}  // namespace ployz

#include "store_host.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "base/files.h"
#include "drivers/nats/key_value.h"
#include "drivers/nats/server_config.h"
#include "drivers/nats/stream_copy.h"
#include "drivers/nats/streams.h"
#include "mesh/store_decision.h"
#include "nats_files.h"
#include "self.h"

namespace ployz {
namespace {

constexpr auto kServerUp = std::chrono::seconds(20);
// For what one machine of a store restored to reach the others.
constexpr auto kAgreed = std::chrono::seconds(45);
constexpr auto kRetry = std::chrono::milliseconds(250);
constexpr auto kCopyTick = std::chrono::seconds(1);  // nothing is done meanwhile
constexpr std::string_view kEpochLine = "# store epoch ";

Status not_holder(const Identity& identity) {
  if (identity.has_store()) return {};
  return fail(Code::precondition, std::format("machine {} does not hold the store",
                                              identity.machine.name));
}

// The transfers of the store in force, as its admin reaches them.
class AdminLog final : public TransferLog {
 public:
  explicit AdminLog(NatsConnection& admin) : admin_(admin) {}
  Result<std::optional<StoredTransfer>> newest() override { return newest_transfer(admin_); }
  Result<uint64_t> append(const TransferRecord& record, uint64_t expected) override {
    return append_transfer(admin_, record, expected);
  }
  Status check_frozen() override {
    for (const std::string& stream : all_streams()) TRY(ployz::check_frozen(admin_, stream));
    return {};
  }
  Status set_frozen(bool frozen) override {
    for (const std::string& stream : all_streams()) TRY(freeze_stream(admin_, stream, frozen));
    return {};
  }

 private:
  NatsConnection& admin_;
};

// A stream that is there already was restored by this machine's former daemon, perhaps in part.
Status restore_once(NatsConnection& to, const StreamSnapshot& taken, int replicas) {
  const Status restored = restore_stream(to, taken, replicas);
  if (restored || restored.error().code != Code::exists) return restored;
  return fail(Code::unavailable, "ployzd ended on the machine that copied the store",
              "give the command again");
}

// Beside the configuration of a server that was prepared: the operation that it was started for.
std::filesystem::path made_for_file(const Paths& paths, uint64_t epoch) {
  return paths.nats_config(epoch).string() + ".operation";
}

}  // namespace

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
  if (as_admin) {
    config.domain = identity.has_store() ? std::string(kStoreDomain)
                                         : mirror_domain(identity.machine.id);
  }
  auto connection = TRY(NatsConnection::open(std::move(config)));
  TRY(connection->wait_connected(kServerUp));
  return connection;
}

Result<std::unique_ptr<NatsConnection>> StoreHost::connect_to_copy() const {
  if (!ports_.connection.connected()) {
    return fail(Code::unavailable, "this machine's NATS does not answer", "ployzctl doctor");
  }
  return connect(ports_.identity(), true);
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

bool StoreHost::is_prepared(const StoreCall& call) const {
  const auto made_for = read_file(made_for_file(paths_, call.next.epoch));
  return other_epoch() == call.next.epoch && made_for && *made_for &&
         **made_for == call.operation.str();
}

Status StoreHost::prepare(const StoreCall& call) {
  const Identity now = ports_.identity();
  const auto newest = TRY(newest_transfer(ports_.connection));
  TRY(check_prepare(now.machine, now.store, newest, call));
  // What is there when this comes twice may be a copy by now.
  if (!is_prepared(call)) return start_empty(call);
  TRY(ports_.units.ensure_started(unit::nats(call.next.epoch)));
  (void)TRY(connect_next(call));
  return {};
}

// Whatever runs there is of an epoch that is over, or of a try that was given up.
Status StoreHost::start_empty(const StoreCall& call) {
  const uint64_t epoch = call.next.epoch;
  TRY(ports_.units.ensure_stopped(unit::nats(epoch)));
  TRY(remove_file(made_for_file(paths_, epoch)));
  TRY(set_aside(epoch, call.operation));
  if (call.next.members.size() > 1) TRY(write_file(paths_.store_secret(), call.secret, 0600));
  (void)TRY(write_nats_config(identity_in(call.next), paths_, StoreStage::serves, {}));
  TRY(write_file(made_for_file(paths_, epoch), call.operation.str(), 0600));
  TRY(ports_.units.ensure_started(unit::nats(epoch)));
  (void)TRY(connect_next(call));
  return {};
}

Status StoreHost::discard(const StoreCall& call) {
  const uint64_t epoch = call.next.epoch;
  if (ports_.identity().store.epoch >= epoch || !is_prepared(call)) return {};
  TRY(ports_.units.ensure_stopped(unit::nats(epoch)));
  TRY(remove_file(paths_.nats_config(epoch)));
  return set_aside(epoch, call.operation);
}

Status StoreHost::freeze(const StoreCall& call) {
  const Identity identity = ports_.identity();
  TRY(not_holder(identity));
  const auto admin = TRY(connect(identity, true));
  AdminLog log(*admin);
  const uint64_t before = ports_.clock.steady_ms();
  TRY(begin_transfer(log, identity.store, call, ports_.clock.wall_ms()));
  frozen_at_ms_ = before;
  return {};
}

Result<std::unique_ptr<NatsConnection>> StoreHost::connect_next(const StoreCall& call) const {
  const Identity next = identity_in(call.next);
  if (!next.has_store() || !is_prepared(call)) {
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
    // It may have been discarded meanwhile, and this connection finds whatever is started there next.
    if (!is_prepared(call)) return fail(Code::precondition, "that server was discarded");
    TRY(ensure_epoch_stream(*to, replicas));
    return check_settled(*to, std::string(kEpochStream));
  });
}

Result<CopiedStore> StoreHost::copy_stream(const std::string& stream, NatsConnection& to,
                                           int replicas) const {
  const auto file = paths_.store_copies() / stream;
  std::error_code error;
  const StreamSnapshot taken = TRY(take_snapshot(ports_.connection, stream, file));
  const uint64_t bytes = std::filesystem::file_size(file, error);
  TRY(restore_once(to, taken, replicas));
  TRY(eventually(kAgreed, [&] { return check_settled(to, stream); }));
  std::filesystem::remove(file, error);
  // Whichever machine of either store reads may still be fetching what another one has.
  StreamDigest was;
  TRY(eventually(kAgreed, [&]() -> Status {
    was = TRY(digest_stream(ports_.connection, stream));
    const StreamDigest is = TRY(digest_stream(to, stream));
    if (was == is) return {};
    return fail(Code::corrupt, std::format("the copy of stream {} differs: {} messages of {}",
                                           stream, is.messages, was.messages));
  }));
  return CopiedStore{was.messages, bytes};
}

// All streams at once: each waits for its machines to agree, several times, while nobody can write.
Result<CopiedStore> StoreHost::copy(const StoreCall& call) {
  const auto to = TRY(connect_next(call));
  const int replicas = static_cast<int>(call.next.members.size());
  std::error_code error;
  std::filesystem::create_directories(paths_.store_copies(), error);
  const std::vector<std::string> streams = all_streams();
  std::vector<Result<CopiedStore>> copies(streams.size());
  std::vector<std::function<void()>> tasks;
  tasks.reserve(streams.size());
  for (size_t n = 0; n < streams.size(); ++n) {
    tasks.emplace_back([&, n] { copies[n] = copy_stream(streams[n], *to, replicas); });
  }
  ports_.executor.run_all(std::move(tasks), kCopyTick, {});
  CopiedStore copied;
  for (const auto& copy : copies) {
    const CopiedStore one = TRY(copy);
    copied.messages += one.messages;
    copied.bytes += one.bytes;
  }
  const auto daemon = TRY(connect(identity_in(call.next), false));
  NatsKeyValue records(*daemon);
  TRY(write_place(records, ports_.clock, call));
  return copied;
}

Status StoreHost::enforce(const StoredTransfer& newest) {
  const Identity identity = ports_.identity();
  if (!identity.has_store() || enforced_ == newest) return {};
  const auto admin = TRY(connect(identity, true));
  AdminLog log(*admin);
  TRY(enforce_decision(log));
  enforced_ = newest;
  return {};
}

Result<Decision> StoreHost::decide(const StoreCall& call, TransferState wanted) {
  const Identity identity = ports_.identity();
  if (identity.store.epoch >= call.next.epoch) {
    NatsKeyValue records(ports_.connection);
    return Decision{TRY(decided_before(records, call)), 0};
  }
  TRY(not_holder(identity));
  const auto admin = TRY(connect(identity, true));
  AdminLog log(*admin);
  const TransferState state = TRY(decide_transfer(log, call, wanted));
  return Decision{state, frozen_at_ms_ == 0 ? 0 : ports_.clock.steady_ms() - frozen_at_ms_};
}

}  // namespace ployz

#include "node.h"

#include <algorithm>
#include <format>
#include <utility>

#include <spdlog/spdlog.h>

#include "data_plane.h"
#include "guest.h"
#include "joiner.h"
#include "leaver.h"
#include "mesh/roster.h"
#include "nats_files.h"
#include "self.h"

namespace ployz {
namespace {

// The answer to whoever told it to leave gets out before the connection ends.
constexpr auto kAnswerGrace = std::chrono::milliseconds(1000);
// What keeps it from leaving, such as a pool that is in use, ends within seconds or needs somebody.
constexpr auto kLeaveRetry = std::chrono::milliseconds(5000);

std::unexpected<Error> belongs_to(const std::string& network) {
  return fail(Code::exists, std::format("this machine belongs to network {} already", network),
              "a machine is in one network; leave it first: ployzctl mesh destroy");
}

}  // namespace

Node::Node(Config config, Paths paths, LocalDrivers drivers)
    : config_(std::move(config)),
      paths_(std::move(paths)),
      drivers_([&] {
        drivers.leave = [this](const LeaveRequest& request) { return told_to_leave(request); };
        drivers.removed = [this](const RemovalNotice& notice) { return told_removed(notice); };
        return std::move(drivers);
      }()),
      started_at_ms_(drivers_.clock.wall_ms()) {}

void Node::become(std::shared_ptr<Member> member, std::string stopped) {
  if (member) {
    member->follow_store(
        [this, &member = *member](const StoreEpoch& next) { return go_over(member, next); });
  }
  std::shared_ptr<Member> former;  // ended without the lock
  const std::scoped_lock lock(mutex_);
  former = std::exchange(member_, std::move(member));
  stopped_ = std::move(stopped);
}

Status Node::start() {
  const auto identity = TRY(load_identity(paths_.identity()));
  if (identity && identity->leaving) {
    const std::scoped_lock lock(changing_);
    begin_leaving(identity->network, {});
    return {};
  }
  if (identity && identity->removed) {
    const std::scoped_lock lock(changing_);
    begin_ending(*identity);
    return {};
  }
  // One that is not complete is a command that was cut off; the same command continues it.
  if (!identity || !identity->complete) {
    // A guest that was cut off keeps nothing of the token (guest.h).
    if (!identity || !identity->network.empty()) return {};
    if (const Status removed = drivers_.overlay.remove(); !removed) {
      spdlog::warn("{}", removed.error().line());
    }
    return {};
  }
  if (identity->stopped) {
    become(nullptr, identity->network);
    return {};
  }
  const Config config = network_config(config_, *identity);
  // The unit has brought the tunnel up at boot; this repairs what is missing. Without it the daemon
  // still answers for its machine.
  if (const Status up = start_networks(*identity, config, paths_, drivers_); !up) {
    spdlog::error("{}", up.error().line());
  }
  // So has its unit the storage pool.
  if (drivers_.storage.volumes() != nullptr) {
    if (const Status pool = drivers_.storage.ensure(); !pool) {
      spdlog::error("{}", pool.error().line());
    }
  }
  // A move of the store that a death of this daemon cut short is ended.
  for (const Status& started : {drivers_.units.ensure_started(unit::nats(identity->store.epoch)),
                                point_router(*identity, config, paths_, drivers_)}) {
    if (!started) spdlog::error("{}", started.error().line());
  }
  become(TRY(Member::join(*identity, config, paths_, drivers_)));
  return {};
}

Status Node::go_over(Member& member, const StoreEpoch& next) {
  // Who holds it may be about to end this very member, and waits for its threads.
  const std::unique_lock lock(changing_, std::try_to_lock);
  if (!lock) return fail(Code::unavailable, "this machine is changing in another way");
  const Identity former = member.identity();
  // Frozen, so as the next store has it. Where it is out of reach, as it was seen last: then others are
  // ahead, and what differs comes with the next store's own records.
  Roster roster{*member.last_seen(), {}};
  if (auto stored = read_roster(member.records())) roster = *std::move(stored);
  Identity identity = former;
  identity.store = next;
  identity.machine.stores = identity.has_store();
  identity.mirrors = keeps_mirrors(roster.machines, identity.machine.id, next);
  const auto leaves = identity.has_store() ? store_users_of(roster, identity.machine.id,
                                                            drivers_.clock.wall_ms())
                                           : std::vector<StoreUser>();
  const std::string unit = unit::nats(next.epoch);
  (void)TRY(write_nats_config(identity, paths_, StoreStage::serves, leaves));
  // A store's server was started to be copied to. Any other that runs there is of an epoch before.
  if (!identity.has_store()) TRY(drivers_.units.ensure_stopped(unit));
  TRY(drivers_.units.ensure_started(unit));
  if (identity.has_store()) TRY(drivers_.units.reload(unit));
  TRY(save_identity(paths_.identity(), identity));
  TRY(point_router(identity, network_config(config_, identity), paths_, drivers_));
  TRY(member.move_store(identity));
  spdlog::info("the store is of epoch {} now", next.epoch);
  // A store that is over stays for a while (StoreHost::end_former); a leaf node of it is of no use.
  return former.has_store() ? Status{}
                            : drivers_.units.ensure_stopped(unit::nats(former.store.epoch));
}

Config Node::config() {
  const std::scoped_lock lock(mutex_);
  return member_ ? network_config(config_, member_->identity()) : config_;
}

Result<std::shared_ptr<Member>> Node::member() {
  const std::scoped_lock lock(mutex_);
  if (!left_.empty()) {
    return fail(Code::precondition, std::format("this machine is leaving network {}", left_),
                "it does so by itself; see: journalctl -u ployzd");
  }
  if (removed_) return fail(was_removed(*removed_));
  if (member_) return member_;
  if (!stopped_.empty()) {
    return fail(Code::precondition,
                std::format("network {} is stopped on this machine", stopped_),
                "ployzctl mesh start");
  }
  return fail(Code::precondition, "this machine belongs to no network",
              "found one: ployzctl mesh init NAME");
}

Result<bool> Node::found_network(const std::string& name, const Progress& progress) {
  TRY(check_dns_label(name, "network name"));
  const std::scoped_lock lock(changing_);
  TRY(check_not_removed());
  Identity identity = TRY(ensure_self(config_, paths_, drivers_));
  const bool named = !identity.network.empty();
  if (named && identity.network != name) return belongs_to(identity.network);
  if (identity.complete) return false;
  if (named && !identity.has_store()) {
    return fail(Code::exists, std::format("this machine is joining network {}", name),
                "go on with that, or: ployzctl mesh destroy --force");
  }
  const Config config = network_config(config_, identity);
  Founder founder(config, paths_, drivers_);
  if (!named) TRY(founder.name_network(identity, name));
  become(TRY(founder.found(identity, progress)));
  return true;
}

Result<SelfRecord> Node::self_record() {
  const std::scoped_lock lock(changing_);
  TRY(check_not_removed());
  return self_record_of(TRY(ensure_self(config_, paths_, drivers_)), drivers_.clock.wall_ms());
}

Result<bool> Node::join_network(const JoinBundle& bundle, const Progress& progress) {
  const std::scoped_lock lock(changing_);
  TRY(check_not_removed());
  Identity identity = TRY(ensure_self(config_, paths_, drivers_));
  TRY(Joiner::check(bundle, identity));
  if (!identity.network.empty() &&
      (identity.network != bundle.network.name || identity.has_store())) {
    return belongs_to(identity.network);
  }
  if (identity.complete) return false;
  TRY(come_in(identity, bundle, progress));
  return true;
}

Status Node::come_in(Identity& identity, const JoinBundle& bundle, const Progress& progress) {
  Joiner::take_on(identity, bundle);
  TRY(save_identity(paths_.identity(), identity));
  const Config config = network_config(config_, identity);
  Joiner joiner(config, paths_, drivers_);
  become(TRY(joiner.join(identity, bundle, progress)));
  return {};
}

Result<bool> Node::become_active(const Progress& progress) {
  const auto member = TRY(this->member());
  const MachineId self = member->identity().machine.id;
  const Roster roster = TRY(read_roster(member->records()));
  if (roster.machine(self)) return false;
  if (!roster.includes(self, drivers_.clock.wall_ms())) {
    return fail(Code::precondition,
                std::format("network {} does not know this machine: it took too long to join, or "
                            "was removed",
                            member->identity().network),
                "leave it here too, ployzctl mesh destroy --force --yes; then join with another "
                "token");
  }
  progress("proving overlay, agent, router and transfers");
  (void)TRY(member->admissions().activate(
      self, [&](const Event& event) { progress(event.text); }, {}));
  return true;
}

Result<bool> Node::join_by_token(const JoinToken& token, const Progress& progress) {
  const std::scoped_lock lock(changing_);
  TRY(check_not_removed());
  const auto found = TRY(load_identity(paths_.identity()));
  if (found && !found->network.empty()) {
    if (found->network != token.network) return belongs_to(found->network);
    if (!found->complete && found->has_store()) return belongs_to(found->network);
  }
  if (found && (found->complete || found->leaving)) return become_active(progress);
  if (token.expires_at_ms <= drivers_.clock.wall_ms()) {
    return fail(Code::denied, "the join token has expired, by this machine's clock",
                "create another one: ployzctl machine invite create");
  }
  Identity identity = TRY(ensure_self(config_, paths_, drivers_));
  const auto bundle = ask_as_guest(token, identity, drivers_, progress);
  if (!bundle) {
    // Whoever was let in, if only perhaps, must ask again as the same machine.
    if (!found && bundle.error().effect == Effect::none) forget_self(paths_);
    return fail(bundle.error());
  }
  TRY(Joiner::check(*bundle, identity));
  if (bundle->network.name != token.network) {
    return fail(Code::corrupt, "the machines of the token are of another network than it says");
  }
  const Status joined = come_in(identity, *bundle, progress);
  const auto active = joined ? become_active(progress) : Result<bool>(fail(joined.error()));
  if (active) return true;
  Error error = active.error();
  error.hint += std::string(error.hint.empty() ? "" : "; ") +
                "then the same command again, or give it up: ployzctl mesh destroy --force --yes";
  return fail(std::move(error));
}

Result<bool> Node::stop_network(bool force, const Progress& progress) {
  const std::scoped_lock lock(changing_);
  TRY(check_not_removed());
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity || !identity->complete) return fail(member().error());
  if (!force) {
    const auto instances = TRY(drivers_.containers.list());
    const auto running = std::ranges::count(instances, InstanceState::running, &FoundInstance::state);
    if (running > 0) {
      return fail(Code::precondition,
                  std::format("this machine runs {} instances, which nobody could reach", running),
                  "to do it all the same: ployzctl mesh stop --force");
    }
  }
  const bool was_stopped = std::exchange(identity->stopped, true);
  TRY(save_identity(paths_.identity(), *identity));
  become(nullptr, identity->network);
  TRY(stop_services(drivers_, progress));
  return !was_stopped;
}

Result<bool> Node::start_network(const Progress& progress) {
  const std::scoped_lock lock(changing_);
  TRY(check_not_removed());
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity || !identity->complete) return fail(member().error());
  const Config config = network_config(config_, *identity);
  TRY(start_networks(*identity, config, paths_, drivers_));
  progress("tunnel and container bridge are up");
  TRY(drivers_.storage.ensure(progress));
  TRY(drivers_.units.ensure_started(unit::nats(identity->store.epoch)));
  TRY(start_services(*identity, config, paths_, drivers_));
  if (!identity->stopped) return false;
  auto member = TRY(Member::join(*identity, config, paths_, drivers_));
  TRY(await_router(*member, drivers_.clock));
  progress("gateway, DNS and router serve");
  identity->stopped = false;
  TRY(save_identity(paths_.identity(), *identity));
  become(std::move(member));
  return true;
}

Status Node::told_to_leave(const LeaveRequest& request) {
  // Whoever has it may wait for the very call that this is, to end with its Member.
  const std::unique_lock lock(changing_, std::try_to_lock);
  if (!lock) {
    return fail(Code::conflict, "the machine is just changing its network", "ask again");
  }
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity) return {};
  if (identity->leaving) return {};
  identity->leaving = request;
  TRY(save_identity(paths_.identity(), *identity));
  begin_leaving(identity->network, kAnswerGrace);
  return {};
}

void Node::begin_leaving(const std::string& network, std::chrono::milliseconds pause) {
  {
    const std::scoped_lock lock(mutex_);
    left_ = network;
  }
  spdlog::info("told to leave network {}", network);
  leaver_ = std::jthread([this, pause](const std::stop_token& stop) { keep_leaving(stop, pause); });
}

void Node::keep_leaving(const std::stop_token& stop, std::chrono::milliseconds pause) {
  while (pause.count() == 0 || drivers_.clock.sleep_for(pause, stop)) {
    const auto left = go_on_leaving();
    if (left) {
      spdlog::info("{}", *left ? "this machine has left its network" : "nothing is left to leave");
      break;
    }
    spdlog::error("leaving: {}", left.error().line());
    pause = kLeaveRetry;
  }
  const std::scoped_lock lock(mutex_);
  if (!stop.stop_requested()) left_.clear();
}

Result<bool> Node::go_on_leaving() {
  const std::scoped_lock lock(changing_);
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity || !identity->leaving) return false;
  become(nullptr);
  TRY(leave(*std::move(identity), paths_, drivers_,
            [](const std::string& text) { spdlog::info("leaving: {}", text); }));
  return true;
}

Status Node::leave_network(bool force, bool keep_data, const Progress& progress) {
  const std::scoped_lock lock(changing_);
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity) return {};
  {
    const auto member = this->member();
    if (!force) TRY(check_may_leave(member ? member->get() : nullptr, drivers_, keep_data));
    if (member) leave_records(**member, drivers_, progress);
  }
  become(nullptr);
  if (keep_data && !identity->leaving) identity->leaving = LeaveRequest{{}, true};
  TRY(leave(*std::move(identity), paths_, drivers_, progress));
  const std::scoped_lock forgotten(mutex_);
  removed_.reset();
  return {};
}

}  // namespace ployz

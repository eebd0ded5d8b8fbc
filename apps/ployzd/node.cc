#include "node.h"

#include <format>

#include <spdlog/spdlog.h>

#include "data_plane.h"
#include "joiner.h"
#include "leaver.h"
#include "self.h"

namespace ployz {
namespace {

std::unexpected<Error> belongs_to(const std::string& network) {
  return fail(Code::exists, std::format("this machine belongs to network {} already", network),
              "a machine is in one network; leave it first: ployzctl mesh destroy");
}

}  // namespace

Node::Node(Config config, Paths paths, LocalDrivers drivers)
    : config_(std::move(config)),
      paths_(std::move(paths)),
      drivers_(drivers),
      started_at_ms_(drivers_.clock.wall_ms()) {}

void Node::become(std::shared_ptr<Member> member) {
  std::shared_ptr<Member> former;  // ended without the lock
  const std::scoped_lock lock(mutex_);
  former = std::exchange(member_, std::move(member));
}

Status Node::start() {
  const auto identity = TRY(load_identity(paths_.identity()));
  // One that is not complete is a command that was cut off; the same command continues it.
  if (!identity || !identity->complete) return {};
  const Config config = network_config(config_, *identity);
  // The unit has brought the tunnel up at boot; this repairs what is missing. Without it the daemon
  // still answers for its machine.
  if (const Status up = start_networks(*identity, config, paths_, drivers_); !up) {
    spdlog::error("{}", up.error().line());
  }
  become(TRY(Member::join(*identity, config, paths_, drivers_)));
  return {};
}

Config Node::config() {
  const std::scoped_lock lock(mutex_);
  return member_ ? network_config(config_, member_->identity()) : config_;
}

Result<std::shared_ptr<Member>> Node::member() {
  const std::scoped_lock lock(mutex_);
  if (member_) return member_;
  return fail(Code::precondition, "this machine belongs to no network",
              "found one: ployzctl mesh init NAME");
}

Result<bool> Node::found_network(const std::string& name, const Progress& progress) {
  TRY(check_dns_label(name, "network name"));
  const std::scoped_lock lock(changing_);
  Identity identity = TRY(ensure_self(config_, paths_, drivers_));
  const bool named = !identity.network.empty();
  if (named && identity.network != name) return belongs_to(identity.network);
  if (identity.complete) return false;
  if (named && !identity.machine.stores) {
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
  return self_record_of(TRY(ensure_self(config_, paths_, drivers_)), drivers_.clock.wall_ms());
}

Result<bool> Node::join_network(const JoinBundle& bundle, const Progress& progress) {
  const std::scoped_lock lock(changing_);
  Identity identity = TRY(ensure_self(config_, paths_, drivers_));
  TRY(Joiner::check(bundle, identity));
  if (!identity.network.empty() &&
      (identity.network != bundle.network.name || identity.machine.stores)) {
    return belongs_to(identity.network);
  }
  if (identity.complete) return false;
  Joiner::take_on(identity, bundle);
  TRY(save_identity(paths_.identity(), identity));
  const Config config = network_config(config_, identity);
  Joiner joiner(config, paths_, drivers_);
  become(TRY(joiner.join(identity, bundle, progress)));
  return true;
}

Status Node::leave_network(bool force, const Progress& progress) {
  const std::scoped_lock lock(changing_);
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity) return {};
  if (!force) {
    const auto member = this->member();
    TRY(check_may_leave(member ? member->get() : nullptr, drivers_));
  }
  become(nullptr);
  return leave(*std::move(identity), paths_, drivers_, progress);
}

}  // namespace ployz

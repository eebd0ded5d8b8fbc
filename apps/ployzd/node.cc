#include "node.h"

#include <format>

namespace ployz {

Node::Node(Config config, Paths paths, LocalDrivers drivers)
    : config_(std::move(config)),
      paths_(std::move(paths)),
      drivers_(drivers),
      started_at_ms_(drivers_.clock.wall_ms()) {}

Status Node::start() {
  const auto identity = TRY(load_identity(paths_.identity()));
  // One that is not complete is a `mesh init` that was cut off; the same command continues it.
  if (!identity || !identity->complete) return {};
  auto member = TRY(Member::join(*identity, config_, paths_, drivers_));
  const std::scoped_lock lock(mutex_);
  member_ = std::move(member);
  return {};
}

Result<std::shared_ptr<Member>> Node::member() {
  const std::scoped_lock lock(mutex_);
  if (member_) return member_;
  return fail(Code::precondition, "this machine belongs to no network",
              "found one: ployzctl mesh init NAME");
}

Result<bool> Node::found_network(const std::string& name, const Progress& progress) {
  TRY(check_dns_label(name, "network name"));
  const std::scoped_lock lock(founding_);
  auto identity = TRY(load_identity(paths_.identity()));
  if (identity && identity->network != name) {
    return fail(Code::exists,
                std::format("this machine belongs to network {} already", identity->network),
                "a machine is in one network; run the command on another machine");
  }
  if (identity && identity->complete) return false;
  Founder founder(config_, paths_, drivers_);
  if (!identity) identity = TRY(founder.new_identity(name));
  auto member = TRY(founder.found(*identity, progress));
  const std::scoped_lock member_lock(mutex_);
  member_ = std::move(member);
  return true;
}

}  // namespace ployz

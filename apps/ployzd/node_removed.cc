// The part of the daemon's life that comes when its network has removed it while it was away: it
// ends its service, keeps what it has, and says so to whoever asks.
#include <format>

#include <spdlog/spdlog.h>

#include "data_plane.h"
#include "node.h"

namespace ployz {
namespace {

// A database writes down what it has; nobody waits for it.
constexpr auto kStopGrace = std::chrono::milliseconds(30'000);
// What keeps it from ending, such as an engine that does not answer, ends by itself or needs
// somebody.
constexpr auto kEndRetry = std::chrono::milliseconds(5000);

void tell(const std::string& text) {
  spdlog::info("removed: {}", text);
}

}  // namespace

Error Node::was_removed(const Identity& identity) {
  return {
      Code::precondition,
      Effect::none,
      describe(*identity.removed, identity.machine.name, identity.network),
      std::format("its data is still here, and nothing serves; bring it in anew, from a member: "
                  "ployzctl machine add --network {} user@host; or clean it: ployzctl mesh "
                  "destroy --force --yes (--keep-data leaves the datasets)",
                  identity.network),
      {}};
}

Status Node::check_not_removed() {
  const auto identity = removed();
  return identity ? fail(was_removed(*identity)) : Status{};
}

std::optional<Identity> Node::removed() {
  const std::scoped_lock lock(mutex_);
  return removed_;
}

Status Node::told_removed(const RemovalNotice& notice) {
  // Whoever has it may be ending the very member whose thread this is.
  const std::unique_lock lock(changing_, std::try_to_lock);
  if (!lock) return fail(Code::unavailable, "this machine is changing in another way");
  auto identity = TRY(load_identity(paths_.identity()));
  if (!identity || identity->leaving || identity->removed) return {};
  identity->removed = notice;
  TRY(save_identity(paths_.identity(), *identity));
  begin_ending(*identity);
  return {};
}

void Node::begin_ending(const Identity& identity) {
  {
    const std::scoped_lock lock(mutex_);
    removed_ = identity;
  }
  spdlog::error("{}", was_removed(identity).line());
  leaver_ = std::jthread([this](const std::stop_token& stop) { keep_ending(stop); });
}

void Node::keep_ending(const std::stop_token& stop) {
  do {
    const Status ended = go_on_ending();
    if (ended) return;
    spdlog::error("ending what serves here: {}", ended.error().line());
  } while (drivers_.clock.sleep_for(kEndRetry, stop));
}

// With the services nobody reaches an instance by the gateway, by name or over the tunnel any more;
// one that is on the host's own network is reached until it stops.
Status Node::go_on_ending() {
  std::vector<FoundInstance> instances;
  {
    const std::scoped_lock lock(changing_);
    const auto identity = TRY(load_identity(paths_.identity()));
    if (!identity || !identity->removed || identity->leaving) return {};
    become(nullptr);
    TRY(stop_services(drivers_, tell));
    remove_redirects();
    instances = TRY(drivers_.containers.list());
  }
  // These alone, whatever becomes of the machine meanwhile: who cleans it need not wait.
  for (const FoundInstance& instance : instances) {
    TRY(drivers_.containers.stop(instance.id, kStopGrace));
  }
  tell("its instances are stopped; nothing was deleted");
  return {};
}

}  // namespace ployz

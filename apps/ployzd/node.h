// The daemon's life: alone until `mesh init` or `mesh join`, then a member of a network until `mesh
// destroy`. Adopts what an earlier life left: identity, keys, running units and containers.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "founder.h"
#include "identity.h"
#include "member.h"
#include "model/config.h"
#include "model/join_token.h"
#include "model/removal_notice.h"
#include "paths.h"

namespace ployz {

class Node {
 public:
  Node(Config config, Paths paths, LocalDrivers drivers);

  // Joins the network this machine belongs to, if any. Errors: see load_identity, Member::join.
  [[nodiscard]] Status start();

  // `precondition` while it belongs to none.
  [[nodiscard]] Result<std::shared_ptr<Member>> member();

  // Founds a network; true: by this call, false: it was founded before under this name. `exists`:
  // this machine belongs to another. After a failure the same call continues (founder.h).
  [[nodiscard]] Result<bool> found_network(const std::string& name, const Progress& progress);

  // What this machine says of itself, with keys that are made now if there are none.
  [[nodiscard]] Result<SelfRecord> self_record();

  // Joins the network of the bundle; true: by this call, false: it was joined before. `exists`: this
  // machine belongs to another. After a failure the same call continues (joiner.h).
  [[nodiscard]] Result<bool> join_network(const JoinBundle& bundle, const Progress& progress);

  // Joins the network of the token, from asking to be let in up to being a member; true: by this
  // call, false: it was one before. `exists`: this machine belongs to another. A machine that is
  // refused is as it was; after any other failure the same call continues.
  [[nodiscard]] Result<bool> join_by_token(const JoinToken& token, const Progress& progress);

  // Leaves its network (leaver.h); belonging to none succeeds. `precondition`: there are instances
  // or other members, unless forced. `keep_data`: its storage pool stays, with all datasets.
  [[nodiscard]] Status leave_network(bool force, bool keep_data, const Progress& progress);

  // This machine's part of the network stops, tunnel included, until start_network(), over restarts
  // too: it answers nobody, and its instances, which run on, are reached by nobody. `precondition`
  // while instances run, unless forced. Stopping the stopped succeeds with false.
  [[nodiscard]] Result<bool> stop_network(bool force, const Progress& progress);
  // Undoes that; returns when the router answers. Starting what runs repairs what is missing of it.
  [[nodiscard]] Result<bool> start_network(const Progress& progress);

  // The command "leave" (mesh/mesh_calls.h): noted when it returns; the rest is done by a thread of
  // its own, now or, after a crash, by the next start().
  [[nodiscard]] Status told_to_leave(const LeaveRequest& request);

  // Its network has removed this machine, as the members say (mesh/removal_inquiry.h): noted when
  // it returns. A thread of its own, now or after a crash by the next start(), stops gateway, DNS,
  // tunnel and instances. Nothing is deleted, and from then on every call but leave_network() is
  // refused with what it was told.
  [[nodiscard]] Status told_removed(const RemovalNotice& notice);
  // Who it was until it was told so; nullopt: it was not.
  [[nodiscard]] std::optional<Identity> removed();

  // With the settings of the network it belongs to.
  [[nodiscard]] Config config();
  [[nodiscard]] const LocalDrivers& drivers() const { return drivers_; }
  [[nodiscard]] uint64_t started_at_ms() const { return started_at_ms_; }

 private:
  const Config config_;
  const Paths paths_;
  const LocalDrivers drivers_;
  const uint64_t started_at_ms_;
  void become(std::shared_ptr<Member> member, std::string stopped = {});
  // To another epoch of the store, on a thread of the member's. Each part may be repeated.
  [[nodiscard]] Status go_over(Member& member, const StoreEpoch& next);
  // What join_network and join_by_token have in common, with changing_ held.
  [[nodiscard]] Status come_in(Identity& identity, const JoinBundle& bundle,
                               const Progress& progress);
  // From having joined to being a member; false: it was one. `precondition`: the network does not know
  // this machine.
  [[nodiscard]] Result<bool> become_active(const Progress& progress);
  void begin_leaving(const std::string& network, std::chrono::milliseconds pause);
  void keep_leaving(const std::stop_token& stop, std::chrono::milliseconds pause);
  // True when it has left; an error is told, and it is tried again.
  [[nodiscard]] Result<bool> go_on_leaving();

  [[nodiscard]] static Error was_removed(const Identity& identity);
  [[nodiscard]] Status check_not_removed();
  void begin_ending(const Identity& identity);
  void keep_ending(const std::stop_token& stop);
  [[nodiscard]] Status go_on_ending();

  std::mutex changing_;  // one found, join or leave at a time
  std::mutex mutex_;     // guards member_
  std::shared_ptr<Member> member_;
  std::string stopped_;  // the network stopped here; guarded by mutex_
  std::string left_;     // the network it was told to leave; guarded by mutex_
  std::optional<Identity> removed_;  // what removed() says; guarded by mutex_
  std::jthread leaver_;  // last: it ends before what it uses; begun under changing_
};

}  // namespace ployz

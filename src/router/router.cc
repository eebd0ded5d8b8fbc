#include "router/router.h"

#include <format>
#include <utility>

#include "router/router_impl.h"

namespace ployz {

Router::Router(ClusterConfig config, Ports ports)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(ports))) {}
Router::~Router() = default;

Status Router::start() {
  impl_->start();
  return {};
}
void Router::on_commit(const StoredCommit& commit) { impl_->on_commit(commit); }
void Router::on_caught_up() { impl_->on_caught_up(); }
Result<Json> Router::handle(const std::string& command, const Json& request) {
  return impl_->handle(command, request);
}

Router::Impl::Impl(ClusterConfig config, Router::Ports ports)
    : config_(std::move(config)), ports_(std::move(ports)) {}

Router::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (worker_.joinable()) worker_.join();
}

namespace {

// Another life of this router may have shown more than it managed to save.
bool shows_newer(const RouteTable& shown, const NewestCommits& cached) {
  for (const auto& [name, sequence] : shown.sequences) {
    const auto entry = cached.find(name);
    if (entry == cached.end() || entry->second.sequence < sequence) return true;
  }
  return false;
}

}  // namespace

void Router::Impl::start() {
  auto cached = ports_.cache.load();
  if (!cached) {
    say(std::format("starting without a cache: {}", cached.error().line()));
    cached = NewestCommits{};
  }
  const auto shown = ports_.gateway.routes();
  Lock lock(mutex_);
  if (!cached->empty()) {
    newest_ = *std::move(cached);
    ++wanted_;
    may_apply_ = !shown || !shows_newer(*shown, newest_);
    if (!may_apply_) say("the gateway shows newer commits than the cache: waiting for the store");
  }
  // Right away, so that a machine that boots serves before anything else is asked of it.
  if (may_apply_) run_pass(lock, std::chrono::milliseconds(0));
  worker_ = std::thread([this] { work(); });
}

void Router::Impl::on_commit(const StoredCommit& stored) {
  auto commit = decode_commit(stored.bytes);
  if (commit && commit->name_space != stored.name_space) {
    commit = fail(Code::corrupt,
                  std::format("it names namespace '{}'", commit->name_space.str()));
  }
  const Lock lock(mutex_);
  seen_.insert(stored.name_space);
  if (!commit) {
    say(std::format("ignoring commit {} of {}: {}", stored.sequence, stored.name_space.str(),
                    commit.error().line()));
    return;
  }
  CommitEntry& entry = newest_[stored.name_space];
  if (stored.sequence <= entry.sequence) return;
  entry = {stored.sequence, *std::move(commit)};
  ++wanted_;
  retry_at_ = {};
  changed_.notify_all();
}

void Router::Impl::on_caught_up() {
  const Lock lock(mutex_);
  const size_t gone =
      std::erase_if(newest_, [this](const auto& entry) { return !seen_.contains(entry.first); });
  // The first time, also when there is nothing at all: an empty log is a fact to be shown.
  if (gone > 0 || !may_apply_) ++wanted_;
  caught_up_ = true;
  may_apply_ = true;
  changed_.notify_all();
}

Result<Json> Router::Impl::handle(const std::string& command, const Json& request) {
  if (command == "ping") return ping();
  if (command == "status") return status();
  if (command == "flip") return flip(TRY(flip_request_from_json(request)));
  if (command == "step") return step(TRY(step_request_from_json(request)));
  return fail(Code::unsupported, std::format("the router does not know the command '{}'", command));
}

}  // namespace ployz

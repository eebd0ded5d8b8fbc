#include "sim/fakes/fake_transfers.h"

#include <algorithm>
#include <array>
#include <deque>
#include <format>
#include <optional>

namespace ployz::sim {
namespace {

constexpr size_t kMaxQueued = 1 << 20;  // bytes a writer may be ahead

// One direction.
struct Pipe {
  std::deque<std::string> chunks;
  size_t queued = 0;
  bool closed = false;         // the writer's end is gone
  bool ended = false;          // properly
  std::optional<Error> error;  // or with this
};

}  // namespace

struct FakeLink {
  std::array<uint32_t, 2> processes;  // the dialing end's, the offering end's
  std::mutex mutex;
  std::condition_variable_any changed;
  std::array<Pipe, 2> pipes;  // written by the dialing end, by the offering end
  bool silent = false;
  bool cut = false;
  std::stop_source gone;  // the dialing end has closed

  void cut_locked() {
    cut = true;
    for (Pipe& pipe : pipes) pipe.chunks.clear();
    changed.notify_all();
  }
};

namespace {

class FakeStream final : public MachineStream {
 public:
  FakeStream(Hook& hook, std::shared_ptr<FakeLink> link, size_t side,
             std::chrono::milliseconds silence, std::stop_token own, std::stop_token driver)
      : hook_(hook),
        link_(std::move(link)),
        out_(link_->pipes[side]),
        in_(link_->pipes[1 - side]),
        dialed_(side == 0),
        silence_(silence),
        forward_own_(std::move(own), [this] { stop_.request_stop(); }),
        forward_driver_(std::move(driver), [this] { stop_.request_stop(); }) {}

  ~FakeStream() override {
    {
      const std::lock_guard lock(link_->mutex);
      out_.closed = true;
    }
    link_->changed.notify_all();
    // What a dead process waited for calls nobody.
    if (dialed_ && hook_.alive(link_->processes[1])) link_->gone.request_stop();
  }

  Status write(std::string_view bytes) override {
    while (!bytes.empty()) {
      std::unique_lock lock(link_->mutex);
      TRY(writable());
      TRY(await(lock, [this] {
        return out_.queued < kMaxQueued || in_.closed || in_.error || link_->cut;
      }));
      TRY(writable());
      const std::string_view piece = bytes.substr(0, std::min(bytes.size(), kMaxQueued / 4));
      out_.chunks.emplace_back(piece);
      out_.queued += piece.size();
      bytes.remove_prefix(piece.size());
      link_->changed.notify_all();
    }
    return {};
  }

  Status finish() override { return end(std::nullopt); }
  Status finish_with(const Error& error) override { return end(error); }

  Result<size_t> read(std::span<char> into) override {
    TRY(travel());
    std::unique_lock lock(link_->mutex);
    TRY(await(lock, [this] {
      return !in_.chunks.empty() || in_.ended || in_.error || in_.closed || link_->cut;
    }));
    if (!in_.chunks.empty()) {
      std::string& chunk = in_.chunks.front();
      const size_t got = chunk.copy(into.data(), into.size());
      chunk.erase(0, got);
      in_.queued -= got;
      if (chunk.empty()) in_.chunks.pop_front();
      link_->changed.notify_all();
      return got;
    }
    if (in_.ended) return 0;
    if (in_.error) return fail(*in_.error);
    return fail(Code::unavailable, "stream: it was cut off before its end");
  }

 private:
  // What may befall the bytes on their way.
  Status travel() {
    const auto [dialing, offering] = link_->processes;
    const bool arrives = dialed_ ? hook_.carries(offering, dialing) : hook_.carries(dialing, offering);
    const Fate fate = hook_.enter("transfers.read", dialed_ ? "dialing" : "offering", Kind::local);
    if (arrives && fate == Fate::normal) return {};
    const std::lock_guard lock(link_->mutex);
    if (fate == Fate::never) {
      link_->cut_locked();
      return fail(Code::corrupt, "stream: what arrived is not what was sent");
    }
    if (fate == Fate::reply_lost) {
      link_->silent = true;
    } else {
      link_->cut_locked();
    }
    return {};
  }

  Status writable() const {
    if (in_.error) return fail(*in_.error);
    if (link_->cut || in_.closed || out_.ended || out_.error) {
      return fail(Code::unavailable, "stream: closed");
    }
    return {};
  }

  Status await(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) {
    // A peer that lives says so, so only a silenced link runs into the limit.
    while (!stop_.stop_requested()) {
      if (!link_->silent && done()) return {};
      const bool quiet = link_->silent;
      const auto ready = [&] { return link_->silent != quiet || (!link_->silent && done()); };
      if (!link_->changed.wait_for(lock, stop_.get_token(), silence_, ready) && quiet &&
          !stop_.stop_requested()) {
        return fail(Code::timeout, "stream: the other end is silent");
      }
    }
    return fail(Code::canceled, "stopped");
  }

  Status end(std::optional<Error> error) {
    const std::lock_guard lock(link_->mutex);
    if (out_.ended || out_.error || link_->cut) return fail(Code::unavailable, "stream: closed");
    out_.ended = !error;
    out_.error = std::move(error);
    link_->changed.notify_all();
    return {};
  }

  Hook& hook_;
  const std::shared_ptr<FakeLink> link_;
  Pipe& out_;
  Pipe& in_;
  const bool dialed_;
  const std::chrono::milliseconds silence_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> forward_own_;
  std::stop_callback<std::function<void()>> forward_driver_;
};

}  // namespace

void FakeStreamNetwork::cut() {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : links_) {
    const auto link = weak.lock();
    if (!link) continue;
    const std::lock_guard link_lock(link->mutex);
    link->cut_locked();
  }
}

void FakeStreamNetwork::end(uint32_t process, bool machine_lives) {
  const std::lock_guard lock(mutex_);
  std::erase_if(links_, [](const auto& weak) { return weak.expired(); });
  for (const auto& weak : links_) {
    const auto link = weak.lock();
    if (!link || !std::ranges::contains(link->processes, process)) continue;
    const std::lock_guard link_lock(link->mutex);
    link->silent = link->silent || !machine_lives;
    if (machine_lives) {
      link->cut_locked();
    } else {
      link->changed.notify_all();
    }
  }
}

void FakeStreamNetwork::silence() {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : links_) {
    const auto link = weak.lock();
    if (!link) continue;
    const std::lock_guard link_lock(link->mutex);
    link->silent = true;
    link->changed.notify_all();
  }
}

FakeTransfers::FakeTransfers(Hook& hook, FakeStreamNetwork& network, Clock& clock,
                             std::string address, std::chrono::milliseconds silence,
                             std::chrono::milliseconds key_lifetime)
    : hook_(hook),
      process_(hook.process()),
      network_(network),
      clock_(clock),
      address_(std::move(address)),
      silence_(silence),
      offers_(key_lifetime) {
  const std::lock_guard lock(network_.mutex_);
  network_.machines_[address_] = this;
}

FakeTransfers::~FakeTransfers() {
  {
    const std::lock_guard lock(network_.mutex_);
    const auto mine = network_.machines_.find(address_);
    if (mine != network_.machines_.end() && mine->second == this) network_.machines_.erase(mine);
  }
  stop_.request_stop();
  std::list<std::jthread> ending;
  {
    const std::lock_guard lock(mutex_);
    ending.swap(handlers_);
  }
}

Result<std::string> FakeTransfers::offer(const StreamPurpose& purpose, StreamHandler handler) {
  return offers_.add(purpose, std::move(handler), clock_.steady_ms());
}

void FakeTransfers::withdraw(std::string_view key) { offers_.withdraw(key); }

std::shared_ptr<FakeLink> FakeTransfers::accept(std::string_view key, const std::string& digest,
                                                uint32_t dialing) {
  auto handler = offers_.take(key, digest, clock_.steady_ms());
  if (!handler) return nullptr;
  auto link = std::make_shared<FakeLink>();
  link->processes = {dialing, process_};
  const std::lock_guard lock(mutex_);
  handlers_.push_back(hook_.thread_in(process_, [this, link, handler = *handler] {
    FakeStream stream(hook_, link, 1, silence_, {}, stop_.get_token());
    std::stop_source stop;
    const std::stop_callback gone(link->gone.get_token(), [&stop] { stop.request_stop(); });
    const std::stop_callback ending(stop_.get_token(), [&stop] { stop.request_stop(); });
    const Status done = handler(stream, stop.get_token());
    (void)(done ? stream.finish() : stream.finish_with(done.error()));
  }));
  return link;
}

Result<std::unique_ptr<MachineStream>> FakeTransfers::dial(const std::string& address,
                                                           std::string_view key,
                                                           const StreamPurpose& purpose,
                                                           std::stop_token stop) {
  if (hook_.enter("transfers.dial", address, Kind::local) != Fate::normal) {
    return fail(Code::unavailable, std::format("{} does not answer", address));
  }
  std::shared_ptr<FakeLink> link;
  {
    const std::lock_guard lock(network_.mutex_);
    const auto machine = network_.machines_.find(address);
    if (machine == network_.machines_.end() || !machine->second->lives()) {
      return fail(Code::unavailable, std::format("dialing {}: connection refused", address));
    }
    if (!hook_.carries(process_, machine->second->process_)) {
      return fail(Code::unavailable, std::format("dialing {}: no route", address));
    }
    link = machine->second->accept(key, purpose_digest(purpose), process_);
    if (link) network_.links_.push_back(link);
  }
  if (!link) return fail(Code::denied, std::format("{} did not accept the stream's key", address));
  return std::make_unique<FakeStream>(hook_, std::move(link), 0, silence_, std::move(stop),
                                      stop_.get_token());
}

}  // namespace ployz::sim

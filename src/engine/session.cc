#include "engine/session.h"

#include <format>

#include "base/ulid.h"

namespace ployz {

std::string new_ulid(Clock& clock, Entropy& entropy) {
  return SeededIds(clock.wall_ms(), entropy.next_u64()).next();
}

Session::Session(const EngineConfig& the_config, const Engine::Ports& the_ports,
                 RunningOperations& running, const EventSink& events, std::stop_token the_cancel,
                 const OperationId& id)
    : config(the_config),
      ports(the_ports),
      cancel(std::move(the_cancel)),
      journal(ports.records, ports.clock),
      lease(ports.records, ports.clock, config.lease_ttl),
      running_(running),
      events_(events),
      admitted_(running.begin(id)) {
  op.id = id;
  op.coordinator = config.self;
}

Session::~Session() {
  if (admitted_) running_.end(op.id);
}

void Session::begin(Phase phase) {
  end_phase();
  op.phase = phase;
  phase_ = phase;
  phase_began_ms_ = ports.clock.steady_ms();
  emit(Event::Kind::phase_started, std::string(to_string(phase)));
}

void Session::end_phase() {
  if (!phase_) return;
  const uint64_t took_ms = ports.clock.steady_ms() - phase_began_ms_;
  op.phase_ms[std::string(to_string(*phase_))] += took_ms;
  emit(Event::Kind::phase_done, std::format("{} ({} ms)", to_string(*phase_), took_ms));
  phase_.reset();
}

void Session::emit(Event::Kind kind, std::string text) {
  if (!events_) return;
  const std::lock_guard lock(events_mutex_);
  events_({op.id, ports.clock.wall_ms(), op.phase, kind, std::move(text)});
}

void Session::know(const std::vector<Machine>& machines) {
  names_.clear();
  for (const Machine& machine : machines) names_[machine.id] = machine.name;
}

std::string Session::name_of(const MachineId& machine) const {
  const auto found = names_.find(machine);
  return found == names_.end() ? machine.str() : found->second;
}

bool Session::is_gone(const MachineId& machine) const {
  return !names_.empty() && !names_.contains(machine);
}

std::vector<std::string> Session::silent_machines() const {
  std::vector<std::string> silent;
  for (const auto& [id, name] : names_) {
    if (!std::ranges::contains(op.plan.claims, id, &Claim::machine)) silent.push_back(name);
  }
  return silent;
}

std::string Session::new_id() {
  return new_ulid(ports.clock, ports.entropy);
}

// What the journal said before binds whoever settles the operation: an undo is finished, a commit
// stands, so what happened stays true and may be told. But one that was given up before anything
// began may be resumed by somebody else, who does not know of that.
Operation Session::unrecorded(const Error& why) {
  if (op.undoing || op.committed_sequence > 0 || op.outcome == Outcome::interrupted) return op;
  const std::string cause = op.error ? op.error->message : std::string(to_string(op.outcome));
  op.outcome = Outcome::interrupted;
  op.ended_at_ms = 0;
  op.error = Error{why.message.empty() ? Code::conflict : why.code, Effect::none,
                   std::format("{}; and that could not be recorded: {}", cause,
                               why.message.empty() ? "another coordinator took over" : why.message),
                   std::format("see what became of it: ployzctl op show {}", op.id.str()), {}};
  return op;
}

Operation Session::finish(Outcome outcome, std::optional<Error> error) {
  end_phase();
  op.outcome = outcome;
  op.error = std::move(error);
  if (op.ended()) op.ended_at_ms = ports.clock.wall_ms();
  // Somebody else's now: neither its record nor its lease may be touched.
  if (journal.state() == Journal::State::replaced) return unrecorded({});
  if (const Status saved = save(); !saved) {
    emit(Event::Kind::note, saved.error().line());
    return unrecorded(saved.error());
  }
  if (op.ended()) {
    lease.release();
  } else {
    lease.leave();
  }
  return op;
}

}  // namespace ployz

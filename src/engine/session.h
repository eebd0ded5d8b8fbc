// One coordinator at work on one operation: its record, journal and lease, who is told, and whether
// it should stop. Passed by reference through the phases; not thread-safe, except emit().
#pragma once

#include <map>
#include <mutex>
#include <stop_token>
#include <string>

#include "engine/engine.h"
#include "engine/journal.h"
#include "engine/lease.h"
#include "engine/running.h"

namespace ployz {

class Session {
 public:
  Session(const EngineConfig& the_config, const Engine::Ports& the_ports,
          RunningOperations& running, const EventSink& events, std::stop_token the_cancel,
          const OperationId& id);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // False: this process works on this operation already, so nothing may be done.
  [[nodiscard]] bool admitted() const { return admitted_; }

  // Ends the previous phase (its duration goes into the record) and begins this one.
  void begin(Phase phase);
  void end_phase();
  // Thread-safe.
  void emit(Event::Kind kind, std::string text);
  [[nodiscard]] Status save() { return journal.save(op); }
  [[nodiscard]] bool canceled() const { return cancel.stop_requested(); }

  // The machines' names, and which of them belong to the network now.
  void know(const std::vector<Machine>& machines);
  [[nodiscard]] std::string name_of(const MachineId& machine) const;
  // The machine was removed from the network: nothing on it matters any more. False when unsure.
  [[nodiscard]] bool is_gone(const MachineId& machine) const;

  // Names of the network's machines that take no part in the plan, because they did not answer.
  [[nodiscard]] std::vector<std::string> silent_machines() const;

  // A fresh ULID, also used as nonce.
  [[nodiscard]] std::string new_id();

  // Writes the outcome, gives the lease back (or leaves it, when the operation has not ended) and
  // returns the record.
  [[nodiscard]] Operation finish(Outcome outcome, std::optional<Error> error);

  const EngineConfig& config;
  const Engine::Ports& ports;
  std::stop_token cancel;
  Operation op;
  Journal journal;
  Lease lease;

 private:
  Operation unrecorded(const Error& why);

  RunningOperations& running_;
  const EventSink& events_;
  std::mutex events_mutex_;
  bool admitted_;
  std::optional<Phase> phase_;
  uint64_t phase_began_ms_ = 0;
  std::map<MachineId, std::string> names_;
};

[[nodiscard]] std::string new_ulid(Clock& clock, Entropy& entropy);

}  // namespace ployz

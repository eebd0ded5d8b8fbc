// How machines come in, from the side of the network: any member's daemon can do each part.
//
//   admit      claims a subnet, records the admission, and has every member let the machine in
//   activate   proves that the machine is reachable, then makes it a member: one create
//   withdraw   takes an admission back
//
// What it promises:
// - Until activate has succeeded there is no machine record. A failure of admit takes back the
//   admission and the claim; a failure of activate leaves the admission for another try.
// - Each part may be repeated, by any daemon, from whatever state a crash left.
// - An admission that expired is ignored by everyone, and removed by the next admit.
#pragma once

#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "mesh/addition.h"
#include "mesh/roster.h"
#include "model/admission.h"
#include "model/operation.h"
#include "ports/clock.h"
#include "ports/control_store.h"
#include "ports/machine_rpc.h"

namespace ployz {

using MeshEvents = std::function<void(const Event&)>;

struct AdmissionsConfig {
  MachineId self;
  std::string version;               // of this daemon
  std::vector<uint16_t> proof_ports; // on the overlay address, before a machine becomes a member
  // How long reachability may take to come: a handshake per endpoint that is tried.
  std::chrono::milliseconds proof{20'000};
  std::chrono::milliseconds proof_retry{500};
  // The store's reload for another admission may cut a call to a member short, or find nobody for a
  // moment: what fails within this time is asked again. A member that is away fails still then.
  std::chrono::milliseconds sync_again{3000};
};

class Admissions {
 public:
  struct Ports {
    KeyValue& records;
    MachineRpc& rpc;
    Clock& clock;
    Entropy& entropy;
  };

  Admissions(AdmissionsConfig config, Ports ports) : config_(std::move(config)), ports_(ports) {}

  // ApiService::machine_admit, machine_activate, machine_withdraw.
  [[nodiscard]] Result<JoinBundle> admit(const SelfRecord& record, const std::string& name,
                                         const MeshEvents& events, std::stop_token cancel);
  [[nodiscard]] Result<Machine> activate(const MachineId& machine, const MeshEvents& events,
                                         std::stop_token cancel);
  [[nodiscard]] Status withdraw(const MachineId& machine);

  // Of an operation of kind machine_add. resume tries to activate; `precondition` when the admission
  // is gone. abort withdraws; `precondition` when the machine is a member. Ended: as it is.
  [[nodiscard]] Result<Operation> resume(const OperationId& id, const MeshEvents& events,
                                         std::stop_token cancel);
  [[nodiscard]] Result<Operation> abort(const OperationId& id);
  // tell_outcome for all of them; with the store away nothing is changed.
  void tell_outcomes(std::vector<Operation>& operations);

 private:
  // What an attempt to admit has written so far.
  struct Attempt {
    Addition addition;
    const MeshEvents& events;
    uint64_t admission_revision = 0;  // 0: not written
  };

  void note(const Attempt& attempt, std::string text);
  Result<Attempt> begin(const SelfRecord& record, const std::string& name,
                        const MeshEvents& events);
  Result<JoinBundle> let_in(Attempt& attempt, const SelfRecord& record, const std::string& name,
                            const NetworkSettings& network, const std::stop_token& cancel);
  Status record_admission(Attempt& attempt, const Admission& admission);
  Status confirm(const Admission& admission);
  void take_back(Attempt& attempt, const MachineId& machine, const Error& why);
  Status sweep();
  Status sweep_addition(JournaledOperation journaled, const Roster& roster);
  Status forget_admission(const MachineId& machine);
  // sync_members of all of them.
  Status sync(const std::vector<Machine>& members, const MachineId& machine, bool present);

  Status prove(const Machine& newcomer, const std::vector<Machine>& members,
               const std::stop_token& cancel);
  std::string ask_newcomer(const Machine& newcomer, const std::vector<Machine>& members);
  Result<Machine> make_member(Addition& addition, const Machine& machine);

  AdmissionsConfig config_;
  Ports ports_;
};

[[nodiscard]] Result<NetworkSettings> read_network(KeyValue& records);

}  // namespace ployz

// Drains a machine: everything of the newest commits leaves it, and nothing new comes.
//
// What it promises:
// - What fits nowhere is named before anything moves, and then nothing was changed.
// - The machine is `draining` from before the first step until the last has ended well, and then
//   `drained`. In between every step is one operation of the engine, with its lease, journal and undo;
//   nothing else is changed anywhere.
// - Interrupted at any point, the same call goes on from what is there. `activate` gives it up: what
//   has moved stays moved.
// - Images that the others lack are copied to them before the step that needs them begins, so nothing
//   waits for them stopped.
// - It never ends as `drained` while an operation that was planned before could still place
//   something there: the engine looks at the machine's state after its journal record is made, this
//   looks at the journal after the state is written.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "model/operation.h"
#include "mesh/drain_report.h"
#include "plan/drain.h"
#include "ports/clock.h"
#include "ports/control_store.h"

namespace ployz {

// Sends an image from a machine that has it; done when it is there.
using CopyImage = std::function<Status(const ImageCopy&, const MachineId& from, const EventSink&,
                                       std::stop_token)>;

class MachineDrain {
 public:
  struct Ports {
    Engine& engine;
    KeyValue& records;
    Clock& clock;
    Entropy& entropy;
    CopyImage copy_image;
  };
  explicit MachineDrain(Ports ports) : ports_(std::move(ports)) {}

  // Changes nothing. `not_found`; `precondition`: it does not answer, or something fits nowhere.
  [[nodiscard]] Result<DrainReport> preview(const std::string& machine);
  // Errors: those of preview, and then nothing was changed; the store's. What goes wrong later is in
  // the report.
  [[nodiscard]] Result<DrainReport> run(const std::string& machine, const EventSink& events,
                                        std::stop_token cancel);

 private:
  struct Look {
    Machine machine;
    DrainPlan plan;
    std::vector<FoundInstance> strays;  // containers there that no newest commit names
  };
  [[nodiscard]] Result<Look> look(std::string_view name_or_id);
  [[nodiscard]] Status settle(const MachineId& machine, const EventSink& events);
  [[nodiscard]] Status move_all(DrainReport& report, const EventSink& events,
                                const std::stop_token& cancel);
  [[nodiscard]] Status move(DrainMove move, DrainReport& report, const EventSink& events,
                            const std::stop_token& cancel);

  Ports ports_;
};

}  // namespace ployz

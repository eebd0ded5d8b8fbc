// The store does not answer: which of the machines that hold it are missing. Pure; who asks them is the
// daemon, over the peer port (ports/peer_calls.h).
#pragma once

#include <set>
#include <vector>

#include "base/result.h"
#include "model/machine.h"
#include "model/store.h"

namespace ployz {

// Whether the error says that the store, rather than some machine, did not answer.
[[nodiscard]] bool is_of_store(const Error& error);

// The error, naming who is missing, if so many are that those who answer cannot write. Otherwise as it
// is.
[[nodiscard]] Error explain_absence(Error error, const StoreEpoch& store,
                                    const std::vector<Machine>& members,
                                    const std::set<MachineId>& answering);

}  // namespace ployz

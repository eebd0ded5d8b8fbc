#include "mesh/store_absence.h"

#include <algorithm>
#include <format>

namespace ployz {
namespace {

std::string_view context_of(const Error& error, std::string_view key) {
  const auto found = std::ranges::find(error.context, key, &Context::key);
  return found == error.context.end() ? std::string_view() : std::string_view(found->value);
}

// "m2", "m2 and m3", "m2, m3 and m4".
std::string listed(const std::vector<std::string>& names, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? std::format(" {} ", last) : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace

bool is_of_store(const Error& error) {
  if (error.code != Code::unavailable && error.code != Code::timeout) return false;
  if (!context_of(error, "err_code").empty()) return true;
  const std::string_view subject = context_of(error, "subject");
  return !subject.empty() && !subject.starts_with("ployz.rpc.");
}

Error explain_absence(Error error, const StoreEpoch& store, const std::vector<Machine>& members,
                      const std::set<MachineId>& answering) {
  std::vector<std::string> missing;
  for (const StoreMember& holder : store.members) {
    if (answering.contains(holder.machine)) continue;
    const auto machine = std::ranges::find(members, holder.machine, &Machine::id);
    missing.push_back(machine == members.end() ? holder.machine.str() : machine->name);
  }
  const size_t copies = store.members.size();
  const size_t needed = copies / 2 + 1;
  if (copies - missing.size() >= needed) return error;
  std::ranges::sort(missing);
  const bool one = missing.size() == 1;
  error.message +=
      copies == 1 ? std::format(": machine {}, which holds the store, does not answer", missing.front())
                  : std::format(": of the {} machines that hold the store {} {} not answer, and {} have to",
                                copies, listed(missing, "and"), one ? "does" : "do", needed);
  error.hint = std::format("bring {} back, and everything goes on by itself; what runs goes on without{}",
                           listed(missing, "or"),
                           missing.size() == copies ? "; gone for good: ployzctl machine storage recover" : "");
  return error;
}

}  // namespace ployz

#include "cli/contexts.h"

#include <format>

#include "base/files.h"
#include "cli/parse.h"

namespace ployz::cli {
namespace {

constexpr uint64_t kVersion = 1;

Result<ContextEntry> find(const Contexts& contexts, const std::string& name) {
  if (const auto found = contexts.entries.find(name); found != contexts.entries.end())
    return found->second;
  std::vector<std::string> known;
  for (const auto& [other, entry] : contexts.entries) known.push_back(other);
  const auto near = nearest(name, known);
  return fail(Code::invalid, std::format("no context '{}'", name),
              near.empty() ? "ployzctl context ls" : std::format("did you mean '{}'?", near));
}

Json door_to_json(const MachineDoor& door) {
  return {{"socket", door.socket}, {"container", door.container}};
}

Result<MachineDoor> door_from_json(const Json& json) {
  return MachineDoor{TRY(get_string_or(json, "socket", "")),
                     TRY(get_string_or(json, "container", ""))};
}

// `name`: of the context.
Result<ContextEntry> machine_of(const ContextEntry& entry, const std::string& name,
                                const std::string& machine) {
  if (machine.empty() || machine == name) return entry;
  if (const auto found = entry.machines.find(machine); found != entry.machines.end())
    return ContextEntry{found->second};
  std::string known = name;
  for (const auto& [other, door] : entry.machines) known += ", " + other;
  return fail(Code::invalid, std::format("context {} has no machine '{}'", name, machine),
              entry.machines.empty() ? "it has no machines by name; see --context and --socket"
                                     : "there is " + known);
}

}  // namespace

Json to_json(const Contexts& contexts) {
  Json entries = Json::object();
  for (const auto& [name, entry] : contexts.entries) {
    entries[name] = door_to_json(entry);
    for (const auto& [machine, door] : entry.machines)
      entries[name]["machines"][machine] = door_to_json(door);
  }
  return {{"version", kVersion}, {"current", contexts.current}, {"contexts", std::move(entries)}};
}

Result<Contexts> contexts_from_json(const Json& json) {
  const auto read = [&]() -> Result<Contexts> {
    if (TRY(get_uint(json, "version")) != kVersion)
      return fail(Code::corrupt, "written by another version of ployzctl");
    Contexts contexts;
    contexts.current = TRY(get_string_or(json, "current", ""));
    const Json entries = TRY(get_object(json, "contexts"));
    for (const auto& [name, entry] : entries.items()) {
      contexts.entries[name] = ContextEntry{TRY(door_from_json(entry))};
      if (!entry.contains("machines")) continue;
      const Json machines = TRY(get_object(entry, "machines"));
      for (const auto& [machine, door] : machines.items())
        contexts.entries[name].machines[machine] = TRY(door_from_json(door));
    }
    return contexts;
  };
  auto contexts = read();
  if (!contexts) contexts.error().code = Code::corrupt;
  return contexts;
}

Result<Contexts> load_contexts(const std::filesystem::path& file) {
  const auto read = [&]() -> Result<Contexts> {
    const auto text = TRY(read_file(file));
    if (!text) return Contexts{};
    return contexts_from_json(TRY(parse_json(*text)));
  };
  auto contexts = read();
  if (!contexts) {
    if (contexts.error().hint.empty()) contexts.error().hint = "repair it or remove it";
    return fail(std::move(contexts).error().at(file.string()));
  }
  return contexts;
}

Status save_contexts(const std::filesystem::path& file, const Contexts& contexts) {
  return write_file(file, to_json(contexts).dump(2) + "\n", 0600);
}

Result<ContextEntry> resolve_context(const Contexts& contexts, const ContextChoice& choice) {
  const auto& name = choice.name.empty() ? contexts.current : choice.name;
  if (choice.socket.empty() && !name.empty())
    return machine_of(TRY(find(contexts, name)), name, choice.machine);
  if (!choice.machine.empty())
    return fail(Code::invalid, "--machine needs a context", "ployzctl context ls");
  return ContextEntry{{choice.socket.empty() ? choice.default_socket : choice.socket, {}}};
}

}  // namespace ployz::cli

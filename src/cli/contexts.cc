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

}  // namespace

Json to_json(const Contexts& contexts) {
  Json entries = Json::object();
  for (const auto& [name, entry] : contexts.entries)
    entries[name] = {{"socket", entry.socket}, {"container", entry.container}};
  return {{"version", kVersion}, {"current", contexts.current}, {"contexts", std::move(entries)}};
}

Result<Contexts> contexts_from_json(const Json& json) {
  const auto read = [&]() -> Result<Contexts> {
    if (TRY(get_uint(json, "version")) != kVersion)
      return fail(Code::corrupt, "written by another version of ployzctl");
    Contexts contexts;
    contexts.current = TRY(get_string_or(json, "current", ""));
    const Json entries = TRY(get_object(json, "contexts"));
    for (const auto& [name, entry] : entries.items())
      contexts.entries[name] = {TRY(get_string_or(entry, "socket", "")),
                                TRY(get_string_or(entry, "container", ""))};
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
  if (!choice.socket.empty()) return ContextEntry{choice.socket, {}};
  if (!choice.name.empty()) return find(contexts, choice.name);
  if (!contexts.current.empty()) return find(contexts, contexts.current);
  return ContextEntry{choice.default_socket, {}};
}

}  // namespace ployz::cli

#include "mesh/update_calls.h"

#include <algorithm>
#include <array>
#include <format>
#include <map>
#include <ranges>
#include <utility>

namespace ployz {
namespace {

constexpr std::array kCalls{kUpdateState, kPackageList, kPackageOffer, kPackageFetch,
                            kUpdateInstall};

constexpr std::array<std::pair<UpdateStage, std::string_view>, 6> kStages{
    {{UpdateStage::installing, "installing"},
     {UpdateStage::checking, "checking"},
     {UpdateStage::going_back, "going_back"},
     {UpdateStage::done, "done"},
     {UpdateStage::back, "back"},
     {UpdateStage::stuck, "stuck"}}};

Result<UpdateStage> parse_stage(std::string_view text) {
  for (const auto& [stage, name] : kStages) {
    if (name == text) return stage;
  }
  return fail(Code::invalid, std::format("'{}' is no stage of an update", text));
}

Json note_to_json(const UpdateNote& note) {
  return {{"operation", note.operation.str()},
          {"from", note.from},
          {"to", note.to},
          {"stage", to_string(note.stage)},
          {"error", note.error}};
}

Result<UpdateNote> note_from_json(const Json& json) {
  UpdateNote note;
  note.operation = OperationId(TRY(get_string(json, "operation")));
  note.from = TRY(get_string(json, "from"));
  note.to = TRY(get_string(json, "to"));
  note.stage = TRY(parse_stage(TRY(get_string(json, "stage"))));
  note.error = TRY(get_string(json, "error"));
  return note;
}

}  // namespace

std::string_view to_string(UpdateStage stage) {
  return std::ranges::find(kStages, stage, &std::pair<UpdateStage, std::string_view>::first)->second;
}

bool is_update_call(std::string_view command) { return std::ranges::contains(kCalls, command); }

Json to_json(const Package& package) {
  return {{"version", package.version},
          {"architecture", package.architecture},
          {"sha256", package.sha256},
          {"size_bytes", package.size_bytes}};
}

Result<Package> package_from_json(const Json& json) {
  return Package{TRY(get_string(json, "version")), TRY(get_string(json, "architecture")),
                 TRY(get_string(json, "sha256")), TRY(get_uint(json, "size_bytes"))};
}

Json to_json(const UpdateState& state) {
  Json json{{"version", state.version},
            {"installed", state.installed},
            {"architecture", state.architecture},
            {"updating", state.updating},
            {"problems", state.problems}};
  if (state.last) json["last"] = note_to_json(*state.last);
  return json;
}

Result<UpdateState> update_state_from_json(const Json& json) {
  UpdateState state;
  state.version = TRY(get_string(json, "version"));
  state.installed = TRY(get_string(json, "installed"));
  state.architecture = TRY(get_string(json, "architecture"));
  state.updating = TRY(get_bool(json, "updating"));
  state.problems = TRY(get_strings(json, "problems"));
  if (const auto last = json.find("last"); last != json.end()) {
    state.last = TRY(note_from_json(*last));
  }
  return state;
}

Json to_json(const PackageFetch& fetch) {
  return {{"transfer", fetch.transfer},
          {"package", to_json(fetch.package)},
          {"key", fetch.key},
          {"address", fetch.address}};
}

Result<PackageFetch> package_fetch_from_json(const Json& json) {
  return PackageFetch{TRY(get_string(json, "transfer")),
                      TRY(package_from_json(TRY(get_object(json, "package")))),
                      TRY(get_string(json, "key")), TRY(get_string(json, "address"))};
}

Json to_json(const UpdateInstall& install) {
  return {{"operation", install.operation.str()}, {"version", install.version}};
}

Result<UpdateInstall> update_install_from_json(const Json& json) {
  return UpdateInstall{OperationId(TRY(get_string(json, "operation"))),
                       TRY(get_string(json, "version"))};
}

Result<UpdateNote> parse_update_note(std::string_view text) {
  std::map<std::string, std::string, std::less<>> values;
  for (const auto part : std::views::split(text, '\n')) {
    const std::string_view line(part);
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    values.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  UpdateNote note;
  note.operation = OperationId(values["operation"]);
  note.from = values["from"];
  note.to = values["to"];
  note.error = values["error"];
  const auto stage = parse_stage(values["stage"]);
  if (note.operation.empty() || !stage) {
    return fail(Code::corrupt, "the note of this machine's last update does not parse");
  }
  note.stage = *stage;
  return note;
}

}  // namespace ployz

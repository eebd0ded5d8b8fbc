// The wire form of what becomes of a machine's work: drain and rm.
#include "api/types.h"

namespace ployz {
namespace {

template <class Name>
Json names_of(const std::vector<Name>& names) {
  Json out = Json::array();
  for (const Name& name : names) out.push_back(name.str());
  return out;
}

Json images_of(const std::vector<ImageCopy>& copies) {
  Json images = Json::array();
  for (const ImageCopy& copy : copies) {
    images.push_back({{"image", copy.image},
                      {"image_id", copy.image_id},
                      {"machine", copy.to.str()},
                      {"machine_name", copy.to_name}});
  }
  return images;
}

Json steps_of(const std::vector<DrainStep>& all) {
  Json steps = Json::array();
  for (const DrainStep& step : all) {
    Json changes = Json::array();
    for (const Change& change : step.changes) changes.push_back(to_json(change));
    const bool ran = !step.operation.empty();
    steps.push_back({{"namespace", step.name_space.str()},
                     {"services", names_of(step.services)},
                     {"volumes", names_of(step.volumes)},
                     {"to", step.to},
                     {"bytes", step.bytes},
                     {"images", images_of(step.images)},
                     {"stops_within_ms", step.stops_within.count()},
                     {"ready_within_ms", step.ready_within.count()},
                     {"changes", std::move(changes)},
                     {"operation", step.operation.str()},
                     {"outcome", ran ? to_string(step.outcome) : "planned"},
                     {"measured", step.measured}});
  }
  return steps;
}

Json datasets_of(const std::vector<DatasetLeft>& all) {
  Json datasets = Json::array();
  for (const DatasetLeft& left : all) {
    datasets.push_back({{"dataset", left.dataset.str()},
                        {"namespace", left.name_space.str()},
                        {"volume", left.volume.str()},
                        {"bytes", left.bytes},
                        {"moves", left.moves}});
  }
  return datasets;
}

Json services_of(const std::vector<LostService>& all) {
  Json services = Json::array();
  for (const LostService& lost : all) {
    services.push_back({{"namespace", lost.name_space.str()},
                        {"service", lost.service.str()},
                        {"instances", lost.instances},
                        {"fate", to_string(lost.fate)},
                        {"why", lost.why}});
  }
  return services;
}

Json volumes_of(const std::vector<LostVolume>& all) {
  Json volumes = Json::array();
  for (const LostVolume& lost : all) {
    Json copies = Json::array();
    for (const VolumeCopy& copy : lost.copies) {
      copies.push_back({{"machine", copy.machine.str()},
                        {"machine_name", copy.machine_name},
                        {"dataset", copy.dataset.str()},
                        {"snapshot", copy.snapshot.str()},
                        {"created_at_ms", copy.created_at_ms}});
    }
    volumes.push_back({{"namespace", lost.name_space.str()},
                       {"volume", lost.volume.str()},
                       {"dataset", lost.dataset.str()},
                       {"removed", lost.removed},
                       {"copies", std::move(copies)}});
  }
  return volumes;
}

}  // namespace

// In both, the key "error" alone would say that nothing was done.
Json to_json(const StoreReport& report) {
  Json json{{"outcome", report.preview ? "preview" : std::string(to_string(report.outcome))},
            {"epoch", report.after.epoch},
            {"machines", report.machines},
            {"before", to_json(report.before)},
            {"after", to_json(report.after)}};
  if (report.operation.empty()) return json;
  json["operation"] = report.operation.str();
  json["copied"] = {{"messages", report.copied.messages}, {"bytes", report.copied.bytes}};
  json["frozen_ms"] = report.frozen_ms;
  json["silent"] = report.silent;
  return json;
}

Json to_json(const RecoveryReport& report) {
  Json copies = Json::array();
  for (const CopyFound& found : report.copies) {
    copies.push_back({{"machine", found.machine.str()},
                      {"machine_name", found.name},
                      {"commits", found.reach.commits},
                      {"records", found.reach.records},
                      {"window_ms", found.reach.window_ms}});
  }
  return {{"outcome", report.preview ? "preview" : "recovered"},
          {"epoch", report.after.epoch},
          {"copies", std::move(copies)},
          {"incomplete", report.incomplete},
          {"silent", report.silent},
          {"window_ms", report.window_ms()},
          {"missing_commits", report.missing.commits},
          {"missing_records", report.missing.records},
          {"restored_commits", report.restored.commits},
          {"restored_records", report.restored.records},
          {"behind", report.behind}};
}

Json to_json(const StoreRequest& request) {
  return {{"replicas", request.replicas},
          {"machines", request.machines},
          {"preview", request.preview}};
}

Result<StoreRequest> store_request_from_json(const Json& json) {
  return StoreRequest{TRY(get_uint(json, "replicas")), TRY(get_strings(json, "machines")),
                      TRY(get_bool_or(json, "preview", false))};
}

Json to_json(const UpdateReport& report) {
  Json machines = Json::array();
  for (const MachineUpdated& step : report.machines) {
    Json json{{"machine", step.machine.str()},
              {"machine_name", step.name},
              {"from", step.from},
              {"to", step.to},
              {"outcome", to_string(step.fate)}};
    if (step.error) json["error"] = error_to_json(*step.error);
    machines.push_back(std::move(json));
  }
  return {{"outcome", report.preview ? "preview" : std::string(to_string(report.outcome))},
          {"version", report.version},
          {"operation", report.operation.str()},
          {"machines", std::move(machines)},
          {"error", report.error ? error_to_json(*report.error) : Json()}};
}

Json to_json(const UpdateRequest& request) {
  return {{"version", request.version},
          {"machines", request.machines},
          {"preview", request.preview},
          {"architecture", request.architecture}};
}

Result<UpdateRequest> update_request_from_json(const Json& json) {
  return UpdateRequest{TRY(get_string(json, "version")), TRY(get_strings(json, "machines")),
                       TRY(get_bool_or(json, "preview", false)),
                       TRY(get_string_or(json, "architecture", ""))};
}

Json to_json(const DrainReport& report) {
  return {{"outcome", to_string(report.end)},
          {"machine", to_json(report.machine)},
          {"steps", steps_of(report.steps)},
          {"stays", datasets_of(report.stays)},
          {"error", report.error ? error_to_json(*report.error) : Json()}};
}

Json to_json(const RemovalReport& report) {
  return {{"outcome", to_string(report.end)},
          {"machine", to_json(report.machine)},
          {"force", report.force},
          {"keep_data", report.keep_data},
          {"operation", report.operation.str()},
          {"store", report.store},
          {"steps", steps_of(report.steps)},
          {"datasets", datasets_of(report.deletes)},
          {"only_there", datasets_of(report.only_there)},
          {"lost_services", services_of(report.lost_services)},
          {"lost_volumes", volumes_of(report.lost_volumes)},
          {"host_leaves", report.host_leaves},
          {"unconfirmed", report.unconfirmed},
          {"error", report.error ? error_to_json(*report.error) : Json()}};
}

}  // namespace ployz

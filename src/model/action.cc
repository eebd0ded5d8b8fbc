#include "model/action.h"

#include <format>

#include "base/digest.h"
#include "base/ulid.h"
#include "model/action_fields.h"

namespace ployz {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<Action>> kKinds{
    "ensure_image",    "run_instance",   "await_ready",    "stop_instance", "start_instance",
    "remove_instance", "prepare_routes", "discard_routes", "drain_routes",
    "await_routes",    "ensure_dataset", "snapshot_datasets", "clone_dataset", "receive_dataset",
    "destroy_dataset", "destroy_snapshots", "set_quota", "pause_instances", "resume_instances"};

// The tail: the head of a ULID is its time, the same for all instances of a plan.
template <class Tag>
std::string brief(const Id<Tag>& id) {
  constexpr size_t kTail = 6;
  return is_ulid(id.value) ? id.value.substr(kUlidLength - kTail) : id.value;
}

template <class T>
std::string brief(const std::vector<T>& ids) {
  std::string text;
  for (const T& id : ids) text += (text.empty() ? "" : ", ") + brief(id);
  return text;
}

// "pgdata (dataset 01abcd)"
std::string name_of(const DatasetSpec& spec) {
  return std::format("{} (dataset {})", spec.volume.value, brief(spec.id));
}

std::string in_parentheses(std::string_view text) {
  return text.empty() ? std::string() : std::format(" ({})", text);
}

std::string describe_ready(const AwaitReady& action) {
  const std::string instance = brief(action.instance);
  const std::string address = action.address.empty() ? "127.0.0.1" : action.address;
  switch (action.readiness.kind) {
    case Readiness::Kind::none:
      return std::format("wait until {} stays running", instance);
    case Readiness::Kind::http:
      return std::format("wait until {} answers http {}:{}{}", instance, address, action.port,
                         action.readiness.path);
    case Readiness::Kind::tcp:
      return std::format("wait until {} accepts tcp {}:{}", instance, address, action.port);
    case Readiness::Kind::exec:
      // Not the command: its arguments may be secrets.
      return std::format("wait until the readiness command of {} succeeds", instance);
  }
  return {};
}

// Reads the I-th alternative; the tag is taken out of the object first.
template <size_t I>
Result<Action> read_as(const Json& json) {
  return Action(TRY(read_fields<std::variant_alternative_t<I, Action>>(json)));
}

template <size_t... I>
Result<Action> read_nth(size_t index, const Json& json, std::index_sequence<I...>) {
  using Reader = Result<Action> (*)(const Json&);
  constexpr std::array<Reader, sizeof...(I)> readers{&read_as<I>...};
  return readers[index](json);
}

}  // namespace

std::string_view kind_of(const Action& action) {
  return kKinds[action.index()];
}

std::string describe(const Action& action, const MachineNaming& machine_name) {
  return std::visit(
      Overloaded{
          [](const EnsureImage& a) {
            return std::format("have image {}{}", a.reference,
                               in_parentheses(short_digest(a.image_id)));
          },
          [](const RunInstance& a) {
            return std::format("start {}-{}{}", a.service.value, brief(a.instance),
                               in_parentheses(a.address));
          },
          [](const AwaitReady& a) { return describe_ready(a); },
          [](const StopInstance& a) {
            return std::format("stop {} ({} ms grace)", brief(a.instance), a.grace.count());
          },
          [](const StartInstance& a) { return std::format("start {} again", brief(a.instance)); },
          [](const RemoveInstance& a) { return std::format("remove {}", brief(a.instance)); },
          [](const PrepareRoutes&) { return std::string("prepare routes"); },
          [](const DiscardRoutes&) { return std::string("discard the prepared routes"); },
          [](const DrainRoutes& a) {
            return std::format("drain connections of {} (at most {} ms)", a.name_space.value,
                               a.limit.count());
          },
          [](const AwaitRoutes& a) {
            return std::format("see {} served as committed", a.name_space.value);
          },
          [](const EnsureDataset& a) { return "make volume " + name_of(a.spec); },
          [](const SnapshotDatasets& a) {
            return std::format("snapshot {}{}", brief(a.datasets),
                               a.pause.empty() ? "" : " while " + brief(a.pause) + " is paused");
          },
          [](const CloneDataset& a) {
            return std::format("clone volume {} of {}", name_of(a.spec), brief(a.source.dataset));
          },
          [&](const ReceiveDataset& a) {
            return std::format("receive volume {} from {}{}", name_of(a.spec),
                               machine_name ? machine_name(a.from) : a.from.value,
                               a.live ? ", its writers going on" : "");
          },
          [](const DestroyDataset& a) { return "destroy dataset " + brief(a.dataset); },
          [](const DestroySnapshots& a) {
            return std::format("destroy snapshot {} of {}", brief(a.snapshot), brief(a.datasets));
          },
          [](const SetQuota& a) {
            return std::format("limit dataset {} to {}", brief(a.dataset),
                               a.quota_bytes ? std::format("{} bytes", *a.quota_bytes) : "its pool");
          },
          [](const PauseInstances& a) { return "pause " + brief(a.instances); },
          [](const ResumeInstances& a) { return "resume " + brief(a.instances); },
      },
      action);
}

Json to_json(const Action& action) {
  Json json = std::visit([](const auto& alternative) { return write_fields(alternative); }, action);
  json["kind"] = kind_of(action);
  return json;
}

Result<Action> action_from_json(const Json& json) {
  const std::string kind = TRY(get_string(json, "kind"));
  const auto found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) return fail(Code::invalid, "kind: is not an action this build knows");
  Json rest = json;
  rest.erase("kind");
  return read_nth(static_cast<size_t>(found - kKinds.begin()), rest,
                  std::make_index_sequence<kKinds.size()>());
}

}  // namespace ployz

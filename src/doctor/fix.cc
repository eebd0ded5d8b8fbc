#include "doctor/fix.h"

#include <algorithm>
#include <array>
#include <format>
#include <utility>

namespace ployz {
namespace {

// As long as an instance has that a service does not speak of.
constexpr std::chrono::milliseconds kGrace{10'000};

struct Kind {
  FixKind kind;
  std::string_view name;
  std::string_view text;
};
constexpr std::array kKinds{
    Kind{FixKind::start_unit, "start_unit", "start"},
    Kind{FixKind::restart_unit, "restart_unit", "restart"},
    Kind{FixKind::remove_container, "remove_container", "remove the container of instance"},
    Kind{FixKind::finish_operation, "finish_operation", "finish the cleanup of operation"}};

const Kind& of(FixKind kind) {
  return *std::ranges::find(kKinds, kind, &Kind::kind);
}

}  // namespace

std::string_view to_string(FixKind kind) {
  return of(kind).name;
}

std::string describe(const Fix& fix) {
  return std::format("{} {}", of(fix.kind).text, fix.target);
}

Json to_json(const Fix& fix) {
  return {{"kind", to_string(fix.kind)}, {"target", fix.target}, {"text", describe(fix)}};
}

Result<Fix> fix_from_json(const Json& json) {
  const std::string name = TRY(get_string(json, "kind"));
  const auto kind = std::ranges::find(kKinds, name, &Kind::name);
  if (kind == kKinds.end()) return fail(Code::invalid, std::format("'{}' is no kind of fix", name));
  Fix fix{kind->kind, TRY(get_string(json, "target"))};
  if (fix.target.empty()) return fail(Code::invalid, "a fix has no target");
  return fix;
}

Status mend(const Fix& fix, const MendConfig& config, const MendPorts& ports) {
  switch (fix.kind) {
    case FixKind::start_unit:
      if (std::ranges::contains(config.units, fix.target)) {
        return ports.units.ensure_started(fix.target);
      }
      break;
    case FixKind::restart_unit:
      if (fix.target == config.router) return ports.units.restart(fix.target);
      break;
    case FixKind::remove_container:
      return ports.containers.remove(InstanceId(fix.target), kGrace);
    case FixKind::finish_operation:
      break;
  }
  return fail(Code::unsupported, std::format("this machine does not {} by itself", describe(fix)));
}

}  // namespace ployz

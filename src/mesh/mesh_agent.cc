#include "mesh/mesh_agent.h"

#include <format>

#include "mesh/mesh_calls.h"
#include "mesh/rtt.h"

namespace ployz {
namespace {

Status probe(const MeshProbeRequest& request, Echo& echo, Prober& prober) {
  // The first packet to a new peer may be lost to the handshake.
  auto answered = echo.echo(request.address, kMeshProbe);
  if (!answered) answered = echo.echo(request.address, kMeshProbe);
  if (!answered) return fail(std::move(answered).error().at("overlay"));
  for (const uint16_t port : request.ports) {
    TRY(prober.tcp(request.address, port, kMeshProbe));
  }
  return {};
}

}  // namespace

bool MeshAgent::knows(std::string_view command) {
  return command == "mesh_sync" || command == "mesh_probe" || command == "rtt";
}

Result<Json> MeshAgent::handle(const std::string& command, const Json& request) {
  if (command == "mesh_sync") {
    TRY(ports_.keeper.sync(TRY(mesh_sync_request_from_json(request))));
    return Json::object();
  }
  if (command == "mesh_probe") {
    TRY(probe(TRY(mesh_probe_request_from_json(request)), ports_.echo, ports_.prober));
    return Json::object();
  }
  if (command == "rtt") {
    return measure_round_trips(self_, TRY(rtt_request_from_json(request)), ports_.echo,
                               ports_.executor);
  }
  return fail(Code::unsupported, std::format("mesh: unknown command '{}'", command));
}

}  // namespace ployz

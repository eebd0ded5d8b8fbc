#include "agent/stream_commands.h"

#include <format>

#include "base/digest.h"

namespace ployz {

StreamCommands::StreamCommands(Ports ports, std::filesystem::path spool_folder)
    : ports_(ports),
      source_(std::make_shared<ImageSource>(ports.images, std::move(spool_folder))),
      fetches_(ports.images, ports.transfers, ports.clock) {}

std::optional<Result<Json>> StreamCommands::handle(const std::string& command,
                                                   const Json& request) {
  if (command == "image_layers") return image_layers(request);
  if (command == "image_offer") return image_offer(request);
  if (command == "image_fetch") return image_fetch(request);
  if (command == "logs_offer") return logs_offer(request);
  if (command == "exec") return exec(request);
  return std::nullopt;
}

Result<Json> StreamCommands::image_layers(const Json& json) {
  const ImageLayersRequest request = TRY(image_layers_request_from_json(json));
  ImageLayersReply reply;
  if (auto found = TRY(ports_.images.find(request.reference))) {
    reply.image_id = found->id;
    reply.layers = std::move(found->layers);
    reply.size_bytes = found->size_bytes;
  }
  if (!request.layers.empty()) {
    std::vector<std::vector<std::string>> present;
    for (ImageInfo& image : TRY(ports_.images.list())) present.push_back(std::move(image.layers));
    reply.shared = shared_layers(request.layers, present);
  }
  return to_json(reply);
}

Result<Json> StreamCommands::image_offer(const Json& json) {
  const ImageOfferRequest request = TRY(image_offer_request_from_json(json));
  if (!is_sha256_digest(request.image_id)) {
    return fail(Code::invalid, std::format("'{}' is no image id", request.image_id));
  }
  if (!TRY(ports_.images.find(request.image_id))) {
    return fail(Code::not_found, std::format("image {} is not on this machine", request.image_id));
  }
  const std::string key = TRY(ports_.transfers.offer(
      {"image", request.transfer},
      [source = source_, request](MachineStream& stream, std::stop_token stop) {
        return source->send(stream, request.image_id, request.shared, stop);
      }));
  return to_json(ImageOfferReply{key, ports_.transfers.address()});
}

Result<Json> StreamCommands::image_fetch(const Json& json) {
  const ImageFetchRequest request = TRY(image_fetch_request_from_json(json));
  return to_json(TRY(fetches_.fetch(request)));
}

Result<Json> StreamCommands::logs_offer(const Json& json) {
  const InstanceLogsRequest request = TRY(instance_logs_request_from_json(json));
  const std::string key = TRY(ports_.transfers.offer(
      {"logs", request.transfer}, [&containers = ports_.containers, request](
                                      MachineStream& stream, std::stop_token stop) {
        return send_logs(containers, request, stream, std::move(stop));
      }));
  return Json{{"key", key}, {"address", ports_.transfers.address()}};
}

Result<Json> StreamCommands::exec(const Json& json) {
  const InstanceId instance(TRY(get_string(json, "instance")));
  const std::vector<std::string> command = TRY(get_strings(json, "command"));
  const uint64_t timeout_ms = std::min(TRY(get_uint(json, "timeout_ms")), kMaxExecMs);
  const ExecResult result =
      TRY(ports_.containers.exec(instance, command, std::chrono::milliseconds(timeout_ms)));
  return Json{{"exit_code", result.exit_code}, {"output", result.output}};
}

}  // namespace ployz

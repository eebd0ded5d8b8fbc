// The agent's commands that work with machine streams, and exec beside them:
// "image_layers", "image_offer", "image_fetch" (ports/image_request.h), "logs_offer"
// (agent/instance_logs.h), "exec" {instance, command, timeout_ms} → {exit_code, output}.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "agent/image_fetches.h"
#include "agent/image_source.h"
#include "agent/instance_logs.h"

namespace ployz {

inline constexpr uint64_t kMaxExecMs = 3600'000;

// Thread-safe. Streams it offers may outlive it: they end with Transfers, containers and images,
// which outlive both.
class StreamCommands {
 public:
  struct Ports {
    Containers& containers;
    Images& images;
    Transfers& transfers;
    Clock& clock;
  };
  // `spool_folder` needs room for the images that are sent at one time.
  StreamCommands(Ports ports, std::filesystem::path spool_folder);

  // Nullopt: not one of these commands.
  [[nodiscard]] std::optional<Result<Json>> handle(const std::string& command, const Json& request);

 private:
  [[nodiscard]] Result<Json> image_layers(const Json& request);
  [[nodiscard]] Result<Json> image_offer(const Json& request);
  [[nodiscard]] Result<Json> image_fetch(const Json& request);
  [[nodiscard]] Result<Json> logs_offer(const Json& request);
  [[nodiscard]] Result<Json> exec(const Json& request);

  const Ports ports_;
  std::shared_ptr<ImageSource> source_;
  ImageFetches fetches_;
};

}  // namespace ployz

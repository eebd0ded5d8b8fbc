// This machine's part of an update: keeps packages, sends and takes them, and starts the updater
// (packaging/update), which outlives this daemon. Answers the commands of mesh/update_calls.h.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "mesh/update_calls.h"
#include "package_folder.h"
#include "paths.h"
#include "ports/transfer.h"
#include "ports/units.h"

namespace ployz {

class UpdateHost {
 public:
  struct Ports {
    Units& units;
    Transfers& transfers;
    // One line for each part of this machine that does not serve.
    std::function<std::vector<std::string>()> problems;
  };
  // `socket`: of this daemon, where the updater asks how it is.
  UpdateHost(const Paths& paths, std::filesystem::path socket, Ports ports);
  ~UpdateHost() { stop_.request_stop(); }

  [[nodiscard]] static bool knows(std::string_view command) { return is_update_call(command); }
  // Thread-safe.
  [[nodiscard]] Result<Json> handle(const std::string& command, const Json& request);
  // From files and the init system alone.
  [[nodiscard]] Result<UpdateState> state() const;
  [[nodiscard]] PackageFolder& packages() { return packages_; }

 private:
  [[nodiscard]] Result<Json> list();
  [[nodiscard]] Result<Json> offer(const Json& request);
  [[nodiscard]] Status fetch(const PackageFetch& fetch);
  [[nodiscard]] Status install(const UpdateInstall& install);
  [[nodiscard]] Result<bool> updating() const;

  const std::filesystem::path folder_;
  const std::filesystem::path socket_;
  const Ports ports_;
  PackageFolder packages_;
  std::mutex installing_;
  std::stop_source stop_;  // of what is being fetched
};

}  // namespace ployz

// One pass of the router: makes gateway and DNS serve these commits. No state of its own.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "model/commit.h"
#include "plan/snapshot.h"
#include "ports/dns.h"
#include "ports/gateway.h"
#include "ports/projection_cache.h"

namespace ployz {

using NewestCommits = std::map<NamespaceName, CommitEntry>;

struct PassInput {
  const NewestCommits& newest;
  const NewestCommits& served;  // by the gateway until now: what a namespace held back falls back to
  std::chrono::milliseconds health{0};  // how long new servers may take to answer
};

struct PassResult {
  NewestCommits shown;  // newest, but for namespaces held back
  RouteTable routes;    // of `shown`
  Status gateway;
  Status dns;
  std::map<NamespaceName, Error> held_back;  // their backends could not be taken
  [[nodiscard]] bool complete() const { return gateway && dns && held_back.empty(); }
};

class Pass {
 public:
  struct Ports {
    Gateway& gateway;
    Dns& dns;
    ProjectionCache& cache;
    const std::function<void(const std::string&)>& log;
  };
  Pass(const ClusterConfig& config, Ports ports) : config_(config), ports_(ports) {}

  [[nodiscard]] PassResult run(const PassInput& input);

 private:
  void take_backends(const PassInput& input, PassResult& result);
  void say(const std::string& line) const {
    if (ports_.log) ports_.log(line);
  }

  const ClusterConfig& config_;
  Ports ports_;
};

}  // namespace ployz

// The router's state and its worker; only for the .cc files of this folder.
//
// One mutex guards everything. No call of gateway, DNS or cache is made under it: what such a call
// relies on is marked first (`retiring_`, pins, `desired_`), and the others wait for the mark.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ports/router_status.h"
#include "router/pass.h"
#include "router/preparations.h"
#include "router/projection.h"
#include "router/router.h"

namespace ployz {

struct Router::Impl {
  using Lock = std::unique_lock<std::mutex>;

  Impl(ClusterConfig config, Router::Ports ports);
  ~Impl();

  void start();
  void on_commit(const StoredCommit& stored);
  void on_caught_up();
  Result<Json> handle(const std::string& command, const Json& request);

  // router_commands.cc
  Result<Json> ping();
  Result<Json> status();
  Result<Json> flip(const FlipRequest& request);
  Result<Json> step(const StepRequest& request);
  Status prepare(const StepRequest& request);
  Status prepare_locked(Lock& lock, const StepRequest& request, const Commit& candidate);
  Status discard(const StepRequest& request);
  Status drain(const StepRequest& request, const DrainRoutes& action);
  Status await_routes(const AwaitRoutes& action);
  std::string missing(const FlipRequest& request) const;
  std::vector<Backend> extra_backends(const Commit& candidate) const;

  // router_worker.cc
  void work();
  void run_pass(Lock& lock, std::chrono::milliseconds health);
  void note_unnamed(Lock& lock);
  void retire_due(Lock& lock);
  // Those of the gateway no route names, nobody prepared and nobody is retiring.
  std::vector<BackendKey> unnamed(Lock& lock);
  Status retire(Lock& lock, const std::vector<BackendKey>& keys, std::chrono::milliseconds limit);
  void wait_not_retiring(Lock& lock, const std::vector<Backend>& backends);
  std::chrono::steady_clock::time_point next_wake() const;

  bool pending() const { return may_apply_ && applied_ != wanted_; }
  // The newest commit known is what gateway and DNS serve.
  bool serves_newest(const NamespaceName& name) const;
  void say(const std::string& line) const {
    if (ports_.log) ports_.log(line);
  }

  const ClusterConfig config_;
  const Router::Ports ports_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;

  NewestCommits newest_;
  std::set<NamespaceName> seen_;  // since the log is followed
  bool caught_up_ = false;
  bool may_apply_ = false;  // newest_ is whole: from the cache, or caught up
  uint64_t wanted_ = 0;     // counts changes of newest_
  uint64_t applied_ = 0;    // the count the last complete pass showed
  std::chrono::steady_clock::time_point retry_at_{};
  std::chrono::milliseconds backoff_{0};

  std::set<BackendKey> desired_;  // of newest_
  RouteTable served_;             // by the gateway
  NewestCommits served_commits_;
  std::map<NamespaceName, uint64_t> dns_served_;
  std::string gateway_error_;
  std::string dns_error_;
  std::map<NamespaceName, Error> held_back_;

  Preparations preparations_;
  std::set<OperationId> busy_;  // a prepare or discard of it is in the gateway
  std::set<BackendKey> retiring_;
  std::map<BackendKey, uint64_t> unnamed_since_;  // steady ms

  std::thread worker_;
};

}  // namespace ployz

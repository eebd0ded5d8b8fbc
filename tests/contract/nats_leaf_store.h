// The world of the control store's contract, seen through leaf connections.
#pragma once

#include <iostream>

#include "contract/control_store_world.h"
#include "contract/nats_cluster.h"
#include "drivers/nats/commit_log.h"

namespace ployz::contract {

struct StoreClient {
  explicit StoreClient(std::unique_ptr<NatsConnection> connected)
      : connection(std::move(connected)), commits(*connection), records(*connection) {}
  std::unique_ptr<NatsConnection> connection;
  NatsCommitLog commits;
  NatsKeyValue records;
};

// One client on each of two leaf nodes.
class LeafStoreWorld : public ControlStoreWorld {
 public:
  LeafStoreWorld()
      : first_(cluster_.connect("m2", NatsRole::daemon)),
        second_(cluster_.connect("m3", NatsRole::daemon)) {}

  ~LeafStoreWorld() override {
    if (testing::Test::HasFailure()) std::cerr << cluster_.log();
  }

  CommitLog& commits() override { return first_.commits; }
  KeyValue& records() override { return first_.records; }
  CommitLog& other_commits() override { return second_.commits; }
  KeyValue& other_records() override { return second_.records; }

  bool await(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
             const std::function<bool()>& done) override {
    return changed.wait_for(lock, std::chrono::seconds(30), done);
  }
  void run_parallel(std::vector<std::function<void()>> tasks) override {
    run_threads(std::move(tasks));
  }

  // The store machine's server; the leaves and their clients stay.
  bool crash() override {
    cluster_.hub().kill();
    return true;
  }
  bool restart() override {
    cluster_.hub().start();
    return cluster_.linked("m2") && cluster_.linked("m3");
  }
  bool freeze() override {
    cluster_.hub().freeze();
    return true;
  }
  bool thaw() override {
    cluster_.hub().thaw();
    return cluster_.linked("m2") && cluster_.linked("m3");
  }

 private:
  NatsCluster cluster_;
  StoreClient first_;
  StoreClient second_;
};

}  // namespace ployz::contract

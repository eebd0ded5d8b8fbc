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
  LeafStoreWorld() : first_(connect("m2")), second_(connect("m3")) {}

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
    // Until a leaf has noticed, what is asked of it may be on its way.
    for (StoreClient* client : {&first_, &second_}) {
      auto read = client->records.get(Bucket::meta, "none");
      while (read || read.error().code != Code::unavailable) {
        read = client->records.get(Bucket::meta, "none");
      }
    }
    return true;
  }
  bool restart() override {
    cluster_.hub().start();
    return cluster_.linked("m2") && cluster_.linked("m3");
  }
  bool freeze() override {
    // A leaf notices after 10 to 15 s, and then says `unavailable` at once.
    cluster_.hub().freeze();
    return true;
  }
  bool thaw() override {
    cluster_.hub().thaw();
    return cluster_.linked("m2") && cluster_.linked("m3");
  }

 private:
  // Short enough that the frozen store's contract is through before the leaves have noticed.
  std::unique_ptr<NatsConnection> connect(const std::string& machine) {
    cluster_.of(machine).request_timeout = std::chrono::milliseconds(1500);
    return cluster_.connect(machine, NatsRole::daemon);
  }

  NatsCluster cluster_;
  StoreClient first_;
  StoreClient second_;
};

}  // namespace ployz::contract

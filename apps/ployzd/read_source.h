// What reads are answered from: the store, or this machine's copy of it. Either way machines are asked
// what they run, live.
#pragma once

#include <memory>

#include "drivers/nats/connection.h"
#include "drivers/nats/copy_reader.h"
#include "engine/engine.h"
#include "mesh/admissions.h"
#include "mesh/invites.h"

namespace ployz {

struct ReadSource {
  CommitLog& commits;
  KeyValue& records;
  Engine& engine;
  Admissions& admissions;
  Invites& invites;
};

// Of the copy, for a few reads: with a connection of its own.
class CopyReading {
 public:
  struct Ports {
    MachineRpc& rpc;
    Clock& clock;
    Entropy& entropy;
    Executor& executor;
  };
  // `connection`: as the admin of the copy.
  CopyReading(const EngineConfig& config, std::unique_ptr<NatsConnection> connection, Ports ports)
      : connection_(std::move(connection)),
        commits_(*connection_),
        records_(*connection_),
        engine_(config,
                {commits_, records_, ports.rpc, ports.clock, ports.entropy, ports.executor}),
        admissions_({config.self, {}, {}}, {records_, ports.rpc, ports.clock, ports.entropy}),
        invites_(config.self,
                 {records_, ports.rpc, ports.clock, ports.entropy, admissions_}) {}

  [[nodiscard]] ReadSource reading() {
    return {commits_, records_, engine_, admissions_, invites_};
  }

 private:
  const std::unique_ptr<NatsConnection> connection_;
  CopiedCommits commits_;
  CopiedRecords records_;
  Engine engine_;
  Admissions admissions_;
  Invites invites_;
};

}  // namespace ployz

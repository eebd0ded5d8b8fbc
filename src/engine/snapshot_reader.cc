#include "engine/snapshot_reader.h"

#include <algorithm>
#include <format>

namespace ployz {
namespace {

Status read_commits(CommitLog& log, ReadSnapshot& read) {
  for (const StoredCommit& stored : TRY(log.newest_of_all())) {
    auto commit = decode_commit(stored.bytes);
    if (commit && commit->name_space == stored.name_space) {
      read.snapshot.newest[stored.name_space] = {stored.sequence, std::move(*commit)};
      continue;
    }
    const std::string why = commit ? "it is another namespace's" : commit.error().message;
    read.notes.push_back(
        std::format("the newest commit of namespace {} (sequence {}) is skipped: {}",
                    stored.name_space.str(), stored.sequence, why));
    read.unreadable[stored.name_space] =
        Error{Code::corrupt,
              Effect::none,
              std::format("the newest commit of namespace {} (sequence {}) does not parse: {}",
                          stored.name_space.str(), stored.sequence, why),
              "nothing was changed; a newer Ployz may be able to read it",
              {}};
  }
  return {};
}

// One machine's two answers: agent "facts", router "ping".
void take_answers(const Machine& machine, Result<Json> facts, const Result<Json>& ping,
                  ReadSnapshot& read) {
  if (facts) {
    if (auto parsed = machine_facts_from_json(*facts)) {
      parsed->machine = machine.id;
      parsed->router_answers = ping.has_value();
      read.snapshot.facts[machine.id] = std::move(*parsed);
      return;
    } else {
      facts = std::unexpected(std::move(parsed).error().at("its facts do not parse"));
    }
  }
  read.snapshot.silent[machine.id] = std::move(facts).error();
}

}  // namespace

Result<std::vector<Machine>> read_machines(KeyValue& records, std::vector<std::string>& notes) {
  std::vector<Machine> machines;
  for (const Record& record : TRY(records.list(Bucket::machines))) {
    const auto json = parse_json(record.value);
    auto machine = json ? machine_from_json(*json) : Result<Machine>(std::unexpected(json.error()));
    if (machine) {
      machines.push_back(std::move(*machine));
    } else {
      notes.push_back(std::format("the machine record '{}' is skipped: {}", record.key,
                                  machine.error().message));
    }
  }
  std::ranges::sort(machines, {}, &Machine::id);
  return machines;
}

Result<ReadSnapshot> read_store(const EngineConfig& config, const Engine::Ports& ports) {
  ReadSnapshot read;
  read.snapshot.config = config.cluster;
  read.snapshot.now_ms = ports.clock.wall_ms();
  read.snapshot.machines = TRY(read_machines(ports.records, read.notes));
  TRY(read_commits(ports.commits, read));
  return read;
}

Status read_history(CommitLog& log, const NamespaceName& name_space, ReadSnapshot& read) {
  std::vector<CommitEntry>& history = read.snapshot.history[name_space];
  history.clear();
  for (const StoredCommit& stored : TRY(log.history(name_space, kMaxHistory))) {
    auto commit = decode_commit(stored.bytes);
    if (!commit) {
      read.notes.push_back(std::format("commit {} of namespace {} is skipped: {}",
                                       stored.sequence, name_space.str(),
                                       commit.error().message));
      continue;
    }
    // It repeats its parent: nothing a person would go back to.
    if (commit->kind == CommitKind::fence) continue;
    history.push_back({stored.sequence, std::move(*commit)});
  }
  return {};
}

void ask_machines(const EngineConfig& config, const Engine::Ports& ports,
                  const FactsRequest& request, ReadSnapshot& read) {
  std::vector<MachineRpc::Call> calls;
  const Json facts = to_json(request);
  for (const Machine& machine : read.snapshot.machines) {
    calls.push_back({{machine.id, Target::agent, "facts"}, facts});
    calls.push_back({{machine.id, Target::router, "ping"}, Json::object()});
  }
  if (calls.empty()) return;
  std::vector<Result<Json>> answers = ports.rpc.call_all(calls, config.rpc_timeout);
  for (size_t i = 0; i < read.snapshot.machines.size(); ++i) {
    take_answers(read.snapshot.machines[i], std::move(answers[2 * i]), answers[2 * i + 1], read);
  }
}

}  // namespace ployz

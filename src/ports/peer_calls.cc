#include "ports/peer_calls.h"

namespace ployz {

Json to_json(const PeerHello& hello) {
  return {{"machine", hello.machine.str()},
          {"network", hello.network},
          {"epoch", hello.epoch},
          {"version", hello.version},
          {"protocol", hello.protocol},
          {"connected", hello.connected}};
}

Result<PeerHello> peer_hello_from_json(const Json& json) {
  PeerHello hello;
  hello.machine = MachineId(TRY(get_string(json, "machine")));
  hello.network = TRY(get_string(json, "network"));
  hello.epoch = TRY(get_uint(json, "epoch"));
  hello.version = TRY(get_string(json, "version"));
  hello.connected = TRY(get_bool(json, "connected"));
  hello.protocol = TRY(get_uint_or(json, "protocol", 1));
  if (hello.machine.empty()) return fail(Code::invalid, "field 'machine' is empty");
  TRY(check_dns_label(hello.network, "network name"));
  return hello;
}

Json to_json(const RemovalAnswer& answer) {
  Json json = {{"epoch", answer.epoch}};
  if (answer.removed) json["removed"] = to_json(*answer.removed);
  return json;
}

Result<RemovalAnswer> removal_answer_from_json(const Json& json) {
  RemovalAnswer answer;
  answer.epoch = TRY(get_uint(json, "epoch"));
  if (json.contains("removed")) {
    answer.removed = TRY(removal_notice_from_json(TRY(get_object(json, "removed"))));
  }
  return answer;
}

Json to_json(const MirrorReach& reach) {
  return {{"epoch", reach.epoch},
          {"complete", reach.complete},
          {"recovering", reach.recovering},
          {"commits", reach.commits},
          {"records", reach.records},
          {"stored_commits", reach.stored_commits},
          {"stored_records", reach.stored_records},
          {"window_ms", reach.window_ms}};
}

Result<MirrorReach> mirror_reach_from_json(const Json& json) {
  MirrorReach reach;
  reach.epoch = TRY(get_uint(json, "epoch"));
  reach.complete = TRY(get_bool(json, "complete"));
  reach.recovering = TRY(get_bool(json, "recovering"));
  reach.commits = TRY(get_uint(json, "commits"));
  reach.records = TRY(get_uint(json, "records"));
  reach.stored_commits = TRY(get_uint(json, "stored_commits"));
  reach.stored_records = TRY(get_uint(json, "stored_records"));
  reach.window_ms = TRY(get_uint(json, "window_ms"));
  return reach;
}

}  // namespace ployz

#include "agent/instance_logs.h"

#include <mutex>
#include <thread>

namespace ployz {
namespace {

constexpr size_t kMaxLine = 4 << 20;  // of the stream: a chunk of 64 KiB, escaped, many times over

}  // namespace

Json to_json(const InstanceLogsRequest& request) {
  Json instances = Json::array();
  for (const InstanceId& id : request.instances) instances.push_back(id.str());
  return {{"transfer", request.transfer},
          {"instances", std::move(instances)},
          {"lines", request.lines},
          {"follow", request.follow}};
}

Result<InstanceLogsRequest> instance_logs_request_from_json(const Json& json) {
  InstanceLogsRequest request;
  request.transfer = TRY(get_string(json, "transfer"));
  for (std::string& id : TRY(get_strings(json, "instances"))) {
    request.instances.emplace_back(std::move(id));
  }
  request.lines = TRY(get_uint(json, "lines"));
  request.follow = TRY(get_bool(json, "follow"));
  if (request.instances.size() > kMaxFollowed) {
    return fail(Code::invalid, "logs of too many instances at once");
  }
  return request;
}

Status read_logs(Containers& containers, const InstanceLogsRequest& request,
                 const InstanceLogSink& sink, std::stop_token stop) {
  std::stop_source ending;
  const std::stop_callback forward(std::move(stop), [&ending] { ending.request_stop(); });
  std::mutex mutex;  // one chunk at a time, and the first error
  Status outcome;
  const auto read = [&](const InstanceId& id) {
    const auto pass_on = [&](std::string_view text) {
      const std::scoped_lock lock(mutex);
      if (ending.stop_requested()) return false;
      if (sink(id, text)) return true;
      ending.request_stop();
      return false;
    };
    const Status ended =
        containers.logs(id, request.lines, request.follow, pass_on, ending.get_token());
    const std::scoped_lock lock(mutex);
    if (!ended && outcome) outcome = ended;
  };
  {
    std::vector<std::jthread> readers;
    for (const InstanceId& id : request.instances) readers.emplace_back([&read, &id] { read(id); });
  }
  return outcome;
}

Status send_logs(Containers& containers, const InstanceLogsRequest& request, MachineStream& stream,
                 std::stop_token stop) {
  Status written;
  const Status read = read_logs(
      containers, request,
      [&](const InstanceId& id, std::string_view text) {
        written = stream.write(to_text({{"instance", id.str()}, {"text", std::string(text)}}) + '\n');
        return written.has_value();
      },
      std::move(stop));
  return written ? read : written;
}

Status receive_logs(MachineStream& stream, const InstanceLogSink& sink) {
  std::string pending, piece(64 << 10, '\0');
  while (const size_t got = TRY(stream.read(piece))) {
    pending.append(piece, 0, got);
    size_t begin = 0;
    for (size_t end; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const Json line = TRY(parse_json(std::string_view(pending).substr(begin, end - begin)));
      const InstanceId id(TRY(get_string(line, "instance")));
      if (!sink(id, TRY(get_string(line, "text")))) return {};
    }
    pending.erase(0, begin);
    if (pending.size() > kMaxLine) return fail(Code::corrupt, "a log's stream has no line ends");
  }
  if (!pending.empty()) return fail(Code::corrupt, "a log's stream ends in the middle of a line");
  return {};
}

}  // namespace ployz

#include "drivers/haproxy/runtime_api.h"

#include <array>
#include <charconv>
#include <format>
#include <optional>
#include <ranges>
#include <vector>

#include "base/unix_stream.h"

namespace ployz {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxAnswer = 64 << 20;  // `show servers state` of 100,000 servers is 15 MB

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (const auto part : std::views::split(text, at)) {
    if (!std::ranges::empty(part)) parts.emplace_back(part.begin(), part.end());
  }
  return parts;
}

std::unexpected<Error> not_understood(std::string_view command, std::string_view answer) {
  return fail(Code::corrupt, std::format("HAProxy's answer to '{}' is not understood: {}", command,
                                         answer.substr(0, 200)));
}

Result<uint64_t> number(std::string_view text, std::string_view command, std::string_view answer) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return not_understood(command, answer);
  }
  return value;
}

}  // namespace

std::string trim_answer(std::string_view answer) {
  const auto first = answer.find_first_not_of(" \r\n\t");
  if (first == std::string_view::npos) return {};
  return std::string(answer.substr(first, answer.find_last_not_of(" \r\n\t") - first + 1));
}

Result<std::string> RuntimeApi::exchange(std::string_view lines, Ending ending,
                                         milliseconds timeout) const {
  const Deadline deadline = deadline_in(timeout);
  UnixStream stream = TRY(UnixStream::connect(socket_path_, kRuntimeTimeout, {}));
  const auto lost = [](Error error) {
    error.effect = Effect::unknown;
    return fail(std::move(error).at("HAProxy"));
  };
  if (auto sent = stream.write_all(std::format("{}\n", lines), deadline); !sent) {
    return lost(std::move(sent).error());
  }
  if (ending == Ending::half_closed) stream.close_write();
  std::string answer;
  std::array<char, 16384> buffer;
  while (true) {
    const auto got = stream.read_some(buffer, deadline);
    if (!got) return lost(got.error());
    if (*got == 0) return answer;
    answer.append(buffer.data(), *got);
    if (answer.size() > kMaxAnswer) return fail(Code::corrupt, "HAProxy answers without end");
  }
}

Result<std::string> RuntimeApi::ask(std::string_view lines) const {
  return exchange(lines, Ending::half_closed, kRuntimeTimeout);
}

Result<bool> RuntimeApi::wait_removable(std::string_view slot, std::string_view server,
                                        milliseconds limit) const {
  // Not half-closed: that is how a `wait` is interrupted (measured).
  const std::string answer =
      trim_answer(TRY(exchange(std::format("wait {}ms srv-removable {}/{}", std::max<int64_t>(limit.count(), 1),
                                           slot, server),
                               Ending::open, limit + kRuntimeTimeout)));
  // "Done." or, for one that is gone, "Condition already unsatisfiable: No such server."
  return answer.starts_with("Done") || answer.contains("No such server");
}

Result<uint64_t> RuntimeApi::sessions(const std::vector<std::string>& slots) const {
  if (slots.empty()) return 0;
  std::string lines;
  for (const std::string& slot : slots) {
    // 2: backends; -1: of any id (management guide, "show stat").
    lines += std::format("{}show stat {} 2 -1", lines.empty() ? "" : ";", slot);
  }
  return parse_sessions(TRY(ask(lines)));
}

Result<uint64_t> RuntimeApi::worker_pid() const { return parse_info_pid(TRY(ask("show info"))); }

Result<RuntimeServers> RuntimeApi::servers() const {
  return parse_servers_state(TRY(ask("show servers state")));
}

Status RuntimeApi::replace_map(std::string_view map, const std::vector<std::string>& chunks) const {
  const uint64_t version =
      TRY(parse_map_version(TRY(ask(std::format("prepare map {}", map)))));
  for (const std::string& chunk : chunks) {
    // The payload ends with an empty line.
    const std::string answer =
        trim_answer(TRY(ask(std::format("add map @{} {} <<\n{}", version, map, chunk))));
    if (!answer.empty()) return not_understood("add map", answer);
  }
  const std::string answer =
      trim_answer(TRY(ask(std::format("commit map @{} {}", version, map))));
  if (!answer.empty()) return not_understood("commit map", answer);
  return {};
}

Result<uint64_t> parse_map_version(std::string_view answer) {
  constexpr std::string_view kPrefix = "New version created: ";
  const std::string text = trim_answer(answer);
  if (!text.starts_with(kPrefix)) return not_understood("prepare map", answer);
  return number(std::string_view(text).substr(kPrefix.size()), "prepare map", answer);
}

Result<uint64_t> parse_info_pid(std::string_view answer) {
  for (const std::string_view line : split(answer, '\n')) {
    if (line.starts_with("Pid: ")) return number(line.substr(5), "show info", answer);
  }
  return not_understood("show info", answer);
}

Result<uint64_t> parse_sessions(std::string_view answer) {
  // "# pxname,svname,qcur,qmax,scur,…\nh0000,BACKEND,0,0,2,…", once for every command.
  constexpr std::string_view kHead = "# ";
  std::optional<size_t> column;
  uint64_t sum = 0;
  for (std::string_view line : split(answer, '\n')) {
    const bool head = line.starts_with(kHead);
    if (head) line.remove_prefix(kHead.size());
    size_t index = 0;
    bool found = false;
    for (const auto part : std::views::split(line, ',')) {  // unlike split(), with empty fields
      const std::string_view field(part.begin(), part.end());
      if (head && field == "scur") column = index;
      found = found || column == index;
      if (!head && column == index) sum += TRY(number(field, "show stat", line));
      ++index;
    }
    if (!found) return not_understood("show stat", line);
  }
  if (!column) return not_understood("show stat", answer);
  return sum;
}

Result<RuntimeServers> parse_servers_state(std::string_view answer) {
  // "1\n# be_id be_name srv_id srv_name srv_addr …\n4 h0000 1 s1 10.101.0.7 …": columns by name.
  std::map<std::string_view, size_t> columns;
  RuntimeServers servers;
  for (const std::string_view line : split(answer, '\n')) {
    const auto words = split(line, ' ');
    if (line.starts_with("# ")) {
      for (size_t i = 1; i < words.size(); ++i) columns[words[i]] = i - 1;
      continue;
    }
    if (columns.empty()) continue;  // the format's version
    std::array<std::string_view, 5> found;
    constexpr std::array<std::string_view, 5> kWanted{"be_name", "srv_name", "srv_addr",
                                                      "srv_port", "srv_admin_state"};
    for (size_t i = 0; i < kWanted.size(); ++i) {
      const auto column = columns.find(kWanted[i]);
      if (column == columns.end() || column->second >= words.size()) {
        return not_understood("show servers state", line);
      }
      found[i] = words[column->second];
    }
    // Bit 0: forced into maintenance (srv_admin_state, management guide).
    const uint64_t admin = TRY(number(found[4], "show servers state", line));
    servers[std::string(found[0])][std::string(found[1])] = {
        std::format("{}:{}", found[2], found[3]), (admin & 1) == 0};
  }
  if (columns.empty()) return not_understood("show servers state", answer);
  return servers;
}

}  // namespace ployz

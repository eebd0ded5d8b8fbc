// Sending and receiving snapshots: see zfs_volumes.h.

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <format>

#include <fcntl.h>
#include <poll.h>

#include "drivers/zfs/stream_header.h"
#include "drivers/zfs/zfs_command.h"
#include "drivers/zfs/zfs_volumes.h"
#include "ports/volume_names.h"

namespace ployz {
namespace {

constexpr size_t kChunk = 256 << 10;    // pipes are widened to this: fewer wake-ups
constexpr size_t kMaxReason = 4 << 10;  // of what zfs prints about its failure
// With its input at an end zfs has only its last transaction to finish.
constexpr std::chrono::minutes kFinish{2};

// What zfs says; it is little, and read to its end once the child has nothing else to do.
std::string read_reason(const Fd& err) {
  std::string text;
  std::array<char, 1024> buffer{};
  while (text.size() < kMaxReason) {
    const ssize_t got = ::read(err.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return text;
}

// The child's verdict after its pipes are closed or drained.
Status verdict(Child& child, const std::stop_token& stop) {
  const auto ended = child.wait(deadline_in(kFinish), stop);
  if (!ended) {
    child.terminate();
    return std::unexpected(ended.error());
  }
  if (ended->ok()) return {};
  return fail(zfs_error(read_reason(child.err)));
}

void widen(const Fd& pipe) {
  (void)::fcntl(pipe.get(), F_SETPIPE_SZ, static_cast<int>(kChunk));
}

Result<size_t> read_up_to(const StreamSource& source, std::span<char> into) {
  size_t filled = 0;
  while (filled < into.size()) {
    const size_t got = TRY(source(into.subspan(filled)));
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

}  // namespace

Result<std::string> ZfsVolumes::find_by_guid(const std::string& guid, const DatasetId& preferred) {
  std::string found;
  const std::string printed =
      TRY(zfs({"list", "-Hp", "-r", "-t", "snapshot", "-o", "name,guid", config_.root}));
  for (const auto& row : zfs_rows(printed)) {
    if (row.size() != 2 || row[1] != guid) continue;
    if (row[0].starts_with(name_of(preferred) + "@")) return row[0];
    found = row[0];
  }
  if (!found.empty()) return found;
  return fail(Code::not_found, std::format("no snapshot here has the guid {}", guid));
}

Result<std::vector<std::string>> ZfsVolumes::send_arguments(const SendRequest& request) {
  if (!TRY(existing(request.dataset)).snapshot(request.snapshot)) {
    return fail(Code::not_found, std::format("dataset {} has no snapshot {}", request.dataset.str(),
                                             request.snapshot.str()));
  }
  // Blocks as they are on disk: large, compressed, embedded. Nothing is unpacked to be packed
  // again.
  std::vector<std::string> arguments{"send", "-Lec"};
  if (!request.base_guid.empty()) {
    arguments.insert(arguments.end(),
                     {"-i", TRY(find_by_guid(request.base_guid, request.dataset))});
  }
  arguments.push_back(name_of(request.dataset, request.snapshot));
  return arguments;
}

Result<uint64_t> ZfsVolumes::send_size(const SendRequest& request) {
  std::vector<std::string> arguments = TRY(send_arguments(request));
  arguments.insert(arguments.begin() + 1, "-nP");
  for (const auto& row : zfs_rows(TRY(zfs(std::move(arguments))))) {
    uint64_t bytes = 0;
    if (row.size() != 2 || row[0] != "size") continue;
    const std::string& text = row[1];
    if (std::from_chars(text.data(), text.data() + text.size(), bytes).ec == std::errc{})
      return bytes;
  }
  return 0;
}

Status ZfsVolumes::send(const SendRequest& request, const StreamSink& sink, std::stop_token stop) {
  Child child = TRY(Child::start(zfs_command(TRY(send_arguments(request))), {}));
  widen(child.out);
  const StopFd stop_fd(stop);
  std::vector<char> buffer(kChunk);
  Status sent;
  while (sent) {
    sent = wait_for(child.out.get(), POLLIN, kNoDeadline, stop_fd);
    if (!sent) break;
    const ssize_t got = ::read(child.out.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    sent = sink({buffer.data(), static_cast<size_t>(got)});
  }
  // In the kernel, zfs writes until the pipe takes it or has no reader; it heeds no signal there, not
  // even SIGKILL (seen with 2.3.9). So nobody waits for it before the pipe is closed.
  child.out.reset();
  const Status judged = verdict(child, {});
  return sent ? judged : sent;
}

Result<std::vector<std::string>> ZfsVolumes::receive_arguments(
    const ReceiveRequest& request, const std::optional<ZfsDataset>& before) {
  // Not mounted: nobody looks at it before it is whole, and in a later round it stays what was
  // sent.
  std::vector<std::string> arguments{"receive", "-u"};
  if (before) {
    // Back to the former round first: what mounting it has changed since is no write of anybody's.
    arguments.push_back("-F");
  } else {
    const auto properties = creation(request.spec, &request.origin, true);
    arguments.insert(arguments.end(), properties.begin(), properties.end());
    if (!request.base_guid.empty()) {
      const std::string base = TRY(find_by_guid(request.base_guid, request.spec.id));
      arguments.insert(arguments.end(), {"-o", "origin=" + base});
    }
  }
  arguments.push_back(name_of(request.spec.id, request.snapshot));
  return arguments;
}

// Success: zfs took the stream, and there was nothing more. `taken` tells whether zfs took it.
Status ZfsVolumes::feed(std::vector<std::string> arguments, std::string_view header,
                        const StreamSource& source, const std::stop_token& stop, bool& taken) {
  Child child = TRY(Child::start(zfs_command(std::move(arguments)), {.in = ChildStream::pipe}));
  widen(child.in);
  ::fcntl(child.in.get(), F_SETFL, ::fcntl(child.in.get(), F_GETFL) | O_NONBLOCK);
  // A second reader of the pipe: zfs reads no further than a stream's end, so what is behind that
  // is found here.
  const Fd behind(::open(std::format("/proc/self/fd/{}", child.in.get()).c_str(),
                         O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const StopFd stop_fd(stop);
  std::vector<char> buffer(kChunk);
  std::string_view left = header;
  Status fed;
  while (fed) {
    std::array<pollfd, 3> fds{
        {{stop_fd.get(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}, {child.in.get(), POLLOUT, 0}}};
    fed = poll_until(fds, kNoDeadline);
    if (fed && fds[0].revents != 0) fed = fail(Code::canceled, "stopped");
    if (!fed || fds[1].revents != 0) break;
    if (!left.empty()) {
      left.remove_prefix(write_some(child.in, left).value_or(0));
      continue;
    }
    const auto got = source(buffer);
    if (!got) fed = std::unexpected(got.error());
    if (!got || *got == 0) break;
    left = {buffer.data(), *got};
  }
  // An end in the middle makes zfs undo what it began; so it is told of one even when we give up.
  child.in.reset();
  const Status judged = verdict(child, {});
  taken = judged.has_value();
  if (!fed) return fed;
  if (!taken) return judged;
  if (left.empty() && ::read(behind.get(), buffer.data(), 1) <= 0 && TRY(source(buffer)) == 0) {
    return {};
  }
  return fail(Code::corrupt, "the stream goes on after its end");
}

// What zfs took becomes a dataset like any other, or is refused.
Result<DatasetSnapshot> ZfsVolumes::settle(const ReceiveRequest& request, bool new_dataset) {
  const Dataset now = TRY(existing(request.spec.id));
  const DatasetSnapshot* received = now.snapshot(request.snapshot);
  if (!received || received->guid != request.guid) {
    return fail(Code::corrupt,
                std::format("what was received as {} is not the snapshot {}",
                            name_of(request.spec.id, request.snapshot), request.guid));
  }
  if (new_dataset) {
    TRY(finish(request.spec));
  } else {
    TRY(zfs({"set", origin_property(request.origin), name_of(request.spec.id)}));
  }
  return *received;
}

// Nothing of it has reached the pool yet.
Result<std::string> ZfsVolumes::read_header(const ReceiveRequest& request,
                                            const StreamSource& source) {
  std::string header(kStreamHeaderBytes, '\0');
  header.resize(TRY(read_up_to(source, header)));
  const auto parsed = TRY(parse_stream_header(header));
  const std::string from = parsed.from_guid == 0 ? "" : std::to_string(parsed.from_guid);
  if (std::to_string(parsed.to_guid) == request.guid && from == request.base_guid) return header;
  const auto name = [](const std::string& guid) { return guid.empty() ? "nothing" : guid; };
  return fail(Code::corrupt,
              std::format("the stream carries the snapshot {} on top of {}, not {} on top of {}",
                          parsed.to_guid, name(from), request.guid, name(request.base_guid)));
}

Result<DatasetSnapshot> ZfsVolumes::receive(const ReceiveRequest& request,
                                            const StreamSource& source, std::stop_token stop) {
  TRY(check_snapshot_name(request.snapshot));
  const DatasetId& id = request.spec.id;
  const auto before = TRY(look(id));
  if (before) {
    const DatasetSpec& spec = before->dataset.spec;
    const DatasetSnapshot* there = before->dataset.snapshot(request.snapshot);
    const bool same =
        spec.name_space == request.spec.name_space && spec.volume == request.spec.volume;
    if (same && there && there->guid == request.guid) {
      if (before->making) TRY(finish(request.spec));
      return *there;
    }
    if (!same || there || request.base_guid.empty()) {
      return fail(Code::exists, std::format("dataset {} is there already", id.str()));
    }
    TRY(find_by_guid(request.base_guid, id));
  } else {
    TRY(ensure_root());
  }
  auto arguments = TRY(receive_arguments(request, before));
  const std::string header = TRY(read_header(request, source));
  // What zfs refuses, it has undone; what it took and we refuse, is for us to undo.
  bool taken = false;
  const Status fed = feed(std::move(arguments), header, source, stop, taken);
  if (!taken) return std::unexpected(fed.error());
  auto settled =
      fed ? settle(request, !before) : Result<DatasetSnapshot>(std::unexpected(fed.error()));
  if (settled) return settled;
  if (!before) {
    TRY(destroy(id));
  } else if (!before->dataset.snapshots.empty()) {
    TRY(zfs({"rollback", "-r", name_of(id, before->dataset.snapshots.back().name)}));
  }
  return settled;
}

}  // namespace ployz

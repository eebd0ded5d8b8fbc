// One host becomes a member of the operator's network: what `machine add` and `dev up` share.
//
//   there: mesh self-record → here: admit → there: mesh join → here: activate
//
// Until the last of these nothing knows the host as a machine. What was done is taken back when a
// later step fails or the operator interrupts; when this program dies, the admission expires.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/client.h"
#include "base/json.h"
#include "base/result.h"
#include "cli/remote_host.h"

namespace ployz::cli {

struct JoinWish {
  const ApiClient& network;  // of a member
  RemoteHost& host;
  std::vector<std::string> sudo;              // what stands before a command that needs root there
  std::string name;                           // of the machine; empty: its host name
  std::function<void(std::string_view)> say;  // a line of progress
  std::stop_token stop;
  bool* touched = nullptr;  // becomes true when the host is changed, undone or not
  bool keep_data = false;   // datasets were there before: an undo leaves them on its disk
};

struct Joined {
  Json machine;            // the record, as `machine ls --json` shows it
  bool unchanged = false;  // it was a member before
};

// On an error the network is as before and the host belongs to none, unless `say` told otherwise
// and the error's details name what stays ("stays").
[[nodiscard]] Result<Joined> join_network(const JoinWish& wish);

// The host leaves whatever network it belongs to. `keep_data`: its datasets stay on its disk.
[[nodiscard]] Status remote_leave(RemoteHost& host, const std::vector<std::string>& sudo,
                                  bool keep_data, std::stop_token stop);

// ployzctl over there, with --json: its document, or the error it printed.
[[nodiscard]] Result<Json> remote_ployzctl(RemoteHost& host, const std::vector<std::string>& sudo,
                                           const std::vector<std::string>& words,
                                           RunOptions options);

// A call that changes something, which `stop` aborts through its operation's id.
[[nodiscard]] Result<Json> abortable(
    const ApiClient& client, std::stop_token stop, const EventSink& events,
    const std::function<Result<Json>(const ApiClient&, const EventSink&)>& call);

}  // namespace ployz::cli

// `machine add` and `machine init`: hosts become machines. Every host is looked at before any is
// touched; then each goes its own way, and one that fails is as it was found, or what stays is
// said.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/remote_host.h"
#include "cli/session.h"

namespace ployz::cli {

// A bound on connections, not on hosts.
inline constexpr size_t kHostsAtOnce = 8;

struct AddWish {
  std::string network;
  std::vector<std::string> hosts;  // user@host
  std::string name;                // of the machine; only with one host
  std::string package;             // as find_package() answered
  // How a host is reached; tests reach it otherwise.
  std::function<std::unique_ptr<RemoteHost>(const std::string& host)> reach;
};

// `precondition` naming every problem of every host when one of them cannot become a machine:
// nothing was changed. Otherwise the answer tells of each; with one host its error is the error.
[[nodiscard]] Result<Answer> add_machines(Session& session, const AddWish& wish);
// The first host founds the network.
[[nodiscard]] Result<Answer> init_machine(Session& session, const AddWish& wish);

}  // namespace ployz::cli

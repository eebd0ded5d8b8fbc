// A host on which commands are run as if an operator had logged in there: over ssh, or by
// `docker exec` for the machines of a development cluster. All that `machine add` does to a host
// goes through this, so that all of it can be tried without one.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/subprocess.h"
#include "cli/host.h"

namespace ployz::cli {

class RemoteHost {
 public:
  virtual ~RemoteHost() = default;
  // "root@192.0.2.7", for messages.
  [[nodiscard]] virtual const std::string& name() const = 0;
  // Runs a program there; any exit status of its own is a success. No shell of this computer is
  // involved. `denied`, `unavailable`, `timeout`, `not_found` (the name does not resolve),
  // `precondition` (its host key is unknown or another one): it was not reached, effect none.
  // `unavailable` with effect unknown: the connection broke while it ran. `canceled`.
  [[nodiscard]] virtual Result<Finished> run(const std::vector<std::string>& argv,
                                             const RunOptions& options) = 0;
};

// The contents of a file of this computer become a file there, mode 0600, replaced as a whole.
// `sudo` stands before what runs there: {} or {"sudo", "-n"}.
[[nodiscard]] Status copy_to(RemoteHost& host, const std::vector<std::string>& sudo,
                             const std::string& local, const std::string& remote,
                             std::stop_token stop);

struct SshTarget {
  std::string destination;     // "user@host" or a name of the operator's ssh configuration
  std::string identity;        // private key file; empty: those ssh finds
  uint16_t port = 0;           // 0: as ssh's configuration says
  std::string control_folder;  // private to us, for the shared connections
};
// `invalid` for what ssh could take for an option or what is no host.
[[nodiscard]] Status check_destination(std::string_view destination);

// The operator's configuration and known hosts count. Nothing is asked: whoever wants to be asked
// connects once by hand before. Host keys are always checked.
[[nodiscard]] std::unique_ptr<RemoteHost> ssh_host(CliHost& host, SshTarget target);
// In a container of the engine of this computer.
[[nodiscard]] std::unique_ptr<RemoteHost> docker_host(CliHost& host, std::string container);

// This computer itself.
[[nodiscard]] std::unique_ptr<RemoteHost> local_host(CliHost& host);

// A folder of our own (0700) for ssh's sockets, with the connections in it closed at the end.
class SshConnections {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SshConnections>> make(CliHost& host);
  ~SshConnections();
  SshConnections(const SshConnections&) = delete;
  SshConnections& operator=(const SshConnections&) = delete;
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  SshConnections(CliHost& host, std::string folder) : host_(host), folder_(std::move(folder)) {}
  CliHost& host_;
  std::string folder_;
};

// Words as one line of a POSIX shell that means exactly them: ssh hands a line to the shell there.
[[nodiscard]] std::string quote_posix(const std::vector<std::string>& words);
// What ssh's exit status 255 was about, from what it wrote to stderr.
[[nodiscard]] Error explain_ssh(const SshTarget& target, std::string_view err);

}  // namespace ployz::cli

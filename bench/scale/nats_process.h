// A nats-server of the benchmark's own, configured as Ployz configures it, with the users of a
// large cluster: a child process on a free port.
#pragma once

#include <map>
#include <string>
#include <utility>

#include <sys/types.h>

#include "base/nkey.h"
#include "drivers/nats/connection.h"
#include "drivers/nats/server_config.h"
#include "model/machine.h"

namespace ployz::bench {

class NatsProcess {
 public:
  // Writes keys and configuration below a new folder of /var/tmp; the first machine manages the
  // streams. `bare`: that many further users, "bare-0"…, for the raw floor.
  NatsProcess(const std::vector<Machine>& machines, size_t bare);
  ~NatsProcess();
  NatsProcess(const NatsProcess&) = delete;

  [[nodiscard]] Status start();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::unique_ptr<NatsConnection> connect(const std::string& machine,
                                                        NatsRole role) const;

 private:
  void add_user(const std::string& machine, NatsRole role);

  std::string directory_;
  NatsServerConfig config_;
  std::map<std::pair<std::string, NatsRole>, std::string> seeds_;
  pid_t pid_ = -1;
  pid_t owner_;  // only the process that made it ends it
};

[[nodiscard]] std::string bare_name(size_t number);

}  // namespace ployz::bench

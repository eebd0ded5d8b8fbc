// One connection to knotd's control socket (libknot). For one thread; knotd serves few at a time,
// so it is kept for one change only.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unix_stream.h"

struct knot_ctl;

namespace ployz {

// A record in a request or an answer. Empty fields are not sent.
struct ControlRecord {
  std::string owner;
  std::string ttl;
  std::string type;
  std::string data;
  bool operator==(const ControlRecord&) const = default;
};

class ControlSession {
 public:
  // `unavailable`: knotd does not run. `denied`. `invalid`: the path is too long for a socket.
  [[nodiscard]] static Result<ControlSession> connect(const std::string& socket, std::string zone,
                                                      Deadline deadline);
  ControlSession(ControlSession&&) = default;
  ControlSession& operator=(ControlSession&&) = default;
  ~ControlSession();

  // Runs one command of the zone for each record and returns what it answered.
  // `not_found`: knotd does not have the zone; `precondition`: knotd refused, in its words. After
  // these the session can go on. `unavailable`, `timeout`, `corrupt`: it cannot. Effect unknown for
  // the last three.
  [[nodiscard]] Result<std::vector<ControlRecord>> run(std::string_view command,
                                                       std::span<const ControlRecord> records);
  [[nodiscard]] Result<std::vector<ControlRecord>> run(std::string_view command,
                                                       const ControlRecord& record = {});

 private:
  struct Close {
    void operator()(knot_ctl* control) const;
  };
  struct Answer {
    std::vector<ControlRecord> records;
    std::string error;  // the first
  };
  ControlSession(std::unique_ptr<knot_ctl, Close> control, std::string zone, Deadline deadline)
      : control_(std::move(control)), zone_(std::move(zone)), deadline_(deadline) {}
  [[nodiscard]] Status limit_time();
  [[nodiscard]] Status send(const std::string& command, std::span<const ControlRecord> records);
  [[nodiscard]] Status receive(Answer& answer);

  std::unique_ptr<knot_ctl, Close> control_;
  std::string zone_;
  Deadline deadline_;
};

}  // namespace ployz

// The Dns port on a running knotd: every change is one transaction over one connection to its
// control socket, and what is served is read from knotd, so nothing is remembered here. After a
// commit the zone file is rewritten, which knotd reads when it starts (knot_config.h).
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/knot/control_session.h"
#include "drivers/knot/zone_text.h"
#include "ports/dns.h"

namespace ployz {

struct KnotDnsConfig {
  std::string control_socket = "/run/ployz/knot/knot.sock";
  std::string zone;                                                      // "cluster.local"
  std::filesystem::path zone_file = "/var/lib/ployz/knot/cluster.zone";  // readable by user knot
  std::chrono::milliseconds timeout{5000};                               // of one call
};

// Thread-safe: calls wait for each other, each for its own timeout.
class KnotDns final : public Dns {
 public:
  explicit KnotDns(KnotDnsConfig config) : config_(std::move(config)) {}

  // `invalid`: a name or address no zone can hold. `unavailable`: knotd does not run. `timeout`,
  // `corrupt`: what listens there does not answer as knotd does. `not_found`: it does not have the
  // zone. The effect is unknown only when the connection ended at the commit; `applied` when the
  // records are served and the zone file could not be written. A zone that knotd could not load
  // (no or a damaged zone file) is made anew.
  [[nodiscard]] Status replace(const DnsRecords& records) override;
  // The errors of replace; `precondition` when knotd could not load the zone.
  [[nodiscard]] Result<DnsRecords> records() override;

 private:
  struct Served {
    std::vector<AddressRecord> addresses;
    bool loaded = false;
    uint32_t serial = 0;
  };
  [[nodiscard]] Result<ControlSession> connect() const;
  [[nodiscard]] Result<Served> served(ControlSession& session) const;
  [[nodiscard]] Result<uint32_t> transact(ControlSession& session, const DnsRecords& records) const;
  [[nodiscard]] Status prepare(ControlSession& session, const Served& now,
                               const ZoneChanges& changes) const;
  [[nodiscard]] Status keep(const DnsRecords& records, uint32_t serial) const;

  KnotDnsConfig config_;
  std::mutex mutex_;
};

}  // namespace ployz

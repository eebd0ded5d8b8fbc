#include "drivers/knot/knot_dns.h"

#include <format>

#include "base/files.h"

namespace ployz {
namespace {

// "web.shop.cluster.local." → "web.shop"; "@" for the zone itself.
Result<std::string> relative(const std::string& owner, const std::string& zone) {
  if (owner == zone + ".") return "@";
  const std::string suffix = "." + zone + ".";
  if (!owner.ends_with(suffix)) {
    return fail(Code::corrupt, std::format("knotd serves {} in {}", owner, zone));
  }
  return owner.substr(0, owner.size() - suffix.size());
}

std::vector<ControlRecord> control_records(const std::vector<AddressRecord>& records,
                                           bool with_ttl) {
  std::vector<ControlRecord> result;
  result.reserve(records.size());
  for (const auto& record : records) {
    result.push_back({record.owner, with_ttl ? record.ttl : "", "A", record.address});
  }
  return result;
}

// Nothing of a transaction is served before its commit, whatever became of the connection.
Error without_effect(Error error) {
  error.effect = Effect::none;
  return error;
}

// One left open by a writer that died is given up. Only then: knotd logs an abort without one.
Status begin(ControlSession& session) {
  const auto begun = session.run("zone-begin");
  if (begun) return {};
  if (begun.error().code != Code::precondition) return fail(begun.error());
  (void)session.run("zone-abort").has_value();
  TRY(session.run("zone-begin"));
  return {};
}

Result<uint32_t> served_serial(ControlSession& session) {
  const auto records = TRY(session.run("zone-read", {"@", "", "SOA", ""}));
  if (records.size() != 1) return fail(Code::corrupt, "knotd serves no SOA record");
  return soa_serial(records.front().data);
}

}  // namespace

Result<ControlSession> KnotDns::connect() const {
  return ControlSession::connect(config_.control_socket, config_.zone,
                                 deadline_in(config_.timeout));
}

Result<KnotDns::Served> KnotDns::served(ControlSession& session) const {
  Served result;
  for (auto& record : TRY(session.run("zone-read"))) {
    if (record.type == "SOA") {
      result.loaded = true;
      result.serial = TRY(soa_serial(record.data));
    } else if (record.type == "A") {
      result.addresses.push_back(
          {TRY(relative(record.owner, config_.zone)), record.ttl, record.data});
    }
  }
  return result;
}

Result<DnsRecords> KnotDns::records() {
  const std::lock_guard lock(mutex_);
  ControlSession session = TRY(connect());
  const auto now = served(session);
  if (!now) return fail(without_effect(now.error()));
  if (!now->loaded) {
    return fail(Code::precondition, std::format("knotd could not load {}", config_.zone),
                std::format("{} is absent or damaged; the next change makes it anew",
                            config_.zone_file.string()));
  }
  DnsRecords records;
  for (const auto& record : now->addresses) records[record.owner].insert(record.address);
  return records;
}

Status KnotDns::replace(const DnsRecords& records) {
  TRY(check_records(records, config_.zone));
  const std::lock_guard lock(mutex_);
  ControlSession session = TRY(connect());
  return keep(records, TRY(transact(session, records)));
}

Status KnotDns::prepare(ControlSession& session, const Served& now,
                        const ZoneChanges& changes) const {
  if (!now.loaded) {
    // Any serial will do, as nobody transfers the zone.
    const std::string ttl = std::to_string(kRecordTtl);
    TRY(session.run("zone-set", {"@", ttl, "SOA", soa_data(1)}));
    TRY(session.run("zone-set", {"@", ttl, "NS", ns_data()}));
  }
  TRY(session.run("zone-unset", control_records(changes.unset, false)));
  TRY(session.run("zone-set", control_records(changes.set, true)));
  return {};
}

// Returns the serial that is served then.
Result<uint32_t> KnotDns::transact(ControlSession& session, const DnsRecords& records) const {
  const auto now = served(session);
  if (!now) return fail(without_effect(now.error()));
  const ZoneChanges changes = zone_changes(now->addresses, records);
  if (now->loaded && changes.empty()) return now->serial;
  if (const Status begun = begin(session); !begun) return fail(without_effect(begun.error()));
  if (const Status prepared = prepare(session, *now, changes); !prepared) {
    (void)session.run("zone-abort").has_value();
    return fail(without_effect(prepared.error()));
  }
  if (const auto committed = session.run("zone-commit"); !committed) {
    (void)session.run("zone-abort").has_value();
    return fail(committed.error());
  }
  const auto serial = served_serial(session);
  if (serial) return *serial;
  // The zone file is not what is served until the next call.
  Error error = serial.error();
  error.effect = Effect::applied;
  return fail(std::move(error));
}

Status KnotDns::keep(const DnsRecords& records, uint32_t serial) const {
  const std::string text = zone_text(config_.zone, serial, records);
  // Unchanged zones cost no write: the router repeats itself.
  if (const auto old = read_file(config_.zone_file); old && *old == text) return {};
  if (const Status written = write_file(config_.zone_file, text); !written) {
    Error error = written.error();
    error.effect = Effect::applied;
    return fail(std::move(error).at("the new DNS records are served, but not kept"));
  }
  return {};
}

}  // namespace ployz

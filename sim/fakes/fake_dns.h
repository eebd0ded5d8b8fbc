// One machine's zone in memory.
#pragma once

#include <mutex>

#include "ports/dns.h"
#include "sim/fakes/hook.h"

namespace ployz::sim {

class FakeDns final : public Dns {
 public:
  explicit FakeDns(Hook& hook) : hook_(hook) {}
  Status replace(const DnsRecords& records) override {
    const Fate fate = hook_.enter("dns.replace", std::to_string(records.size()), Kind::local);
    if (fate == Fate::refused || fate == Fate::never) return failed();
    {
      const std::lock_guard lock(mutex_);
      records_ = records;
    }
    if (fate != Fate::normal) return failed();
    hook_.leave("dns.replace", "serving");
    return {};
  }
  Result<DnsRecords> records() override {
    if (hook_.enter("dns.records", "", Kind::local) != Fate::normal) return failed();
    return serving();
  }
  // Without a call, for checkers.
  [[nodiscard]] DnsRecords serving() {
    const std::lock_guard lock(mutex_);
    return records_;
  }

 private:
  static std::unexpected<Error> failed() {
    return fail(Code::unavailable, "the DNS server does not answer", "", Effect::unknown);
  }

  Hook& hook_;
  std::mutex mutex_;
  DnsRecords records_;
};

}  // namespace ployz::sim

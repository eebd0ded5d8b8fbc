#include "mesh/newcomer.h"

#include <algorithm>
#include <format>

#include "base/ulid.h"
#include "model/release.h"

namespace ployz {
namespace {

bool is_base64(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

// 32 bytes in base64: 43 digits and one "=".
bool is_wireguard_key(std::string_view text) {
  return text.size() == 44 && text.ends_with('=') &&
         std::ranges::all_of(text.substr(0, 43), is_base64);
}

// An nkey: "U" and 55 more digits of base 32.
bool is_user_key(std::string_view text) {
  return text.size() == 56 && text.starts_with('U') && std::ranges::all_of(text, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
         });
}

Status check_record(const SelfRecord& record, const std::string& name) {
  if (!is_ulid(record.id.str())) {
    return fail(Code::invalid, std::format("'{}' is not a machine id", record.id.str()));
  }
  TRY(check_dns_label(name, "machine name"));
  if (!is_wireguard_key(record.wireguard_public_key)) {
    return fail(Code::invalid, std::format("machine {} has no usable WireGuard key", name));
  }
  if (!is_user_key(record.nats_public_key)) {
    return fail(Code::invalid, std::format("machine {} has no usable NATS key", name));
  }
  return {};
}

Status check_other(const SelfRecord& record, const std::string& name, const Machine& other) {
  const auto taken = [&](std::string_view what) {
    return fail(Code::exists, std::format("{} of machine {} belongs to machine {} already", what,
                                          name, other.id.str()));
  };
  if (other.name == name) {
    return fail(Code::exists,
                std::format("the name {} belongs to machine {} already", name, other.id.str()),
                "give it another one: ployzctl machine add --name NAME");
  }
  if (other.wireguard_public_key == record.wireguard_public_key) return taken("the WireGuard key");
  if (other.nats_public_key == record.nats_public_key) return taken("the NATS key");
  return {};
}

}  // namespace

Status check_clock_skew(uint64_t theirs_ms, uint64_t ours_ms, uint64_t transfer_ms) {
  const auto ahead = static_cast<int64_t>(theirs_ms - ours_ms);
  const auto behind = -ahead;
  if (ahead <= static_cast<int64_t>(kMaxClockSkewMs) &&
      behind <= static_cast<int64_t>(kMaxClockSkewMs + transfer_ms)) {
    return {};
  }
  return fail(Code::precondition,
              std::format("the machine's clock is {:.1f} s {} (at most {} s are fine): {} ms there, "
                          "{} ms here",
                          static_cast<double>(std::max(ahead, behind)) / 1000,
                          ahead > 0 ? "ahead" : "behind", kMaxClockSkewMs / 1000, theirs_ms,
                          ours_ms),
              "set it right, best by NTP: timedatectl set-ntp true");
}

Status check_version_fits(std::string_view theirs, std::string_view ours) {
  const auto other = parse_release(theirs);
  const auto own = parse_release(ours);
  if (other && own && same_minor(*other, *own)) return {};
  if (!other || !own) {
    return fail(Code::precondition,
                std::format("'{}' is not a version that can be compared with {}", theirs, ours));
  }
  const bool older = *other < *own;
  return fail(Code::precondition,
              std::format("the machine runs Ployz {}, the network {}: major and minor version must "
                          "be the same",
                          theirs, ours),
              older ? "upgrade Ployz on the machine" : "upgrade Ployz on the network's machines");
}

Status check_newcomer(const SelfRecord& record, const std::string& name, const Roster& roster,
                      uint64_t now_ms) {
  TRY(check_record(record, name));
  if (const Machine* member = roster.machine(record.id)) {
    return fail(Code::exists, std::format("machine {} is a member already", member->name),
                "see it: ployzctl machine ls");
  }
  for (const Machine& machine : roster.machines) TRY(check_other(record, name, machine));
  for (const RecordedAdmission& recorded : roster.admissions) {
    const Machine& machine = recorded.admission.machine;
    if (machine.id == record.id || !is_live(recorded.admission, now_ms)) continue;
    TRY(check_other(record, name, machine));
  }
  return {};
}

}  // namespace ployz

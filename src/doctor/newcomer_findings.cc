// Invites and admissions that end, or have just ended, with nobody in the network by them.
#include <algorithm>
#include <format>

#include "doctor/findings.h"

namespace ployz::doctor {
namespace {

bool is_member(const ClusterView& view, const MachineId& id) {
  return std::ranges::contains(view.members, id, &Machine::id);
}

std::string create_of(const Invite& invite) {
  return "ployzctl machine invite create" +
         (invite.name.empty() ? "" : " --name " + shell_word(invite.name));
}

std::string called(const Invite& invite) {
  return std::format("invite {}{}{}", invite.id.str(), invite.name.empty() ? "" : " for ",
                     invite.name);
}

// Forgotten when it has been over for kInviteGraceMs, as everywhere.
void look_at_ended(const ClusterView& view, const Invite& invite, Findings& findings) {
  const uint64_t over = view.answered_at_ms - invite.expires_at_ms;
  if (over > kInviteGraceMs) return;
  const std::string ended =
      std::format("{} expired {} ago, and ", called(invite), duration_text(over));
  if (invite.state == InviteState::open) {
    findings.anywhere(Severity::warning, "invite", ended + "nobody came in by it",
                      create_of(invite));
  } else if (invite.state == InviteState::used && invite.user &&
             !is_member(view, invite.user->machine)) {
    findings.anywhere(
        Severity::warning, "invite",
        ended + invite.user->name + ", which used it, has not become a machine of the network",
        create_of(invite));
  }
}

void look_at_invite(const ClusterView& view, const Invite& invite, Findings& findings) {
  const uint64_t now = view.answered_at_ms;
  if (invite.expires_at_ms <= now) return look_at_ended(view, invite, findings);
  const uint64_t left = invite.expires_at_ms - now;
  const uint64_t life = invite.expires_at_ms - std::min(invite.created_at_ms, invite.expires_at_ms);
  if (invite.state != InviteState::open || left > std::min(kInviteSoonMs, life / 4)) return;
  findings.anywhere(Severity::warning, "invite",
                    std::format("{} expires in {}, and nobody has come in by it", called(invite),
                                duration_text(left)),
                    create_of(invite));
}

// One that has ended is an operation that was interrupted.
void look_at_admission(const ClusterView& view, const Admission& admission, Findings& findings) {
  const uint64_t now = view.answered_at_ms;
  if (admission.expires_at_ms <= now || admission.expires_at_ms - now > kAdmissionSoonMs ||
      is_member(view, admission.machine.id)) {
    return;
  }
  findings.anywhere(
      Severity::warning, "admission",
      std::format("{} has been let in and is no machine of the network yet; it may come in for {} "
                  "more",
                  admission.machine.name, duration_text(admission.expires_at_ms - now)),
      "ployzctl op resume " + admission.operation.str());
}

}  // namespace

void look_at_newcomers(const ClusterView& view, Findings findings) {
  for (const Invite& invite : view.invites) look_at_invite(view, invite, findings);
  for (const Admission& admission : view.admissions) look_at_admission(view, admission, findings);
}

}  // namespace ployz::doctor

// The parts of the command tree; one .cc a group.
#pragma once

#include "cli/command.h"

namespace ployz::cli {

[[nodiscard]] CommandSpec daemon_command();
[[nodiscard]] CommandSpec mesh_command();
[[nodiscard]] CommandSpec machine_command();
// Of machine: drain, storage, update, rm, standby, activate.
[[nodiscard]] CommandSpec machine_drain_command();
[[nodiscard]] CommandSpec machine_storage_command();
[[nodiscard]] CommandSpec machine_invite_command();
[[nodiscard]] CommandSpec machine_update_command();
[[nodiscard]] CommandSpec machine_rm_command();
[[nodiscard]] CommandSpec machine_standby_command();
[[nodiscard]] CommandSpec machine_activate_command();
[[nodiscard]] CommandSpec deploy_command();
[[nodiscard]] CommandSpec branch_command();
[[nodiscard]] CommandSpec promote_command();
[[nodiscard]] CommandSpec rollback_command();
[[nodiscard]] CommandSpec migrate_command();
[[nodiscard]] CommandSpec fork_volume_command();
[[nodiscard]] CommandSpec volume_command();
[[nodiscard]] CommandSpec namespace_command();
[[nodiscard]] CommandSpec log_command();
[[nodiscard]] CommandSpec show_command();
[[nodiscard]] CommandSpec ps_command();
[[nodiscard]] CommandSpec op_command();
[[nodiscard]] CommandSpec image_command();
[[nodiscard]] CommandSpec logs_command();
[[nodiscard]] CommandSpec exec_command();
[[nodiscard]] CommandSpec status_command();
[[nodiscard]] CommandSpec doctor_command();
[[nodiscard]] CommandSpec context_command();
[[nodiscard]] CommandSpec dev_command();
[[nodiscard]] CommandSpec completion_command();
// Hidden: __complete, __docs, __relay.
[[nodiscard]] std::vector<CommandSpec> internal_commands();

}  // namespace ployz::cli

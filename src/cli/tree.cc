#include "cli/commands.h"

namespace ployz::cli {

const std::vector<OptionSpec>& global_options() {
  static const std::vector<OptionSpec> kOptions{
      {"config",
       0,
       "FILE",
       "the daemon's configuration (/etc/ployz/config.toml)",
       false,
       {},
       Names::file},
      {"data-dir",
       0,
       "DIR",
       "where ployzctl keeps machines (~/.local/share/ployz)",
       false,
       {},
       Names::file},
      {"socket", 0, "PATH", "the daemon's control socket", false, {}, Names::file},
      {"context", 0, "NAME", "whom to talk to; see ployzctl context", false, {}, Names::context},
      {"machine", 0, "NAME", "another machine of a development cluster", false, {}, Names::machine},
      {"json", 0, "", "one JSON document on stdout"},
      {"plain", 0, "", "tables as tab-separated values, without header and colour"},
      {"quiet", 'q', "", "no progress"},
      {"color", 0, "WHEN", "colours", false, {"auto", "always", "never"}},
      {"version", 0, "", "the version of ployzctl"},
  };
  return kOptions;
}

const CommandSpec& command_tree() {
  static const CommandSpec kRoot = [] {
    CommandSpec root{
        .name = "ployzctl",
        .summary = "Ployz runs your containers on your machines, one explicit command at a time",
        .description =
            "Every flag --some-flag of this list may also be set as PLOYZ_SOME_FLAG.\n"
            "Exit codes: 0 done or nothing to do, 1 failed and the previous state stands, 2 usage "
            "or configuration,\n3 refused and nothing was changed, 4 committed with the cleanup "
            "pending.",
        .examples = {"ployzctl dev up", "ployzctl deploy -f shop.toml", "ployzctl ps"},
        .children = {daemon_command(), mesh_command(), machine_command(), deploy_command(),
                     branch_command(), promote_command(), rollback_command(), migrate_command(),
                     fork_volume_command(), volume_command(), namespace_command(), log_command(), show_command(), ps_command(), op_command(),
                     image_command(), logs_command(), exec_command(), status_command(),
                     doctor_command(), context_command(), dev_command(), completion_command()}};
    for (auto& command : internal_commands()) root.children.push_back(std::move(command));
    return root;
  }();
  return kRoot;
}

}  // namespace ployz::cli

#include <format>

#include "cli/machine_container.h"

namespace ployz::cli {
namespace {

// By number, as in capabilities(7). PERFMON, BPF and CHECKPOINT_RESTORE (38 to 40) are left out:
// engines before 23 do not know their names, and nothing in a machine needs them.
constexpr std::string_view kCapabilities[] = {"CHOWN",
                                              "DAC_OVERRIDE",
                                              "DAC_READ_SEARCH",
                                              "FOWNER",
                                              "FSETID",
                                              "KILL",
                                              "SETGID",
                                              "SETUID",
                                              "SETPCAP",
                                              "LINUX_IMMUTABLE",
                                              "NET_BIND_SERVICE",
                                              "NET_BROADCAST",
                                              "NET_ADMIN",
                                              "NET_RAW",
                                              "IPC_LOCK",
                                              "IPC_OWNER",
                                              "SYS_MODULE",
                                              "SYS_RAWIO",
                                              "SYS_CHROOT",
                                              "SYS_PTRACE",
                                              "SYS_PACCT",
                                              "SYS_ADMIN",
                                              "SYS_BOOT",
                                              "SYS_NICE",
                                              "SYS_RESOURCE",
                                              "SYS_TIME",
                                              "SYS_TTY_CONFIG",
                                              "MKNOD",
                                              "LEASE",
                                              "AUDIT_WRITE",
                                              "AUDIT_CONTROL",
                                              "SETFCAP",
                                              "MAC_OVERRIDE",
                                              "MAC_ADMIN",
                                              "SYSLOG",
                                              "WAKE_ALARM",
                                              "BLOCK_SUSPEND",
                                              "AUDIT_READ"};

}  // namespace

RunRecipe run_recipe(const EngineTraits& traits) {
  RunRecipe recipe;
  auto& options = recipe.options;
  if (traits.privileged) {
    options.emplace_back("--privileged");
  } else {
    for (size_t n = 0; n < std::size(kCapabilities); ++n)
      if ((traits.bounding_set >> n & 1) != 0)
        options.push_back(std::format("--cap-add={}", kCapabilities[n]));
    for (const char* option :
         {"--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined",
          "--security-opt=systempaths=unconfined", "--device-cgroup-rule=a *:* rwm",
          "--device=/dev/net/tun"})
      options.emplace_back(option);
  }
  if (traits.privileged && traits.cgroup_version == 2) {
    options.emplace_back("--cgroupns=private");
  } else {
    // Without the privilege to mount it, or on v1, the host's hierarchy has to be handed in.
    options.emplace_back("--cgroupns=host");
    options.emplace_back("--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw");
  }
  // The images below /var/lib/docker need a file system that overlayfs accepts under it: a volume.
  for (const char* option : {"--tmpfs=/run", "--tmpfs=/tmp:exec", "--volume=/var/lib/docker"})
    options.emplace_back(option);
  if (traits.cgroup_version == 1)
    recipe.arguments = {"/lib/systemd/systemd", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"};
  return recipe;
}

}  // namespace ployz::cli

"""What is done to machines in scenarios: their processes are killed."""
import subprocess

from lab import COMMAND_LIMIT_S


class Kill:
    """kill -9 of a unit's process without delay: what does it waits in the machine already."""

    def __init__(self, machine, unit):
        # One that does not run yet is looked for when it is to die.
        self.victim = machine.pid_of(unit) or f"$(systemctl show -p MainPID --value {unit})"
        self.shell = subprocess.Popen(["docker", "exec", "-i", machine.container, "bash"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask("echo ready")

    def ask(self, line):
        self.shell.stdin.write(line + "\n")
        self.shell.stdin.flush()
        said = self.shell.stdout.readline()
        assert said, f"the shell ended at {line}"
        return said.strip()

    def now(self):
        assert self.ask(f"kill -9 {self.victim}; echo $?") == "0"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.stdin.close()
        self.shell.stdout.close()
        self.shell.wait(COMMAND_LIMIT_S)

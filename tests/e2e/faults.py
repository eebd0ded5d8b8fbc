"""What is done to machines in scenarios: their processes are killed, their power fails."""
import contextlib
import subprocess

from lab import COMMAND_LIMIT_S, Container, run


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


class Filler(Container):
    """A container that does nothing but have an address."""

    def __init__(self, image):
        self.container = run("docker", "run", "-d", "--rm", "--entrypoint", "sleep", image,
                             "600").stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run("docker", "rm", "-f", self.container)


def parts_of(container):
    return [int(part) for part in container.address.split(".")]


def power_fails(lab):
    """Of all machines at once: every process is killed; then all boot, at their addresses. An engine
    gives a container the lowest address that is free: so gaps are filled, and the order is theirs."""
    before = {machine.name: machine.address for machine in lab.all()}
    in_order = sorted(lab.all(), key=parts_of)
    containers = [machine.container for machine in in_order]
    with contextlib.ExitStack() as gaps:
        filler = None
        while filler is None or parts_of(filler) < parts_of(in_order[-1]):
            filler = gaps.enter_context(Filler(lab.image))
        run("docker", "kill", *containers)
        run("docker", "start", *containers)
    after = {machine.name: machine.address for machine in lab.all()}
    assert after == before, f"the engine gave other addresses: {before}, now {after}"

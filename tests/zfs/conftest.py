"""Two virtual machines of tools/zfs-lab as one Ployz cluster, installed on them as on any host: the
first by `daemon install`, the second by `machine add` from the first. tools/zfs-lab/test boots them.
Their volumes are on ZFS.

All is slow: an emulated processor takes ten times as long, and there are two of them on one computer.
So limits are wide, and what a machine has already is not done again.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from data import DataWords, database, shared_bank  # noqa: E402
from lab import Answer  # noqa: E402

PRESET = os.environ.get("PLOYZ_PRESET", "dev")
BUILD = f"/src/build/{PRESET}"  # the checkout, as the machines see it
LAB = ROOT / "tools/zfs-lab/lab"
ZFS_ROOT = "tank/ployz"
LIMIT_S = 600


def lab(*words, check=True, stdin=None, limit_s=LIMIT_S):
    done = subprocess.run([LAB, *map(str, words)], input=stdin, text=True,
                          capture_output=True, timeout=limit_s)
    if check and done.returncode != 0:
        raise AssertionError(f"lab {' '.join(map(str, words))} exited {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


class Machine:
    def __init__(self, number):
        self.number = number
        self.name = f"vm{number}"
        self.address = f"10.77.0.{number}"

    def sh(self, script, check=True, stdin=None):
        return lab("exec", self.number, "bash", "-c", script, check=check, stdin=stdin)

    def ctl(self, arguments, stdin=None):
        """A ployzctl command that must succeed; its JSON document."""
        return json.loads(self.sh(f"ployzctl --json {arguments}", stdin=stdin).stdout)

    def curl(self, url, host="shop.example.com"):
        return json.loads(self.sh(f"curl -sS --fail --max-time 60 -H 'Host: {host}' {url}").stdout)

    def docker(self, *args, check=True):
        return lab("exec", self.number, "docker", *args, check=check)

    def start_process(self, *argv):
        """A command that runs on in the machine; its streams are text."""
        return subprocess.Popen([LAB, "exec", str(self.number), *argv], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def datasets_on_disk(self):
        """What the pool has below Ployz's root, whoever knows of it."""
        names = self.sh(f"zfs list -H -r -d 1 -o name {ZFS_ROOT} 2>/dev/null", check=False).stdout
        return ["datasets/" + name.removeprefix(ZFS_ROOT + "/") for name in names.split()
                if name != ZFS_ROOT]

    def kill(self, unit):
        """kill -9; returns when systemd has started it anew."""
        before = self.sh(f"systemctl show -p MainPID --value {unit}").stdout.strip()
        self.sh(f"systemctl kill -s KILL {unit}")
        self.wait(f"pid=$(systemctl show -p MainPID --value {unit}); [ $pid != 0 ] && "
                  f"[ $pid != {before} ]", f"{unit} to come back")

    def netem(self, *spec):
        lab("netem", self.number, *spec)

    def reset(self):
        lab("reset", self.number)

    def wait(self, condition, what, limit_s=300):
        """`condition` is a line of shell that is asked again and again."""
        deadline = time.monotonic() + limit_s
        while True:
            done = self.sh(condition, check=False)
            if done.returncode == 0:
                return done.stdout
            assert time.monotonic() < deadline, f"{what} did not happen in {limit_s} s: {done}"


class Cluster(DataWords):
    """The machines, driven from the first of them, in the words of the scenarios in tests/e2e."""

    def __init__(self, machines):
        self.machines = machines

    def all(self):
        return list(self.machines)

    def machine(self, number):
        return self.machines[number - 1]

    def ctl(self, *args, stdin=None):
        return Answer(lab("exec", self.machines[0].number, "ployzctl", "--json", *args, check=False,
                          stdin=stdin))

    def must(self, *args, stdin=None):
        answer = self.ctl(*args, stdin=stdin)
        assert answer.code == 0, answer
        return answer

    def start(self, *args):
        """A ployzctl that runs on while the test does something else."""
        return self.machines[0].start_process("ployzctl", "--json", *args)

    def deploy(self, manifest):
        return self.ctl("deploy", "-f", "-", stdin=manifest)

    def instances(self, namespace):
        return self.must("ps", namespace).json["instances"]

    def wait(self, condition, what, limit_s=LIMIT_S):
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, f"waited {limit_s} s for {what}"


@pytest.fixture(scope="session")
def machines():
    first, second = Machine(1), Machine(2)
    if first.sh("ployzctl mesh ready", check=False).returncode != 0:
        for machine in (first, second):
            machine.sh("mkdir -p /etc/ployz && "
                       f"printf '[storage]\\nzfs_root = \"{ZFS_ROOT}\"\\novercommit_ratio = 4.0\\n' > /etc/ployz/config.toml")
        first.sh(f"{BUILD}/ployzctl daemon install --runtime host --service-mode system "
                 f"--package {BUILD}/package/ployz.deb")
        first.ctl("mesh init lab")
    if len(first.ctl("machine ls")["machines"]) == 1:
        first.ctl(f"machine add --network lab root@{second.address}")
    return first, second


@pytest.fixture(scope="session")
def session_bank(machines):
    """PostgreSQL under payments (tests/e2e/data.py) on the second machine; the client on the first."""
    manifest = database("bank", machine=machines[1].name).replace('"60s"', '"300s"')
    yield from shared_bank(Cluster(machines), manifest)


@pytest.fixture
def bank(session_bank):
    cluster, ledger = session_bank
    cluster.ledger = ledger.afresh()
    return cluster

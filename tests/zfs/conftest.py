"""Two virtual machines of tools/zfs-lab as one Ployz cluster, installed on them as on any host: the
first by `daemon install`, the second by `machine add` from the first. tools/zfs-lab/test boots them.

All is slow: an emulated processor takes ten times as long, and there are two of them on one computer.
So limits are wide, and what a machine has already is not done again.
"""
import json
import os
import pathlib
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESET = os.environ.get("PLOYZ_PRESET", "dev")
BUILD = f"/src/build/{PRESET}"  # the checkout, as the machines see it
LIMIT_S = 600


def lab(*words, check=True, stdin=None, limit_s=LIMIT_S):
    done = subprocess.run([ROOT / "tools/zfs-lab/lab", *map(str, words)], input=stdin, text=True,
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


@pytest.fixture(scope="session")
def machines():
    first, second = Machine(1), Machine(2)
    if first.sh("ployzctl mesh ready", check=False).returncode != 0:
        first.sh(f"{BUILD}/ployzctl daemon install --runtime host --service-mode system "
                 f"--package {BUILD}/package/ployz.deb")
        first.ctl("mesh init lab")
    if len(first.ctl("machine ls")["machines"]) == 1:
        first.ctl(f"machine add --network lab root@{second.address}")
    return first, second

"""The machine that is measured: one of its own, whose engine is also a Swarm of one node."""
import json
import pathlib
import shutil
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from lab import Lab, run  # noqa: E402

IMAGES = ("ployz-samples/web:1", "ployz-samples/web:2")
INSIDE = "/usr/local/bin/ployz-bench-inside"


def say(text):
    print(f"[bench] {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    """A measurement could not be made; the text says which and what the command said."""


class Machine:
    """Up inside `with`, gone after it, whatever happened."""

    def __init__(self, name, keep=False):
        self.lab = Lab(name)
        self.keep = keep

    def __enter__(self):
        # A second Ctrl-C while it is removed would leave it behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.lab.down()  # what a run that was killed left
        try:
            say(f"starting {self.lab.container} of {self.lab.image}")
            self.lab.up()
            for image in IMAGES:
                self.lab.must("image", "push", image, "--to", self.lab.name)
            self._one_engine_for_all()
            run("docker", "cp", ROOT / "bench/inside.sh", f"{self.lab.container}:{INSIDE}")
            self.lab.install_tool("ployz_load")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _remove(self):
        if self.keep:
            say(f"kept: {self.lab.container}")
            return
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        say(f"removing {self.lab.container}")
        self.lab.down()
        shutil.rmtree(self.lab.home, ignore_errors=True)

    def _one_engine_for_all(self):
        # An engine that keeps containers alive without itself refuses to be a Swarm.
        self.lab.sh("sed -i 's/\"live-restore\": true/\"live-restore\": false/' "
                    "/etc/docker/daemon.json && systemctl restart docker")
        self.lab.sh("docker swarm init --advertise-addr 127.0.0.1")
        self.lab.wait(lambda: self.lab.ctl("mesh", "ready").code == 0,
                      "the machine to be ready again")

    def inside(self, *words, check=True):
        """{name: ms} of one measurement made inside the machine."""
        done = run("docker", "exec", self.lab.container, INSIDE, *words, check=False)
        if done.returncode != 0:
            if not check:
                return {}
            raise Failed(f"{' '.join(map(str, words))}: {done.stderr.strip()[-1500:]}")
        return {key: int(value) for key, value in
                (pair.split("=") for pair in done.stdout.split() if "=" in pair)}

    def facts(self):
        def out(script):
            return self.lab.sh(script).stdout.strip()
        return {
            "cores": out("nproc"),
            "kernel": out("uname -r"),
            "cpu": out("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1"),
            "memory": out("awk '/MemTotal/ {printf \"%.0f GiB\", $2 / 1048576}' /proc/meminfo"),
            "engine": out("docker version -f '{{.Server.Version}}'"),
            "haproxy": out("haproxy -v | sed -n '1s/^HAProxy version \\([^ ]*\\).*/\\1/p'"),
            "virtual_servers": out("test -e /proc/sys/net/ipv4/vs && echo yes || echo no"),
            "load": pathlib.Path("/proc/loadavg").read_text().split()[0],
        }

    def load(self, port, host, requests, connections):
        """One run of the load generator beside the gateway, on this machine's own loopback."""
        done = self.lab.sh(f"/usr/local/bin/ployz_load 127.0.0.1 {port} {host} "
                           f"--connections {connections} --requests {requests}", check=False)
        report = json.loads(done.stdout)
        if report["failed"]:
            raise Failed(f"load on port {port}: {report}")
        return report

"""The lab: a real machine in a container, driven through ployzctl as an operator would.

Used by the scenarios (pytest) and by the demo. Nothing here waits by sleeping: it waits for
processes, for commands that block, or for an answer to change with a bounded number of tries.
"""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from acknowledged import Acknowledged
from data import POOL, DataWords

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLOYZCTL = str(ROOT / "bin/ployzctl")
# What the names of its machines begin with: two runs on one computer need different ones.
PREFIX = os.environ.get("PLOYZ_LAB", "e2e")
COMMAND_LIMIT_S = 180  # no command of ours may take longer


def run(*argv, check=True, stdin=None, limit_s=COMMAND_LIMIT_S, env=None):
    done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, text=True,
                          timeout=limit_s, env=env)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))} exited {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def built(name):
    """A test program; `make lab` builds them in this preset whatever is under test."""
    return ROOT / "build/dev/tests" / name


class Answer:
    """What a ployzctl command said: exit code, the JSON document, progress on stderr."""

    def __init__(self, done):
        self.code = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr
        self.json = json.loads(done.stdout) if done.stdout.strip() else None

    @property
    def error(self):
        return (self.json or {}).get("error") or {}

    @property
    def outcome(self):
        return (self.json or {}).get("outcome")

    def __repr__(self):
        return f"exit {self.code}\n{self.stdout}\n{self.stderr}"


class Container:
    """A machine container or a bare host; `container` names it."""

    @property
    def address(self):
        return run("docker", "inspect", "-f",
                   "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
                   self.container).stdout.strip()

    def sh(self, script, check=True):
        """A shell line inside the machine."""
        return run("docker", "exec", self.container, "bash", "-c", script, check=check)

    def install_tool(self, name):
        """A test program of the build, put into the machine."""
        run("docker", "cp", built(name), f"{self.container}:/usr/local/bin/{name}")

    def start_process(self, *argv):
        """A command that runs on in the machine; its streams are text."""
        return subprocess.Popen(["docker", "exec", self.container, *argv], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def datasets_on_disk(self):
        """What the pool's folders have, whoever knows of it: "datasets/ID", "incoming/…"."""
        return self.sh(f"cd {POOL} 2>/dev/null || exit 0; for part in datasets incoming trash; do "
                       "for one in $part/*; do [ -e $one ] && echo $one; done; done; true"
                       ).stdout.split()

    def docker(self, *args, check=True):
        """The machine's own engine."""
        return run("docker", "exec", self.container, "docker", *args, check=check)

    def pid_of(self, unit):
        return int(self.sh(f"systemctl show -p MainPID --value {unit}").stdout)

    def kill(self, unit):
        """kill -9 of a unit's processes; returns when systemd has started it anew."""
        before = self.pid_of(unit)
        self.sh(f"systemctl kill -s KILL {unit}")
        self.wait(lambda: self.pid_of(unit) not in (0, before), f"{unit} to come back")

    def pause(self):
        """All of it stands still, as a host that hangs: connections stay, nothing answers."""
        run("docker", "pause", self.container)

    def unpause(self):
        run("docker", "unpause", self.container)

    def cut(self, *others):
        """No packet to or from the other machines' underlay, both ways, until heal()."""
        self.drop(("in", "saddr", ""), ("out", "daddr", ""), others=others)

    def deaf(self, *others):
        """What the other machines send does not arrive, what they are sent does, until heal()."""
        self.drop(("in", "saddr", ""), others=others)

    def mute(self, *others):
        """What this one sends does not arrive at the other machines, until heal()."""
        self.drop(("out", "daddr", ""), others=others)

    def drop(self, *rules, others):
        """A table of ours, which heal() removes; of a rule: its chain, whose address, what more."""
        addresses = ", ".join(other.address for other in others)
        lines = ["add table inet ployz_test"]
        for way in ("in", "out"):
            lines.append(f"add chain inet ployz_test {way} {{ type filter hook {way}put priority "
                         "-200; }")
        lines += [f"add rule inet ployz_test {way} ip {field} {{ {addresses} }} {which} drop"
                  for way, field, which in rules]
        run("docker", "exec", "-i", self.container, "nft", "-f", "-", stdin="\n".join(lines) + "\n")

    def lose(self, percent, *others):
        """So many packets from the other machines' underlay never arrive, until heal()."""
        self.drop(("in", "saddr", f"numgen random mod 100 < {percent}"), others=others)

    def throttle(self, kilobytes, *others):
        """Whatever comes from the other machines' underlay in a second beyond this is dropped."""
        limit = f"limit rate over {kilobytes} kbytes/second burst 64 kbytes"
        self.drop(("in", "saddr", limit), others=others)

    def heal(self):
        self.sh("nft delete table inet ployz_test", check=False)

    def wait(self, condition, what, limit_s=30):
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError, OSError, ValueError):
                if condition():
                    return
            subprocess.run(["sleep", "0.05"], check=True)
        raise AssertionError(f"waited {limit_s} s for {what}")

    def get(self, host, path="/", port=80):
        """(status, body) through the gateway, from outside the machine."""
        request = urllib.request.Request(f"http://{self.address}:{port}{path}",
                                         headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


class Machine(Container):
    """One machine of a cluster."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name

    @property
    def container(self):
        return f"ployz-{self.name}"

    def ctl(self, *args, stdin=None):
        """Through this machine's own daemon."""
        return self.lab.ctl("--machine", self.name, *args, stdin=stdin)

    def reaches_the_store(self):
        """And does not read its copy."""
        answer = self.ctl("machine", "ls")
        return answer.code == 0 and "as_of" not in answer.json


class BareHost(Container):
    """A host that knows nothing of Ployz, and the ssh of an operator who has been there once."""

    def __init__(self, lab, name, warm=True):
        self.lab = lab
        self.name = name
        word = "bare-warm" if warm else "bare"
        self.image = (ROOT / f"build/bare/{word}-image").read_text().strip()
        self.key = str(ROOT / "build/bare/key")
        self.known_hosts = lab.home / "known_hosts"
        preset = os.environ.get("PLOYZ_PRESET", "dev")
        self.package = str(ROOT / f"build/{preset}/package/ployz.deb")

    @property
    def container(self):
        return f"ployz-bare-{self.name}"

    def up(self):
        args = run(ROOT / "tools/lab/machine-args").stdout.splitlines()
        split = args.index("--")
        self.down()
        run("docker", "run", "-d", "--name", self.container, "--hostname", self.name, "--label",
            f"ployz.machine={self.name}", *args[:split], self.image, *args[split + 1:])
        self.wait(lambda: self.sh("systemctl is-active ssh", check=False).stdout.strip() ==
                  "active", "sshd")
        # An engine that comes up later would be taken for what somebody left.
        self.sh("systemctl is-system-running --wait", check=False)
        self.trust()
        return self

    def down(self):
        run("docker", "rm", "-fv", self.container, check=False)

    def leave(self):
        """It is no machine of the network any more, if it was one."""
        if self.sh("command -v ployzctl", check=False).returncode == 0:
            self.sh("ployzctl mesh destroy --force --yes", check=False)

    def trust(self):
        """Its host key becomes known; and ployzctl's ssh reads no configuration but the lab's."""
        key = self.sh("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()
        with open(self.known_hosts, "a", encoding="utf-8") as known:
            known.write(f"{self.address} {key[0]} {key[1]}\n")
        config = self.lab.home / "ssh_config"
        config.write_text(f"UserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n")
        wrapper = self.lab.home / "bin/ssh"
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {config} "$@"\n')
        wrapper.chmod(0o755)
        if str(wrapper.parent) not in self.lab.env["PATH"]:
            self.lab.env["PATH"] = f"{wrapper.parent}:{self.lab.env['PATH']}"

    def add_words(self, *args, user="root", network=None):
        return ["machine", "add", "--network", network or self.lab.name, "--identity", self.key,
                "--package", self.package, *args, f"{user}@{self.address}"]

    def add(self, *args, user="root", network=None):
        """`machine add` of this host."""
        return self.lab.ctl(*self.add_words(*args, user=user, network=network))

    def as_found(self):
        """What an undone `machine add` must leave alone: packages, units, listening sockets,
        interfaces, container networks, packet filter tables of ours."""
        return self.sh("dpkg-query -W; systemctl list-unit-files --no-legend --no-pager; "
                       "cat /etc/passwd /etc/group | grep -v ^ployz: ; ss -Hlnt | "
                       "awk '{print $4}' | grep -v 127.0.0.1 | sort; ls /var/lib; "
                       "ip -br link | awk '{print $1}'; ip route; "
                       "docker network ls -q 2>/dev/null; nft list tables 2>/dev/null | "
                       "grep ployz; true").stdout


class Lab(DataWords, Container):
    """A cluster of machine containers and the ployzctl context that talks to it.

    What reads as if there were one machine (sh, address, get, …) means the first."""

    def __init__(self, name, home=None, machines=1):
        self.name = name
        self.machines = machines
        self.home = home or pathlib.Path(tempfile.mkdtemp(prefix="ployz-lab-"))
        self.env = dict(os.environ, XDG_CONFIG_HOME=str(self.home / "config"),
                        XDG_DATA_HOME=str(self.home / "data"))
        # The operator's own settings must not leak in; which image to test is the Makefile's word.
        for key in [k for k in self.env if k.startswith("PLOYZ_") and k != "PLOYZ_MACHINE_IMAGE"]:
            del self.env[key]
        self.image = self.env.get("PLOYZ_MACHINE_IMAGE", "ployz/machine:latest")
        self.acknowledged = Acknowledged()

    # -- ployzctl ---------------------------------------------------------------------------
    def ctl(self, *args, stdin=None):
        """Runs ployzctl --json; never raises for a refusal: tests look at code and error."""
        answer = Answer(run(PLOYZCTL, "--json", *args, check=False, stdin=stdin, env=self.env))
        self.acknowledged.note(answer)
        return answer

    def must(self, *args, stdin=None):
        answer = self.ctl(*args, stdin=stdin)
        assert answer.code == 0, answer
        return answer

    def human(self, *args, stdin=None, check=True):
        """As a person types it: text on stdout."""
        return run(PLOYZCTL, "--plain", *args, check=check, stdin=stdin, env=self.env)

    def typed(self, *args, stdin=None):
        """With tables and progress, exactly as on a terminal of 100 columns; never raises."""
        return run(PLOYZCTL, *args, check=False, stdin=stdin, env=dict(self.env, COLUMNS="100"))

    def start(self, *args, stdin=None):
        """A ployzctl that runs on while the test does something else."""
        process = subprocess.Popen([PLOYZCTL, "--json", *args], env=self.env, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        if stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
            process.stdin = None
        return process

    @property
    def container(self):
        return f"ployz-{self.name}"

    def deploy(self, manifest, *args):
        return self.ctl("deploy", "-f", "-", *args, stdin=manifest)

    # -- the machine ------------------------------------------------------------------------
    def up(self):
        run(PLOYZCTL, "dev", "up", "--name", self.name, "--image", self.image, "--machines",
            self.machines, env=self.env, limit_s=COMMAND_LIMIT_S * self.machines)
        return self

    def machine(self, number):
        """Machine 1 is the first; the others are its peers."""
        return self if number == 1 else Machine(self, f"{self.name}-{number}")

    def all(self):
        return [self.machine(n) for n in range(1, self.machines + 1)]

    def down(self):
        run(PLOYZCTL, "dev", "down", "--name", self.name, env=self.env, check=False)

    # -- what is served, by the first machine ------------------------------------------------
    def version(self, host):
        status, body = self.get(host)
        assert status == 200, (status, body)
        return int(json.loads(body)["version"])

    def instances(self, namespace):
        return self.must("ps", namespace).json["instances"]

    def containers(self):
        out = self.docker("ps", "-aq", "--filter", "label=ployz.instance").stdout
        return sorted(out.split())

    @contextlib.contextmanager
    def load(self, *hosts, connections=16, rate=0, requests=0, through=None):
        """Load in the background; afterwards `.report` holds what the generator saw. `through`: the
        machines whose gateways it goes through, by turns; the first alone when not given."""
        gateways = ",".join(machine.address for machine in through or [self])
        argv = [str(built("ployz_load")), gateways, "80", ",".join(hosts),
                "--connections", str(connections), "--rate", str(rate), "--requests",
                str(requests)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        load = type("Load", (), {"report": None, "process": process})()
        try:
            yield load
        finally:
            if requests == 0:
                process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=COMMAND_LIMIT_S)
            load.report = json.loads(out)


def web(namespace="shop", image="ployz-samples/web:1", name="web", replicas=1, env=None,
        host=None, rollout=None, publish=None, readiness=True, start_period="15s", extra=""):
    """A manifest of one web service, as text."""
    host = host or f"{namespace}.example.com"
    lines = [f'namespace = "{namespace}"', service(name, image, replicas, env, host, rollout,
                                                   publish, readiness, start_period, extra)]
    return "\n".join(lines)


def service(name, image, replicas=1, env=None, host=None, rollout=None, publish=None,
            readiness=True, start_period="15s", extra=""):
    lines = ["[[service]]", f'name = "{name}"', f'image = "{image}"', f"replicas = {replicas}"]
    if rollout:
        lines.append(f'rollout = "{rollout}"')
    if env:
        pairs = ", ".join(f'{k} = "{v}"' for k, v in env.items())
        lines.append(f"env = {{ {pairs} }}")
    lines.append(extra)
    lines += ["[[service.port]]", 'name = "http"', "container = 8080"]
    if host:
        lines += ["[[service.route]]", f'hostnames = ["{host}"]', 'port = "http"']
    if publish:
        lines += ["[[service.publish]]", f"host = {publish}", "container = 8080"]
    if readiness:
        lines += ["[service.readiness]", 'http = "/healthz"', 'port = "http"',
                  'interval = "50ms"', f'start_period = "{start_period}"']
    return "\n".join(lines)

"""The measurements. Every function returns samples; nothing here judges them.

Alternatives are measured one after the other in every round and in a turning order, so that noise
of the computer and the growing age of the engine fall on all of them alike.
"""
import statistics
import time

from machine import say

# What `service create` waits for beyond readiness is five seconds in which nothing may fail. That
# is Swarm's default; the tuned variant shows how it does without.
TUNED = ("--update-monitor", "1ms")
STATIC_PORT = 18081
STATIC_CONFIG = """global
  user haproxy
  group haproxy
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 5m
  timeout http-keep-alive 5s
  option forwardfor
  http-reuse safe
frontend http
  bind 127.0.0.1:{port}
  default_backend web
backend web
  server s1 {address}:8080 check inter 2s
"""


class Samples(dict):
    """{name: [value, …]}"""

    def add(self, name, value):
        self.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self[name])


def turned(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def creation(machine, rounds):
    """One new ready service; everything it made is gone before the next one begins."""
    samples = Samples()
    kinds = [("raw", "raw", ()), ("ployz", "ployz", ()), ("swarm", "swarm", ()),
             ("swarm-tuned", "swarm", TUNED)]
    for number in range(-1, rounds):
        for name, kind, options in turned(kinds, number):
            took = machine.inside(kind, number, *options)
            if number >= 0:  # the first is to warm caches
                for what, ms in took.items():
                    samples.add(f"{name} {what}", ms)
            machine.inside("forget", kind, number)
        say(f"create, round {number + 1} of {rounds}")
    return samples


def update(machine, rounds):
    """Version 2 over version 1, the new one ready before the old one goes."""
    samples = Samples()
    kinds = [("ployz", "ployz", ()), ("swarm", "swarm", ()), ("swarm-tuned", "swarm", TUNED)]
    for number in range(rounds):
        for name, kind, options in turned(kinds, number):
            machine.inside("ployz" if kind == "ployz" else "swarm-first", number, *options)
            for what, ms in machine.inside(f"{kind}-update", number).items():
                samples.add(f"{name} {what}", ms)
            machine.inside("forget", kind, number)
        say(f"update, round {number + 1} of {rounds}")
    return samples


def phases(machine):
    """Milliseconds of each phase of the deploys just made, as their journal records have them."""
    samples = Samples()
    for operation in machine.lab.must("op", "ls").json["operations"]:
        if operation.get("kind") == "deploy" and operation.get("outcome") == "committed":
            for phase, ms in operation.get("phase_ms", {}).items():
                samples.add(phase, ms)
    return samples


def throughput(machine, rounds, requests, connections):
    """The gateway, a static HAProxy and no proxy at all, in front of one and the same container."""
    samples = Samples()
    machine.inside("ployz", "http")
    try:
        address = machine.lab.instances("benchhttp")[0]["address"]
        config = STATIC_CONFIG.format(port=STATIC_PORT, address=address)
        machine.lab.sh(f"cat >/run/ployz-bench-static.cfg <<'CFG'\n{config}CFG\n"
                       "systemd-run -q --unit ployz-bench-static -p LimitNOFILE=262144 "
                       "haproxy -Ws -f /run/ployz-bench-static.cfg")
        machine.lab.wait(lambda: machine.lab.sh(f"curl -sf http://127.0.0.1:{STATIC_PORT}/healthz"),
                         "the static HAProxy")
        targets = [("gateway", 80), ("static", STATIC_PORT)]
        for number in range(-1, rounds):
            for name, port in turned(targets, number):
                report = machine.load(port, "benchhttp.example.com", requests, connections)
                if number >= 0:
                    samples.add(f"{name} rps", report["requests"] / report["seconds"])
                    samples.add(f"{name} p50_us", report["p50_us"])
                    samples.add(f"{name} p99_us", report["p99_us"])
            say(f"throughput, round {number + 1} of {rounds}")
    finally:
        machine.lab.sh("systemctl stop ployz-bench-static", check=False)
        machine.inside("forget", "ployz", "http", check=False)
    return samples


def processes(machine, idle_s):
    """{unit: (PSS in kB, percent of one core while nothing is asked of it)}"""
    units = ("ployzd", "ployz-router", "ployz-nats", "ployz-haproxy", "ployz-knot")

    def ticks():
        out = machine.lab.sh(
            "for u in " + " ".join(units) + "; do t=0; for p in "
            "$(cat /sys/fs/cgroup/systemd$(systemctl show -p ControlGroup --value $u)/cgroup.procs "
            "/sys/fs/cgroup$(systemctl show -p ControlGroup --value $u)/cgroup.procs 2>/dev/null "
            "| sort -u); do set -- $(sed 's/.*) //' /proc/$p/stat); t=$((t + ${12} + ${13})); "
            "m=$(awk '/^Pss:/ {print $2}' /proc/$p/smaps_rollup); echo $u $p $t $m; t=0; done; done")
        found = {}
        for line in out.stdout.splitlines():
            unit, _, cpu, pss = line.split()
            before = found.get(unit, (0, 0))
            found[unit] = (before[0] + int(cpu), before[1] + int(pss))
        return found

    hertz = int(machine.lab.sh("getconf CLK_TCK").stdout)
    first, started = ticks(), time.monotonic()
    time.sleep(idle_s)
    second, seconds = ticks(), time.monotonic() - started
    return {unit: (second[unit][1], (second[unit][0] - first[unit][0]) / hertz / seconds * 100)
            for unit in units if unit in second and unit in first}

"""`machine add` that fails at each of its steps: the reason is told, nothing stays, and the same
command again goes on once the cause is gone.

Several hosts fail at the same time here, each in its own way and each by its own ployzctl: the steps
mostly wait, and hosts that are added at once must not disturb each other.
"""
from concurrent import futures
import json
import signal
import subprocess
import time

import pytest

from lab import PREFIX, Answer, BareHost, run

LIMIT_S = 170


def drop(host, hook, what):
    run("docker", "exec", "-i", host.container, "nft", "-f", "-", stdin=f"""
table inet ployz_fault {{
  chain fault {{ type filter hook {hook} priority -300; {what} drop; }}
}}
""")


def undrop(host):
    host.sh("nft delete table inet ployz_fault")


def squat(host):
    host.sh("systemd-run -q --unit=squatter /usr/sbin/sshd -D -p 80 -o PidFile=none")
    host.wait(lambda: ":80 " in host.sh("ss -Hlnt").stdout, "port 80 to be taken")


def late(host):
    host.sh("printf '#!/bin/sh\\nexec /usr/bin/date -d \"-601 seconds\" \"$@\"\\n' "
            "> /usr/local/bin/date && chmod +x /usr/local/bin/date")


def other_version(host):
    """Our package with the version of its programs exchanged in place."""
    tree = host.lab.home / "other-version"
    run("dpkg-deb", "-R", host.package, tree)
    version = run("dpkg-deb", "-f", host.package, "Version").stdout.strip().encode()
    for name in ("usr/bin/ployzctl", "usr/bin/ployzd", "usr/lib/ployz/ployz-router"):
        program = (tree / name).read_bytes()
        assert b"\0" + version + b"\0" in program, name
        (tree / name).write_bytes(program.replace(b"\0" + version + b"\0",
                                                  b"\0" + b"7" + version[1:] + b"\0"))
    host.package, host.right_package = str(host.lab.home / "other.deb"), host.package
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, host.package)


def right_version(host):
    host.package = host.right_package


# What goes wrong, how it is put right, the exit code (1: apt failed; 3: something was missing, and
# all that was done has been taken back), and what the error must say.
FAULTS = {
    "preflight": (squat, lambda host: host.sh("systemctl stop squatter"), 3, "TCP port 80"),
    # The host's clock cannot be another one in a container, but what it says can.
    "clock": (late, lambda host: host.sh("rm /usr/local/bin/date"), 3, "clock is 10 min"),
    # Ends in the middle of apt's work: our package cannot be unpacked.
    "apt": (lambda host: host.sh(
        "dpkg-divert --local --rename --add /usr/bin/dpkg-deb && "
        "printf '#!/bin/sh\\nexit 1\\n' > /usr/bin/dpkg-deb && chmod +x /usr/bin/dpkg-deb"),
            lambda host: host.sh("rm /usr/bin/dpkg-deb && dpkg-divert --local --rename --remove "
                                 "/usr/bin/dpkg-deb"), 1, "installing on"),
    "version": (other_version, right_version, 3, "runs Ployz 7."),
    "join": (lambda host: host.sh("mv /usr/bin/wg /usr/bin/wg.away"),
             lambda host: host.sh("mv /usr/bin/wg.away /usr/bin/wg"), 3, "wireguard"),
    "tunnel": (lambda host: drop(host, "input", "udp dport 51820"), undrop, 3, "store"),
    "leaf": (lambda host: drop(host, "output", "tcp dport 7422"), undrop, 3, "store"),
    "probe": (lambda host: drop(host, "input", 'iifname "ployz-wg" tcp dport 4319'), undrop, 3,
              "4319"),
}


def take_down(hosts):
    with futures.ThreadPoolExecutor() as pool:
        list(pool.map(BareHost.leave, hosts))
        list(pool.map(BareHost.down, hosts))


class Adding:
    """One `machine add` that runs on its own."""

    def __init__(self, host):
        self.process = host.lab.start(*host.add_words())
        self.began = time.monotonic()
        self.host = host

    def end(self):
        out, err = self.process.communicate(timeout=LIMIT_S)
        print(f"{self.host.name}: {time.monotonic() - self.began:.1f} s, exit {self.process.returncode}")
        return Answer(subprocess.CompletedProcess([], self.process.returncode, out, err))


@pytest.fixture(scope="module")
def tries(cluster):
    """fault → (host, as found before, first answer, as found after, members after, second answer)."""
    hosts = {}
    try:
        for fault in FAULTS:
            hosts[fault] = BareHost(cluster, f"{PREFIX}-{fault}")
        with futures.ThreadPoolExecutor() as pool:
            list(pool.map(BareHost.up, hosts.values()))
        before = {}
        for fault, host in hosts.items():
            FAULTS[fault][0](host)
            before[fault] = host.as_found()
        adding = {fault: Adding(host) for fault, host in hosts.items()}
        first = {fault: each.end() for fault, each in adding.items()}
        after = {fault: host.as_found() for fault, host in hosts.items()}
        members = [m["machine"]["name"] for m in cluster.must("machine", "ls").json["machines"]]
        operations = cluster.must("op", "ls").json["operations"]
        for fault, host in hosts.items():
            FAULTS[fault][1](host)
        # Two at once: each admission makes the store take its configuration over, and eight at once
        # on two cores are more than the calls in between wait for.
        second = {}
        names = list(hosts)
        for pair in zip(names[::2], names[1::2]):
            adding = {fault: Adding(hosts[fault]) for fault in pair}
            second.update({fault: each.end() for fault, each in adding.items()})
        yield {fault: {"host": hosts[fault], "before": before[fault], "first": first[fault],
                       "after": after[fault], "members": members, "operations": operations,
                       "second": second[fault]} for fault in FAULTS}
    finally:
        take_down(hosts.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_add_is_told_taken_back_and_goes_on(cluster, tries, fault):
    _, _, code, said = FAULTS[fault]
    one = tries[fault]
    first = one["first"]
    assert first.code == code, first
    told = json.dumps(first.error)
    assert said in told, told
    assert "stays" not in first.error.get("details", {}), first
    assert one["after"] == one["before"]
    assert one["members"] == [m.name for m in cluster.all()]
    assert all(op["outcome"] not in ("running", "interrupted") for op in one["operations"])
    second = one["second"]
    assert (second.code, second.outcome) == (0, "added"), second
    listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
    assert listed[one["host"].name]["reachable"]


def kill_and_repeat(host, line):
    """ployzctl dies when it has said this; returns the answers of the same command until it succeeds."""
    process = host.lab.start(*host.add_words())
    for said in process.stderr:
        if line in said:
            break
    else:
        raise AssertionError(f"it never said {line}: {process.communicate()}")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    answers = []

    def again():
        answers.append(host.add())
        return answers[-1].code == 0

    # What the host was doing it may end first: until then it is refused, with the reason.
    host.wait(again, "the same command to go on", limit_s=90)
    return answers


def test_a_ployzctl_that_is_killed_leaves_an_add_that_goes_on(cluster):
    lines = ["installing Ployz", "admitted as", "joined; proving"]
    hosts = [BareHost(cluster, f"{PREFIX}-killed-{n}") for n in range(len(lines))]
    try:
        with futures.ThreadPoolExecutor() as pool:
            list(pool.map(BareHost.up, hosts))
            tried = list(pool.map(kill_and_repeat, hosts, lines))
        for line, answers in zip(lines, tried):
            assert answers[-1].outcome in ("added", "unchanged"), answers
            assert all(a.error["message"] for a in answers[:-1]), answers
            print(f"killed at '{line}': {len(answers)} tries")
        listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
        assert all(listed[host.name]["reachable"] for host in hosts), listed
    finally:
        take_down(hosts)

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

from lab import PREFIX, Answer, BareHost, run, web
from packages import say_version

LIMIT_S = 170
# A ployzctl that is killed when it has said this.
KILLED_AT = ["installing Ployz", "admitted as", "joined; proving"]


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


def no_room(folder, left):
    """A file system of its own for the folder, in which so many kB are left."""
    return lambda host: host.sh(
        f"mkdir -p {folder} && mount -t tmpfs -o size=4m,mode=755 full {folder} && "
        f"dd if=/dev/zero of={folder}/filler bs=1k count=$((4096 - {left})) status=none")


def room(folder):
    return lambda host: host.sh(f"rm {folder}/filler")


def late(host):
    host.sh("printf '#!/bin/sh\\nexec /usr/bin/date -d \"-630 seconds\" \"$@\"\\n' "
            "> /usr/local/bin/date && chmod +x /usr/local/bin/date")


def other_version(host):
    """Our package with the version of its programs exchanged in place."""
    tree = host.lab.home / "other-version"
    run("dpkg-deb", "-R", host.package, tree)
    version = run("dpkg-deb", "-f", host.package, "Version").stdout.strip()
    for name in ("usr/bin/ployzctl", "usr/bin/ployzd", "usr/lib/ployz/ployz-router"):
        say_version(tree / name, "7" + version[1:])
    host.package, host.right_package = str(host.lab.home / "other.deb"), host.package
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, host.package)


def right_version(host):
    host.package = host.right_package


# What goes wrong, how it is put right, the exit code (3: refused, nothing was touched; 1: it failed,
# and what was done has been taken back), and what the error must say.
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
    # A full disk: our programs cannot be unpacked; or the daemon cannot write what it joins with.
    "disk": (no_room("/usr/lib/ployz", 0), room("/usr/lib/ployz"), 1, "No space left on device"),
    "data": (no_room("/var/lib/ployz", 60), room("/var/lib/ployz"), 1, "No space left on device"),
    "version": (other_version, right_version, 1, "runs Ployz 7."),
    "join": (lambda host: host.sh("mv /usr/bin/wg /usr/bin/wg.away"),
             lambda host: host.sh("mv /usr/bin/wg.away /usr/bin/wg"), 1, "wireguard"),
    "tunnel": (lambda host: drop(host, "input", "udp dport 51820"), undrop, 1, "store"),
    "leaf": (lambda host: drop(host, "output", "tcp dport 7422"), undrop, 1, "store"),
    "probe": (lambda host: drop(host, "input", 'iifname "ployz-wg" tcp dport 4319'), undrop, 1,
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


# First, while the network is small.
def test_a_machine_that_goes_silent_when_it_is_active_is_named_and_comes_back(cluster, host):
    """The last thing asked of it was answered; what becomes of it after is not the add's failure."""
    process = host.lab.start(*host.add_words())
    for said in process.stderr:
        if "agent and router answer" in said:
            break
    host.pause()
    try:
        out, err = process.communicate(timeout=LIMIT_S)
        added = Answer(subprocess.CompletedProcess([], process.returncode, out, err))
        assert (added.code, added.outcome) == (0, "added"), added
        listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
        assert not listed[host.name]["reachable"], listed
        # The others deploy without it, and say who has not taken the routes over.
        done = cluster.deploy(web("silent", replicas=3))
        assert done.outcome in ("committed", "committed_cleanup_pending"), done
        assert host.name in json.dumps(done.json), done
        assert host.name not in {i["machine_name"] for i in cluster.instances("silent")}
    finally:
        host.unpause()
    cluster.wait(lambda: all(m["reachable"] for m in cluster.must("machine", "ls").json["machines"]),
                 "it to answer again")
    again = host.add()
    assert (again.code, again.outcome) == (0, "unchanged"), again
    cluster.wait(lambda: host.get("silent.example.com")[0] == 200, "its gateway to serve")


@pytest.fixture(scope="module")
def hosts(cluster):
    """A host for each fault and for each moment of a ployzctl that is killed."""
    found = {name: BareHost(cluster, f"{PREFIX}-{name}")
             for name in [*FAULTS, *(f"killed-{n}" for n in range(len(KILLED_AT)))]}
    try:
        with futures.ThreadPoolExecutor() as pool:
            list(pool.map(BareHost.up, found.values()))
        yield found
    finally:
        take_down(found.values())


@pytest.fixture(scope="module")
def tries(cluster, hosts):
    """fault → (as found before, first answer, as found after, second answer); "killed" → answers of
    each. All at once, as the failing ones mostly wait."""
    before = {}
    for fault, (cause, *_) in FAULTS.items():
        cause(hosts[fault])
        before[fault] = hosts[fault].as_found()
    with futures.ThreadPoolExecutor() as pool:
        adding = {fault: Adding(hosts[fault]) for fault in FAULTS}
        killed = pool.map(kill_and_repeat, [hosts[f"killed-{n}"] for n in range(len(KILLED_AT))],
                          KILLED_AT)
        first = {fault: each.end() for fault, each in adding.items()}
        tried = {"killed": list(killed)}
    after = {fault: hosts[fault].as_found() for fault in FAULTS}
    members = [m["machine"]["name"] for m in cluster.must("machine", "ls").json["machines"]]
    operations = cluster.must("op", "ls").json["operations"]
    for fault, (_, cure, *_) in FAULTS.items():
        cure(hosts[fault])
    adding = {fault: Adding(hosts[fault]) for fault in FAULTS}
    second = {fault: each.end() for fault, each in adding.items()}
    for fault in FAULTS:
        tried[fault] = {"before": before[fault], "first": first[fault], "after": after[fault],
                        "members": members, "operations": operations, "second": second[fault]}
    return tried


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_add_is_told_taken_back_and_goes_on(cluster, hosts, tries, fault):
    _, _, code, said = FAULTS[fault]
    one = tries[fault]
    first = one["first"]
    assert first.code == code, first
    told = json.dumps(first.error)
    assert said in told, told
    assert "stays" not in first.error.get("details", {}), first
    assert one["after"] == one["before"]
    assert hosts[fault].name not in one["members"]
    assert all(op["outcome"] not in ("running", "interrupted") for op in one["operations"])
    second = one["second"]
    assert (second.code, second.outcome) == (0, "added"), second
    listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
    assert listed[hosts[fault].name]["reachable"]


@pytest.mark.parametrize("moment", range(len(KILLED_AT)))
def test_a_ployzctl_that_is_killed_leaves_an_add_that_goes_on(cluster, hosts, tries, moment):
    answers = tries["killed"][moment]
    assert answers[-1].outcome in ("added", "unchanged"), answers
    assert all(a.error["message"] for a in answers[:-1]), answers
    print(f"killed at '{KILLED_AT[moment]}': {len(answers)} tries")
    listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
    assert listed[hosts[f"killed-{moment}"].name]["reachable"], listed

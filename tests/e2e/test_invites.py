"""Machines that come in by a token: `machine invite` here, `mesh join --token…` there, and no ssh between
them. One network for all, in which each test's hosts are new."""
import base64
from concurrent import futures
import json
import subprocess

import pytest

from conftest import running
from faults import Kill
from lab import PREFIX, ROOT, Answer, Container, Lab, run, web

IMAGE = "ployz-samples/web:1"
LIMIT_S = 170
# Where a daemon, a unit or an operator's command could have left a token.
TRACES = "/var/lib/ployz /var/log /etc /run /tmp /root"


@pytest.fixture
def clean():
    """Not the shared machine's: nothing here touches it."""


class Host(Container):
    """A host on which Ployz is installed, and which belongs to no network."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = f"{lab.name}-{name}"
        self.member = self.name  # as the network calls it

    @property
    def container(self):
        return f"ployz-{self.name}"

    def up(self):
        args = run(ROOT / "tools/lab/machine-args").stdout.splitlines()
        split = args.index("--")
        self.down()
        run("docker", "run", "-d", "--name", self.container, "--hostname", self.name, "--label",
            f"ployz.machine={self.name}", *args[:split], self.lab.image, *args[split + 1:])
        self.wait(lambda: self.ctl("status").code == 0, "ployzd")
        return self

    def down(self):
        run("docker", "rm", "-fv", self.container, check=False)

    def ctl(self, *args, stdin=None):
        return Answer(run("docker", "exec", "-i", self.container, "ployzctl", "--json", *args,
                          check=False, stdin=stdin, limit_s=LIMIT_S))

    def join(self, token):
        return self.ctl("mesh", "join", "--token-stdin", stdin=token)

    def start_join(self, token):
        process = subprocess.Popen(["docker", "exec", "-i", self.container, "ployzctl", "--json", "mesh",
                                    "join", "--token-stdin"], text=True, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(token)
        process.stdin.close()
        process.stdin = None
        return process

    def is_as_before(self):
        left = self.sh("ls /var/lib/ployz/machine.json /var/lib/ployz/wireguard "
                       "/var/lib/ployz/keys/wireguard.key 2>/dev/null; ip -br link show ployz-wg "
                       "2>/dev/null; nft list tables | grep ployz-overlay; true").stdout
        assert left == "", left


@pytest.fixture(scope="module")
def network():
    yield from running(Lab(f"{PREFIX}i", machines=2), [IMAGE])


@pytest.fixture
def new_host(network):
    hosts = []

    def make(name):
        hosts.append(Host(network, name))
        return hosts[-1].up()
    yield make
    members = {m["machine"]["name"] for m in network.must("machine", "ls").json["machines"]}
    for host in hosts:
        if host.member in members:
            network.must("machine", "rm", host.member, "--yes")
        host.down()


def create(network, *args):
    """The token and its invite's id."""
    made = network.must("machine", "invite", "create", *args).json
    assert made["token"].startswith("ployz1_"), made
    return made["token"], made["invite"]["id"]


def invite(network, wanted):
    return next(i for i in network.must("machine", "invite", "list").json["invites"] if i["id"] == wanted)


def names(network):
    return {m["machine"]["name"] for m in network.must("machine", "ls").json["machines"]}


def secrets(token):
    """What of a token nobody else may have, as it would be found."""
    text = token.removeprefix("ployz1_")
    document = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-16])
    return [text[40:100], document["wireguard"], document["nats"]]


def assert_nowhere(machines, token):
    for machine in machines:
        for secret in secrets(token):
            found = machine.sh(f"journalctl --no-pager | grep -cF -- '{secret}'; grep -rlF "
                               f"--exclude=pool.img -- '{secret}' {TRACES} 2>/dev/null; "
                               "true").stdout.split()
            assert found == ["0"], (machine.name, found)


def test_a_machine_comes_in_by_a_token_and_is_one_like_any_other(network, new_host):
    host = new_host("a")
    token, wanted = create(network)
    assert "ployz1_" not in network.must("machine", "invite", "list").stdout
    assert invite(network, wanted)["state"] == "open"
    joined = host.join(token)
    assert (joined.code, joined.outcome) == (0, "created"), joined
    assert host.name in names(network)
    used = invite(network, wanted)
    assert (used["state"], used["machine"]["name"]) == ("used", host.name), used
    again = host.join(token)
    assert (again.code, again.outcome) == (0, "unchanged"), again
    taken = network.ctl("machine", "invite", "revoke", wanted)
    assert taken.code != 0 and "machine rm" in taken.error["hint"], taken

    network.must("image", "push", IMAGE, "--to", "all")
    assert network.deploy(web("invited", replicas=3)).outcome == "committed"
    assert host.name in {i["machine_name"] for i in network.instances("invited")}
    network.wait(lambda: host.get("invited.example.com")[0] == 200, "its gateway to serve")
    findings = network.must("doctor").json["findings"]
    assert [f for f in findings if f["severity"] == "error"] == [], findings
    # As any machine it commands the others, and makes invites itself.
    assert len(host.ctl("machine", "ls").json["machines"]) == 3
    assert create(network)[0] != token
    network.remove("invited")
    assert_nowhere([*network.all(), host], token)


def test_a_copied_token_lets_in_one_of_two_at_once(network, new_host):
    with futures.ThreadPoolExecutor() as pool:
        hosts = list(pool.map(new_host, ["b", "c"]))
    token, wanted = create(network, "--name", f"{network.name}-only")
    with futures.ThreadPoolExecutor() as pool:
        ends = list(pool.map(lambda host: host.join(token), hosts))
    assert sorted(end.code == 0 for end in ends) == [False, True], ends
    loser = next(host for host, end in zip(hosts, ends) if end.code != 0)
    winner = next(host for host in hosts if host is not loser)
    winner.member = f"{network.name}-only"
    refused = next(end for end in ends if end.code != 0)
    assert (refused.code, refused.error["code"]) == (3, "denied"), refused
    assert "used already" in refused.error["message"], refused
    loser.is_as_before()
    assert f"{network.name}-only" in names(network) and len(names(network)) == 3
    assert invite(network, wanted)["machine"]["name"] == f"{network.name}-only"
    # Later is no better, and another token is.
    late = loser.join(token)
    assert late.error["code"] == "denied" and "used already" in late.error["message"], late
    assert loser.join(create(network)[0]).outcome == "created"
    assert len(names(network)) == 4


def said_of(network, wanted):
    """What doctor says of an invite."""
    return [f["what"] for f in network.must("doctor").json["findings"]
            if f["topic"] == "invite" and wanted in f["what"]
            and f["run"] == "ployzctl machine invite create"]


def test_tokens_that_are_not_good_change_nothing(network, new_host):
    expiring, short = create(network, "--ttl-secs", "60")
    host = new_host("d")
    token, wanted = create(network)
    for bad in ("", "hello", "ployz1_", token[:-1], token[:len(token) // 2], token + "A",
                token[:200] + token[201:], "ployz1_" + "A" * 500, "ployz1_" + "A" * 20_000, "\0\1\2"):
        refused = host.join(bad)
        assert (refused.code, refused.error["code"]) == (2, "invalid"), (bad, refused)
    newer = host.join("ployz2_" + token[7:])
    assert newer.code != 0 and "newer" in newer.error["message"], newer
    for words in (["--token"], ["--token", token, "--token-stdin"], []):
        assert host.ctl("mesh", "join", *words).code == 2, words

    revoked = network.must("machine", "invite", "revoke", wanted)
    assert revoked.outcome == "revoked" and invite(network, wanted)["state"] == "revoked"
    refused = host.join(token)
    assert refused.error["code"] == "denied" and "revoked" in refused.error["message"], refused
    host.is_as_before()

    network.wait(lambda: "nobody has come in by it" in " ".join(said_of(network, short)),
                 "doctor to say that it expires", 90)
    network.wait(lambda: invite(network, short)["state"] == "expired", "the token to expire", 90)
    assert "nobody came in by it" in said_of(network, short)[0]
    refused = host.join(expiring)
    assert refused.error["code"] == "denied" and "expired" in refused.error["message"], refused
    gone = network.ctl("machine", "invite", "import", "--token-stdin", stdin=expiring)
    assert gone.error["code"] == "precondition", gone
    host.is_as_before()
    assert len(names(network)) == 2

    # Of another network: for a machine that is in one, and for an import.
    token, _ = create(network)
    host.ctl("mesh", "init", "elsewhere")
    refused = host.join(token)
    assert refused.error["code"] == "exists" and "elsewhere" in refused.error["message"], refused
    foreign = host.ctl("machine", "invite", "create").json["token"]
    refused = network.ctl("machine", "invite", "import", "--token-stdin", stdin=foreign)
    assert (refused.code, refused.error["code"]) == (3, "denied"), refused
    known = network.ctl("machine", "invite", "import", "--token-stdin", stdin=token)
    assert (known.outcome, known.json["invite"]["state"]) == ("imported", "open"), known


# The daemon that joins dies when it has said this.
DIES_AT = ["to be let in", "overlay and container bridge are up", "store is reached",
           "gateway, DNS and router serve"]


def test_a_join_that_dies_is_continued_by_the_same_command_and_by_no_other_machine(network, new_host):
    host = new_host("e")
    token, wanted = create(network)
    for line in DIES_AT:
        with Kill(host, "ployzd") as kill:
            process = host.start_join(token)
            for said in process.stderr:
                if line in said:
                    break
            else:
                raise AssertionError(f"it never said {line}: {process.communicate()}")
            kill.now()
        process.communicate(timeout=LIMIT_S)
        # After the last it may have been told already that all is well.
        assert process.returncode != 0 or line == DIES_AT[-1]
        host.wait(lambda: host.ctl("status").code == 0, "ployzd to answer")
    other = new_host("f")
    refused = other.join(token)
    assert refused.error["code"] == "denied" and "used already" in refused.error["message"], refused
    other.is_as_before()
    answers = []

    def again():
        answers.append(host.join(token))
        return answers[-1].code == 0
    host.wait(again, "the same command to go on", limit_s=90)
    assert host.name in names(network) and invite(network, wanted)["machine"]["name"] == host.name
    assert host.sh("wg show ployz-wg allowed-ips").stdout.count("10.101.") == 2
    findings = network.must("doctor").json["findings"]
    assert [f for f in findings if f["severity"] == "error"] == [], findings
    assert_nowhere([*network.all(), host, other], token)

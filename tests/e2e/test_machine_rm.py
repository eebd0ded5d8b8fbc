"""Machines that leave for good: by themselves, cut off in the middle, and lost.

Two machines stay; the third is a host that comes in by `machine add`, so that it can come in anew."""
import json

import pytest

from conftest import IMAGES
from data import POOL, again, committed, follow_until, stored
from faults import Kill
from lab import PREFIX, BareHost, Lab, run, web
from store_moves import holders, promote

IMAGE = IMAGES[0]
# What a machine that left has no more of: interfaces, tables, networks, keys, units, containers.
LEFTOVERS = """
ip -br link | awk '$1 ~ /^ployz/ {print "interface " $1}'
nft list tables | grep ployz
docker network ls --format '{{.Name}}' | grep ployz
docker ps -aq --filter label=ployz.instance
ls -A /var/lib/ployz/keys /var/lib/ployz/nats /var/lib/ployz/agent | grep -v '^/' | grep .
ls /var/lib/ployz/machine.json /var/lib/ployz/pool.img 2>/dev/null
systemctl list-units --no-legend --plain --state=active 'ployz-*' | awk '{print $1}'
true
"""


class Three(Lab):
    """Two machines of the lab and a host that is one while the tests want it."""
    host = None

    def all(self):
        return super().all() + ([self.host] if self.host else [])

    def names(self):
        return [m["machine"]["name"] for m in self.must("machine", "ls").json["machines"]]

    def state_of(self, name):
        listed = self.must("machine", "ls").json["machines"]
        return next((m["machine"]["state"] for m in listed if m["machine"]["name"] == name), None)

    def come_in(self):
        assert (added := self.host.add()).code == 0, added
        for image in IMAGES:
            self.must("image", "push", image, "--to", "all")

    def rm(self, *args):
        return self.ctl("machine", "rm", self.host.name, *args)


@pytest.fixture(scope="module")
def cluster():
    machines = Three(f"{PREFIX}rm", machines=2)
    machines.down()
    machines.up()
    yield machines
    machines.down()


@pytest.fixture
def third(cluster):
    host = BareHost(cluster, f"{PREFIX}-leaver").up()
    cluster.host = host
    cluster.come_in()
    yield host
    cluster.host = None
    cluster.ctl("machine", "rm", host.name, "--yes")
    host.down()
    if host.name in cluster.names():
        cluster.must("machine", "rm", host.name, "--force", "--yes")


def place_files_on(cluster, host):
    """A volume with something in it, there because it was put there; its hash."""
    committed(cluster.deploy(stored("files", machine=host.name)))
    committed(cluster.deploy(stored("files")))
    _, dataset = cluster.home_of("files/data")
    host.sh(f"head -c 3000000 /dev/urandom > {POOL}/datasets/{dataset}/live/blob")
    return cluster.tree_hash("files/data")


def leftovers(host):
    return host.sh(LEFTOVERS).stdout.split("\n")[:-1]


def wait_until_clean(host):
    try:
        host.wait(lambda: leftovers(host) == [], "the host to be clean", limit_s=60)
    except AssertionError as error:
        raise AssertionError(leftovers(host)) from error


def expect_out(cluster, host):
    """Nobody knows it any more."""
    assert host.name not in cluster.names()
    for machine in (cluster.machine(1), cluster.machine(2)):
        assert host.address not in machine.sh("wg show ployz-wg endpoints").stdout
    newest = [op for op in cluster.must("op", "ls").json["operations"]
              if op["kind"] == "machine_rm"][0]
    assert newest["outcome"] == "committed", newest


def test_everything_moves_under_load_and_the_host_is_clean_and_comes_in_anew(cluster, third):
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).code == 0
    before = place_files_on(cluster, third)
    preview = cluster.must("machine", "rm", third.name, "--dry-run")
    assert preview.outcome == "preview" and cluster.state_of(third.name) == "active", preview
    assert {s["namespace"] for s in preview.json["steps"]} == {"busy", "files"}, preview
    staying = [cluster.machine(1), cluster.machine(2)]
    with cluster.load("busy.example.com", connections=8, rate=500, through=staying) as load:
        done = cluster.rm()
    assert (done.code, done.outcome) == (0, "removed"), done
    assert done.json["host_leaves"] and done.json["unconfirmed"] == [], done
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    expect_out(cluster, third)
    cluster.host = None
    assert cluster.tree_hash("files/data") == before
    assert len(cluster.instances("busy")) == 3
    assert cluster.get("files.example.com")[0] == 200
    wait_until_clean(third)
    # Repeating is nothing.
    repeated = cluster.ctl("machine", "rm", third.name)
    assert (repeated.code, repeated.outcome) == (0, "unchanged"), repeated
    assert third.sh("systemctl is-active ployzd").stdout.strip() == "active"
    cluster.host = third
    cluster.come_in()
    assert third.name in cluster.names()
    assert cluster.deploy(web("busy", IMAGE, replicas=4)).code == 0
    assert third.name in {i["machine_name"] for i in cluster.instances("busy")}


# As the coordinator says them, each when the step begins.
STEPS = {"drain": "draining machine", "hand over": "handing over", "leave": "leaves",
         "revoke": "credentials of machine", "confirm": "confirm that it is out"}


@pytest.mark.parametrize("victim,step", [
    *(("coordinator", step) for step in STEPS),
    *(("leaver", step) for step in STEPS if step != "confirm")])
def test_kill_9_at_a_step_and_the_same_command_goes_on(cluster, third, victim, step):
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).code == 0
    before = place_files_on(cluster, third)
    if step == "hand over":
        promote(cluster, 1, third)
    with Kill(cluster.machine(1) if victim == "coordinator" else third, "ployzd") as kill:
        cut_off = cluster.start("machine", "rm", third.name)
        assert follow_until(cut_off, STEPS[step]), cut_off.communicate()
        kill.now()
        cut_off.communicate(timeout=120)
    cluster.wait(lambda: cluster.ctl("mesh", "ready").code == 0, "the machine to be ready again")
    answer = again(cluster, "machine", "rm", third.name, limit_s=90)
    assert answer.outcome in ("removed", "unchanged"), answer
    expect_out(cluster, third)
    cluster.host = None
    assert cluster.tree_hash("files/data") == before
    assert cluster.get("busy.example.com")[0] == cluster.get("files.example.com")[0] == 200
    # Dying while it cleans itself, it goes on by itself.
    third.sh("systemctl kill -s KILL ployzd", check=False)
    wait_until_clean(third)
    assert third.name not in holders(cluster)


def test_data_that_is_nowhere_else_is_asked_for_and_can_stay_on_the_disk(cluster, third):
    place_files_on(cluster, third)
    assert cluster.must("namespace", "rm", "files").outcome == "committed"
    refused = cluster.rm()
    assert refused.code == 3 and list(refused.error["details"]) == ["files/data"], refused
    assert cluster.state_of(third.name) == "active"
    done = cluster.rm("--keep-data")
    assert (done.code, done.outcome) == (0, "removed"), done
    assert [d["volume"] for d in done.json["datasets"]] == ["data"], done
    expect_out(cluster, third)
    cluster.host = None
    third.wait(lambda: third.sh("ls /var/lib/ployz/keys").stdout == "", "the keys to be gone")
    assert third.sh(f"ls {POOL}/datasets").stdout.strip() != ""
    third.wait(lambda: "machine.json" not in third.sh("ls /var/lib/ployz").stdout, "it to leave")
    # The name is free for new data.
    committed(cluster.deploy(stored("files")))


def test_refusals_change_nothing(cluster, third):
    first = cluster.ctl("machine", "rm", cluster.name)
    assert first.code == 3 and third.name in cluster.names(), first
    forced = cluster.rm("--force", "--yes")
    assert forced.code == 3 and "answers" in forced.error["message"], forced
    assert cluster.ctl("machine", "rm", "nobody").error["code"] == "not_found"
    # The founder may go like any other: its store goes to another machine first.
    store = cluster.machine(2).ctl("machine", "rm", cluster.name, "--dry-run")
    assert store.outcome == "preview" and cluster.name in cluster.names(), store
    assert cluster.state_of(third.name) == "active"
    assert third.name in cluster.human("__complete", "--", "machine", "rm", "").stdout


def test_a_lost_machine_is_listed_exactly_and_the_next_deploy_works(cluster, third):
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).code == 0
    place_files_on(cluster, third)
    third.down()
    cluster.wait(lambda: not next(m["reachable"] for m in
                                  cluster.must("machine", "ls").json["machines"]
                                  if m["machine"]["name"] == third.name), "it to be silent")
    plain = cluster.rm()
    assert plain.code == 3 and "--force" in plain.error["hint"], plain
    preview = cluster.rm("--force", "--dry-run")
    assert preview.outcome == "preview", preview
    services = {(s["namespace"], s["service"], s["fate"]) for s in preview.json["lost_services"]}
    assert services == {("busy", "web", "restarts"), ("files", "web", "ends")}, preview
    assert [(v["namespace"], v["volume"]) for v in preview.json["lost_volumes"]] == [
        ("files", "data")], preview
    asked = cluster.rm("--force")
    assert asked.code == 3 and asked.error["details"]["files/data"] == "lost", asked
    assert third.name in cluster.names()

    done = cluster.rm("--force", "--yes")
    assert (done.code, done.outcome) == (0, "removed"), done
    assert {s["namespace"]: s["outcome"] for s in done.json["steps"]} == {
        "busy": "committed", "files": "committed"}, done
    assert third.name not in cluster.names()
    cluster.host = None
    instances = cluster.instances("busy")
    assert len(instances) == 3 and all(i["state"] == "running" for i in instances), instances
    assert cluster.get("busy.example.com")[0] == 200
    # The same manifest again: the service is back, with new and empty data.
    committed(cluster.deploy(stored("files")))
    home, dataset = cluster.home_of("files/data")
    assert home.sh(f"ls -A {POOL}/datasets/{dataset}/live").stdout == ""
    assert cluster.get("files.example.com")[0] == 200
    assert cluster.ctl("machine", "rm", third.name).outcome == "unchanged"


def said_by(host, *words):
    """What ployzctl says there: exit code and document."""
    done = host.sh("ployzctl --json " + " ".join(words), check=False)
    return done.returncode, json.loads(done.stdout)


def expect_removed(host, operation):
    """It says so, whatever it is asked, and serves nothing."""
    code, status = said_by(host, "status")
    assert code == 1 and status["removed"]["operation"] == operation, status
    assert status["removed"]["forced"] and status["machine"]["name"] == host.name, status
    for words in (["mesh", "status"], ["doctor"], ["mesh", "start"], ["ps"], ["mesh", "self-record"]):
        code, answer = said_by(host, *words)
        assert code == 3, (words, answer)
        assert "was removed from network" in answer["error"]["message"], answer
        assert operation in answer["error"]["message"], answer
        assert "ployzctl machine add" in answer["error"]["hint"], answer

    def silent():
        active = host.sh("systemctl list-units --no-legend --plain --state=active 'ployz-*' | "
                         "awk '{print $1}'").stdout.split()
        running = host.docker("ps", "-q", "--filter", "label=ployz.instance").stdout
        return set(active) <= {"ployz-pool.service"} and not running
    host.wait(silent, "it to stop what it serves", limit_s=60)
    with pytest.raises(OSError):
        host.get("busy.example.com")


def has_heard(host):
    return "removed" in said_by(host, "status")[1]


@pytest.mark.parametrize("away", ["cut off", "switched off"])
def test_removed_while_it_was_away_it_learns_that_and_comes_in_anew(cluster, third, away):
    staying = [cluster.machine(1), cluster.machine(2)]
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).code == 0
    place_files_on(cluster, third)
    blob = third.sh(f"cd {POOL}/datasets && sha256sum */live/blob").stdout
    subnet = said_by(third, "status")[1]["machine"]["subnet"]
    if away == "cut off":
        third.cut(*staying)
    else:
        run("docker", "stop", "-t", "5", third.container)
    cluster.wait(lambda: not next(m["reachable"] for m in
                                  cluster.must("machine", "ls").json["machines"]
                                  if m["machine"]["name"] == third.name), "it to be silent")
    done = cluster.rm("--force", "--yes")
    assert (done.code, done.outcome) == (0, "removed"), done
    cluster.host = None
    operation = done.json["operation"]
    if away == "cut off":  # nobody has told it, and it goes on with what it knows
        assert third.get("busy.example.com")[0] == 200 and not has_heard(third)
    with cluster.load("busy.example.com", connections=4, rate=100, through=staying) as load:
        if away == "cut off":
            third.heal()
        else:
            run("docker", "start", third.container)
        third.wait(lambda: has_heard(third), "it to be told", limit_s=90)
        expect_removed(third, operation)
        third.kill("ployzd")
        third.wait(lambda: has_heard(third), "its daemon to be back")
        run("docker", "restart", "-t", "5", third.container)
        third.wait(lambda: has_heard(third), "the machine to be back", limit_s=90)
        expect_removed(third, operation)
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    # A guest of theirs, and no more than that.
    for machine in staying:
        assert f"{subnet.split('/')[0]}/30" in machine.sh("wg show ployz-wg allowed-ips").stdout
        assert machine.ctl("mesh", "ready").code == 0
    third.wait(lambda: third.sh(f"cd {POOL}/datasets && sha256sum */live/blob").stdout == blob,
               "its data to be there as it was")

    third.trust()
    cluster.host = third
    cluster.come_in()
    code, status = said_by(third, "status")
    assert "removed" not in status and status["machine"]["subnet"] != subnet, status
    assert third.sh(f"cd {POOL}/datasets && sha256sum */live/blob").stdout == blob
    assert cluster.deploy(web("busy", IMAGE, replicas=4)).code == 0
    assert third.name in {i["machine_name"] for i in cluster.instances("busy")}
    assert third.get("busy.example.com")[0] == 200

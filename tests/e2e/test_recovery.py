"""The machine that had the control plane's store is gone, and a survivor's copy becomes the store."""
import json
import time

import pytest

from conftest import IMAGES, running
from lab import PREFIX, run, web
from store_moves import Writer, holders
from test_any_machine_may_leave import Leaving

DUMP = "ployz_store_dump /var/lib/ployz/machine.json /var/lib/ployz/keys/daemon.nk"


@pytest.fixture(scope="module")
def cluster():
    for machines in running(Leaving(f"{PREFIX}gone", machines=3), IMAGES):
        for machine in machines.all():
            machine.install_tool("ployz_store_dump")
        yield machines


def now_ms():
    return time.time_ns() // 1_000_000


def dump(machine):
    """Every commit and every record of the store, as that machine reads them."""
    return json.loads(machine.sh(DUMP).stdout)


def copied(machine, epoch, since_ms):
    """Its copy of the store has had everything that there was at that moment, and it has noted so."""
    def whole():
        note = machine.sh(f"cat /var/lib/ployz/agent/copy-{epoch}.json", check=False).stdout
        return json.loads(note)["whole_at_ms"] > since_ms
    machine.wait(whole, f"the copy of the store on {machine.name}", 120)


def comparable(store):
    """Without what every new store says of itself, and who is at work just now."""
    records = {key: value for key, value in store["records"].items()
               if not key.startswith(("meta/epoch", "leases/"))}
    for key, value in records.items():
        if key.startswith("machines/"):
            machine = json.loads(value)
            machine.pop("stores", None)
            records[key] = machine
    return records


def check_same(before, after, changing):
    """All of it is there as it was; `changing`: the namespace somebody wrote to meanwhile."""
    kept = {seq: commit for seq, commit in after["commits"].items() if seq in before["commits"]}
    assert kept == before["commits"]
    had, has = comparable(before), comparable(after)
    differ = {key: (value, has.get(key)) for key, value in had.items() if has.get(key) != value}
    assert not differ, differ
    added = [key for key in has if key not in had]
    assert all(key.startswith(("operations/", "plans/")) for key in added), added
    unknown = [commit for seq, commit in after["commits"].items() if seq not in before["commits"]]
    assert all(commit.startswith(f"ployz.commit.{changing} ") for commit in unknown), unknown


class Clocked:
    """A machine that is written through, and when each commit's acknowledgement came."""

    def __init__(self, machine):
        self.machine, self.at_ms = machine, {}

    def ctl(self, *args, stdin=None):
        answer = self.machine.ctl(*args, stdin=stdin)
        if answer.code == 0:
            self.at_ms[answer.json["committed_sequence"]] = now_ms()
        return answer


def check_window(commits, acknowledged, begins_ms):
    """What was acknowledged before the window is there: whatever is not, was acknowledged in it."""
    assert acknowledged
    lost = {sequence: at for sequence, at in acknowledged.items() if str(sequence) not in commits}
    assert all(at >= begins_ms for at in lost.values()), (lost, begins_ms)


def refused_elsewhere(answer):
    return answer.code == 3 and "machine storage recover on" in answer.error["hint"]


def most_advanced(*machines):
    """The machine where it may be run; the others name it."""
    previews = {machine.name: machine.ctl("machine", "storage", "recover", "--dry-run")
                for machine in machines}
    able = [machine for machine in machines if previews[machine.name].code == 0]
    assert able, previews
    assert all(answer.outcome == "preview" if answer.code == 0 else refused_elsewhere(answer)
               for answer in previews.values()), previews
    return able[0]


def recover(machine):
    """(report, when its window begins)"""
    asked = machine.ctl("machine", "storage", "recover")
    assert asked.code == 3 and "may be lost" in asked.error["message"], asked
    begun = now_ms()
    done = machine.ctl("machine", "storage", "recover", "--yes")
    assert (done.code, done.outcome) == (0, "recovered"), done
    assert done.json["behind"] == [], done
    # The report is of a moment after `begun`, so its window begins no earlier than this.
    return done.json, begun - done.json["window_ms"]


def has_ended(answer):
    return answer.code == 3 and "the store answers" in answer.error["message"]


def test_the_founder_is_destroyed_with_its_disks(cluster):
    first, second, third = cluster.all()
    assert cluster.deploy(web("shop", IMAGES[0], replicas=3)).code == 0
    assert cluster.deploy(web("shop", IMAGES[1], replicas=3)).code == 0
    refused = second.ctl("machine", "storage", "recover", "--yes")
    assert refused.code == 3 and "the store answers" in refused.error["message"], refused
    before = dump(second)
    for machine in (second, third):
        copied(machine, 1, now_ms())
    through = Clocked(second)
    with Writer(cluster, through, "written") as writer:
        writer.go_on(3)
        run("docker", "rm", "-fv", first.container)
        destroyed = now_ms()
    holder = most_advanced(second, third)
    report, begins_ms = recover(holder)
    assert report["silent"] == [first.name] and report["epoch"] == 2, report
    assert [copy["machine_name"] for copy in report["copies"]][0] == holder.name, report
    # The window is of the time around the end of the machine, not more: copies are a moment behind.
    assert destroyed - begins_ms < 60_000, (report, destroyed, begins_ms)
    cluster.asked = 2 if holder.name == second.name else 3
    assert holders(cluster) == [holder.name]
    after = dump(holder)
    check_same(before, after, "written")
    newest = report["copies"][0]["commits"]
    assert report["restored_commits"] == sum(int(seq) <= newest for seq in after["commits"]), report
    check_window(after["commits"], through.at_ms, begins_ms)
    cluster.acknowledged.forget()  # of these some may be lost: in the window, as was told and just checked

    # It held what ran there, too: that is given up, and starts elsewhere.
    removed = cluster.ctl("machine", "rm", first.name, "--force", "--yes")
    assert (removed.code, removed.outcome) == (0, "removed"), removed
    assert cluster.members() == sorted([second.name, third.name])
    for machine in (second, third):
        answer = machine.ctl("deploy", "-f", "-",
                             stdin=web("shop", IMAGES[0], replicas=3, env={"M": machine.name}))
        assert answer.code == 0, answer
        # No sequence that anybody may have seen is given again.
        assert answer.json["committed_sequence"] > newest + 200, answer
        assert machine.get("shop.example.com")[0] == 200


def test_who_held_the_store_and_comes_back_follows(cluster):
    second, third = cluster.machine(2), cluster.machine(3)
    holder, other = (second, third) if holders(cluster) == [second.name] else (third, second)
    epoch = cluster.must("mesh", "status").json["epoch"]
    before = dump(other)
    copied(other, epoch, now_ms())
    run("docker", "stop", "-t", "2", holder.container)
    try:
        cluster.asked = 2 if other.name == second.name else 3
        # Cut off in the middle, the same command goes on.
        process = other.start_process("ployzctl", "--plain", "machine", "storage", "recover", "--yes")
        line = process.stderr.readline()
        while line and "restoring" not in line:
            line = process.stderr.readline()
        assert line, process.communicate()
        other.kill("ployzd.service")
        process.communicate()

        def is_ready():
            answer = other.ctl("machine", "storage", "recover", "--dry-run")
            return answer.code == 0 or has_ended(answer)
        other.wait(is_ready, "its daemon", 60)
        again = other.ctl("machine", "storage", "recover", "--yes")
        assert has_ended(again) or again.outcome == "recovered", again
        check_same(before, dump(other), "none")
        assert cluster.must("mesh", "status").json["epoch"] == epoch + 1
        assert other.ctl("deploy", "-f", "-",
                         stdin=web("after", IMAGES[1], replicas=0)).code == 0
    finally:
        run("docker", "start", holder.container)
    holder.wait(lambda: (holder.ctl("mesh", "status").json or {}).get("epoch") == epoch + 1,
                "the former holder to follow", 90)
    holder.wait(lambda: holder.ctl("deploy", "-f", "-", stdin=web("after", IMAGES[2], replicas=0))
                .code == 0, "a deploy from there", 60)
    assert holders(cluster) == [other.name]
    assert dump(holder) == dump(other)


def test_who_held_the_store_and_was_removed_meanwhile_is_told(cluster):
    second, third = cluster.machine(2), cluster.machine(3)
    holder, other = (second, third) if holders(cluster) == [second.name] else (third, second)
    copied(other, cluster.must("mesh", "status").json["epoch"], now_ms())
    holder.pause()
    try:
        cluster.asked = 2 if other.name == second.name else 3
        recover(other)
        gone = other.ctl("machine", "rm", holder.name, "--force", "--yes")
        assert (gone.code, gone.outcome) == (0, "removed"), gone
    finally:
        holder.unpause()
    # Its own store answers it, and is over.
    holder.wait(lambda: "removed" in holder.ctl("status").json, "it to be told", 90)
    refused = holder.ctl("deploy", "-f", "-", stdin=web("after", IMAGES[1], replicas=0))
    assert refused.code == 3 and gone.json["operation"] in refused.error["message"], refused
    assert cluster.members() == [other.name]
    assert other.ctl("deploy", "-f", "-", stdin=web("after", IMAGES[1], replicas=0)).code == 0

"""The control plane's store moves between machines, and nothing that was acknowledged is lost."""
import json
import threading

import pytest

from lab import web

IMAGE = "ployz-samples/web:1"


class Writer:
    """Commits as fast as it can, through one machine, and knows what was acknowledged."""

    def __init__(self, cluster, machine, namespace):
        self.cluster, self.machine, self.namespace = cluster, machine, namespace
        self.acknowledged, self.refused = [], []
        self.more = threading.Condition()
        self.ended = False
        self.thread = threading.Thread(target=self.write, daemon=True)

    def write(self):
        number = 0
        while not self.ended:
            number += 1
            manifest = web(self.namespace, IMAGE, env={"N": str(number)}, replicas=0)
            answer = self.machine.ctl("deploy", "-f", "-", stdin=manifest)
            with self.more:
                if answer.code == 0:
                    self.acknowledged.append(answer.json["committed_sequence"])
                else:
                    self.refused.append(answer)
                self.more.notify_all()

    def go_on(self, count=2):
        with self.more:
            wanted = len(self.acknowledged) + count
            assert self.more.wait_for(lambda: len(self.acknowledged) >= wanted, 60), self.refused

    def __enter__(self):
        self.thread.start()
        self.go_on()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join(60)

    def check(self):
        """Every acknowledged commit is there, in order, exactly once."""
        listed = [entry["sequence"] for entry in self.cluster.must(
            "log", self.namespace, "--limit", "10000").json["commits"]]
        kept = [commit for commit in reversed(listed) if commit in set(self.acknowledged)]
        assert kept == self.acknowledged, (kept, self.acknowledged)


def promote(lab, replicas, *machines):
    return lab.must("machine", "storage", "promote", "--replicas", str(replicas),
                    *(machine.name for machine in machines))


def holders(lab):
    listed = lab.must("machine", "ls").json["machines"]
    return sorted(m["machine"]["name"] for m in listed if m["machine"]["stores"])


def names(*machines):
    return sorted(machine.name for machine in machines)


@pytest.fixture
def moving(cluster):
    yield cluster
    # As other scenarios know it: on the first machine, of an odd epoch.
    first = cluster.machine(1)
    if holders(cluster) != [first.name]:
        promote(cluster, 1, first)
    if cluster.must("mesh", "status").json["epoch"] % 2 == 0:
        for machine in (cluster.machine(2), cluster.machine(3), first):
            promote(cluster, 1, machine)


def test_the_store_moves_to_three_machines_and_back_under_writes_and_load(moving):
    cluster = moving
    first, second, third = cluster.all()
    assert cluster.deploy(web("served", IMAGE, replicas=3)).code == 0
    epoch = cluster.must("mesh", "status").json["epoch"]
    preview = cluster.must("machine", "storage", "promote", "--replicas", "3", second.name,
                           third.name, "--dry-run")
    assert preview.outcome == "preview" and holders(cluster) == [first.name], preview
    with cluster.load("served.example.com", connections=4, rate=200,
                      through=cluster.all()) as load:
        with Writer(cluster, second, "written") as writer:
            done = promote(cluster, 3, second, third)
            assert done.outcome == "committed" and done.json["silent"] == [], done
            assert done.json["epoch"] == epoch + 1 and done.json["frozen_ms"] > 0, done
            assert holders(cluster) == names(first, second, third)
            writer.go_on()
            assert promote(cluster, 3, second, third).outcome == "unchanged"
            back = promote(cluster, 1, third)
            assert back.outcome == "committed" and back.json["silent"] == [], back
            assert holders(cluster) == [third.name]
            writer.go_on()
    writer.check()
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    # Every machine follows, routers too: a deploy from each reaches every gateway.
    for number, machine in enumerate(cluster.all()):
        answer = machine.ctl("deploy", "-f", "-",
                             stdin=web("served", IMAGE, replicas=3, env={"V": str(number)}))
        assert answer.code == 0, answer
        assert machine.ctl("doctor").code == 0, machine.ctl("doctor")


def test_what_cannot_hold_the_store_is_told_before_anything_changes(moving):
    cluster = moving
    first, second, _ = cluster.all()
    for words, code, said in ((("--replicas", "2", second.name), 2, "--replicas"),
                              (("--replicas", "3", second.name), 3, "1 more machines"),
                              (("--replicas", "5"), 3, "4 more machines"),
                              (("--replicas", "1", "nobody"), 3, "no machine nobody"),
                              (("--replicas", "1", first.name, second.name), 3, "2 machines")):
        answer = cluster.ctl("machine", "storage", "promote", *words)
        assert answer.code == code and said in json.dumps(answer.json), answer
    second.pause()
    try:
        answer = cluster.ctl("machine", "storage", "promote", "--replicas", "1", second.name)
        assert answer.code != 0 and second.name in answer.error["message"], answer
    finally:
        second.unpause()
        cluster.wait(lambda: not any(machine["error"] for machine in cluster.must(
            "machine", "ls").json["machines"]), "all machines answer again")
    assert holders(cluster) == [first.name]
    assert cluster.deploy(web("after", IMAGE)).code == 0

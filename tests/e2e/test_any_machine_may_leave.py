"""There is no special machine: the founder leaves like any other, with the control plane's store."""
import pytest

from conftest import IMAGES, running
from data import POSTGRES, Ledger, committed, database
from lab import PREFIX, BareHost, Lab, web
from store_moves import Writer, holders, names, promote


class Leaving(Lab):
    """Asked at whichever machine is meant to stay."""
    asked = 1

    def ctl(self, *args, stdin=None):
        if self.asked != 1 and "--machine" not in args:
            args = ("--machine", self.machine(self.asked).name, *args)
        return super().ctl(*args, stdin=stdin)

    @property
    def container(self):
        return f"ployz-{self.name}" if self.asked == 1 else self.machine(self.asked).container

    def members(self):
        return sorted(m["machine"]["name"] for m in self.must("machine", "ls").json["machines"])


@pytest.fixture(scope="module")
def cluster():
    yield from running(Leaving(f"{PREFIX}leave", machines=3), [*IMAGES, f"{POSTGRES}:1"])


def removed(cluster, machine, *words):
    answer = cluster.ctl("machine", "rm", machine.name, "--yes", *words)
    assert (answer.code, answer.outcome) == (0, "removed"), answer
    assert machine.name not in cluster.members()


def test_founder_and_another_leave_and_the_last_has_everything(cluster):
    first, second, last = cluster.all()
    committed(cluster.deploy(database("bank", machine=first.name)))
    committed(cluster.deploy(database("bank")))
    assert cluster.deploy(web("shop", IMAGES[0], replicas=3)).code == 0
    ledger = Ledger(cluster, "bank", last).start()
    ledger.more(5)
    promote(cluster, 3, second, last)
    assert holders(cluster) == names(first, second, last)
    with cluster.load("shop.example.com", connections=4, rate=200, through=[last]) as load:
        with Writer(cluster, last, "written") as writer:
            cluster.asked = 3
            # Of three copies one cannot go when there is no other machine for it.
            refused = cluster.ctl("machine", "rm", first.name, "--yes")
            assert refused.code == 3 and "3 copies" in refused.error["message"], refused
            assert "--replicas 1" in refused.error["hint"], refused
            preview = cluster.must("machine", "rm", first.name, "--replicas", "1", "--dry-run")
            assert preview.json["store"] in ([second.name], [last.name]), preview
            removed(cluster, first, "--replicas", "1")
            assert holders(cluster) == preview.json["store"]
            writer.go_on()
            promote(cluster, 1, second)
            ledger.more(5)
            removed(cluster, second)  # with the only copy, which goes to the last
            assert cluster.members() == holders(cluster) == [last.name]
            writer.go_on()
            ledger.more(5)
    writer.check()
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    ledger.stop().check()
    assert cluster.where("bank").name == last.name
    assert len(cluster.instances("shop")) == 3
    cluster.amcheck("bank")
    assert cluster.must("doctor").json["findings"] == []


def test_then_new_machines_come_in(cluster):
    last = cluster.machine(3)
    assert cluster.members() == [last.name]
    hosts = [BareHost(cluster, f"{PREFIX}-new{n}").up() for n in (1, 2)]
    try:
        for host in hosts:
            assert (added := host.add()).code == 0, added
        assert cluster.members() == sorted([last.name, *(host.name for host in hosts)])
    finally:
        for host in hosts:
            host.down()

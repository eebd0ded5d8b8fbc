"""Five machines, the store on three of them, split so that the founder is with the minority of the holders:
the side with two holders writes, the other refuses and says whom it misses, both serve, and afterwards
all is one again without a command."""
import pytest

from lab import PREFIX, Lab, web
from store_moves import IMAGE, Writer, holders, names, promote

HOST = "five.example.com"
AGAIN_S = 120


@pytest.fixture
def cluster():
    machines = Lab(f"{PREFIX}5", machines=5)
    machines.down()
    try:
        machines.up()
        machines.must("image", "push", IMAGE, "--to", "all")
        yield machines
    finally:
        machines.down()


def test_a_split_through_the_store(cluster):
    one, two, three, four, five = cluster.all()
    assert cluster.deploy(web("five", IMAGE, replicas=5)).code == 0
    promote(cluster, 3, one, three, four)
    assert holders(cluster) == names(one, three, four)
    minority, majority = (one, two), (three, four, five)
    with Writer(cluster, five, "before") as before:
        for machine in minority:
            machine.cut(*majority)
        try:
            # What waited for the minority's word when it was cut off has its namespace wait for it.
            with Writer(cluster, five, "meanwhile", AGAIN_S) as meanwhile:
                for machine in minority:
                    refused = machine.ctl("deploy", "-f", "-", stdin=web("lost", IMAGE, replicas=0))
                    assert refused.code in (1, 3) and refused.error["effect"] != "committed", refused
                    assert any(other.name in str(refused.json) for other in (three, four)), refused
                for machine in cluster.all():
                    cluster.wait(lambda machine=machine: machine.get(HOST)[0] == 200,
                                 f"{machine.name} to serve", AGAIN_S)
                meanwhile.go_on(2, AGAIN_S)
        finally:
            for machine in minority:
                machine.heal()
        for machine in minority:
            cluster.wait(lambda machine=machine: machine.ctl(
                "deploy", "-f", "-", stdin=web("lost", IMAGE, replicas=0)).code == 0,
                         f"a deploy through {machine.name}", AGAIN_S)
        before.go_on(2, AGAIN_S)
    before.check()
    meanwhile.check()
    cluster.wait(lambda: all(machine.ctl("doctor").code == 0 for machine in cluster.all()),
                 "every machine to be well again", AGAIN_S)

"""The machines that hold the store lose each other, in every shape three of them allow: whoever is in
the minority refuses and says why, the others go on, nothing acknowledged is lost, and afterwards all
is one again without a command."""
import pytest

from lab import run, web
from store_moves import IMAGE, Writer, holders, names, promote

HOST = "split.example.com"
AGAIN_S = 90  # elections, sessions of WireGuard and leaf nodes, on a busy computer
KEPT = ("split",)


def cut(cluster, victim):
    victim.cut(*others_than(cluster, victim))


def deaf(cluster, victim):
    """What the others send does not arrive; what it sends does."""
    victim.lose(100, *others_than(cluster, victim))


def others_than(cluster, victim):
    return [machine for machine in cluster.all() if machine.name != victim.name]


def writes(machine, number):
    return machine.ctl("deploy", "-f", "-", stdin=web(f"after-{number}", IMAGE, replicas=0))


def whole_again(cluster):
    def well():
        assert all(machine.ctl("doctor").code == 0 for machine in cluster.all())
        return True
    cluster.wait(well, "every machine to be well again", AGAIN_S)


@pytest.fixture(scope="module")
def split(cluster):
    """The store is on all three, and a service is served by all."""
    first, *others = cluster.all()
    assert cluster.deploy(web("split", IMAGE, replicas=3)).code == 0
    promote(cluster, 3, *others)
    assert holders(cluster) == names(*cluster.all())
    yield cluster
    whole_again(cluster)
    cluster.remove("split")
    promote(cluster, 1, first)
    if cluster.must("mesh", "status").json["epoch"] % 2 == 0:
        for machine in (*others, first):
            promote(cluster, 1, machine)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("sever", [cut, deaf])
def test_one_of_three_is_alone(split, sever, number):
    victim = split.machine(number)
    majority = others_than(split, victim)
    with Writer(split, majority[0], "majority") as writer:
        sever(split, victim)
        try:
            writer.go_on(2, AGAIN_S)
            refused = writes(victim, number)
            assert refused.code != 0 and refused.error["effect"] != "committed", refused
            assert any(machine.name in str(refused.json) for machine in majority), refused
            # What was under way to the other side is lost; from then on each side serves by itself.
            for machine in split.all():
                split.wait(lambda: machine.get(HOST)[0] == 200, f"{machine.name} to serve")
            writer.go_on(2, AGAIN_S)
        finally:
            victim.heal()
        whole_again(split)
        assert writes(victim, number).code == 0
        writer.go_on(2, AGAIN_S)
    writer.check()


def test_a_line_that_comes_and_goes(split):
    victim = split.machine(2)
    with Writer(split, victim, "flapping") as writer:
        for _ in range(4):
            before = len(writer.refused)
            cut(split, victim)
            try:
                split.wait(lambda: len(writer.refused) > before, "a refusal", AGAIN_S)
            finally:
                victim.heal()
            writer.go_on(1, AGAIN_S)
    writer.check()


def test_the_power_of_all_fails_at_once(split):
    with Writer(split, split.machine(3), "powerless") as writer:
        writer.go_on(3)
        containers = [machine.container for machine in split.all()]
        run("docker", "kill", *containers)
        run("docker", "start", *containers)
        writer.go_on(2, 2 * AGAIN_S)
    whole_again(split)
    writer.check()
    for machine in split.all():
        assert machine.get(HOST)[0] == 200

"""The machines that hold the store lose each other, in every shape three of them allow: whoever is in
the minority refuses and says why, the others go on, nothing acknowledged is lost, and afterwards all
is one again without a command."""
import pytest

from conftest import store_as_known
from faults import power_fails
from lab import web
from store_moves import (IMAGE, Writer, all_serve, holders, names, promote, refuses,
                         whole_again)

HOST = "split.example.com"
AGAIN_S = 90  # elections, sessions of WireGuard and leaf nodes, on a busy computer
KEPT = ("split",)


def others_than(cluster, victim):
    return [machine for machine in cluster.all() if machine.name != victim.name]


@pytest.fixture(scope="module")
def split(cluster):
    """The store is on all three, and a service is served by all."""
    assert cluster.deploy(web("split", IMAGE, replicas=3)).code == 0
    promote(cluster, 3, *cluster.all())
    assert holders(cluster) == names(*cluster.all())
    yield cluster
    whole_again(cluster, AGAIN_S)
    cluster.remove("split")
    store_as_known(cluster)


@pytest.mark.parametrize("how,number", [("cut", 1), ("deaf", 2), ("mute", 3)])
def test_one_of_three_is_alone(split, how, number):
    victim = split.machine(number)
    majority = others_than(split, victim)
    with Writer(split, majority[0], "before") as before:
        getattr(victim, how)(*majority)
        try:
            # What waited for the victim's word when it was cut off has its namespace wait for it.
            with Writer(split, majority[0], "meanwhile", AGAIN_S) as meanwhile:
                refuses(victim, majority)
                # What was under way to the other side is lost; from then on each side serves by itself.
                all_serve(split, HOST)
                meanwhile.go_on(2, AGAIN_S)
        finally:
            victim.heal()
        whole_again(split, AGAIN_S)
        before.go_on(2, AGAIN_S)
    before.check()
    meanwhile.check()


def test_a_line_that_comes_and_goes(split):
    victim = split.machine(2)
    with Writer(split, victim, "flapping") as writer:
        for _ in range(4):
            before = len(writer.refused)
            victim.cut(*others_than(split, victim))
            try:
                split.wait(lambda: len(writer.refused) > before, "a refusal", AGAIN_S)
            finally:
                victim.heal()
            writer.go_on(1, AGAIN_S)
    writer.check()


@pytest.mark.parametrize("replicas", [3, 1])
def test_the_power_of_all_fails_at_once(split, replicas):
    promote(split, replicas, *split.all()[:replicas])
    with Writer(split, split.machine(3), "powerless") as writer:
        writer.go_on(3)
        power_fails(split)
        writer.go_on(2, 2 * AGAIN_S)
    whole_again(split, AGAIN_S)
    writer.check()
    all_serve(split, HOST)

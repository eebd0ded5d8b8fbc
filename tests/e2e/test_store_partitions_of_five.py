"""Five machines lose each other, the store on three of them or on all: the side with more of its holders
writes, the other refuses and says whom it misses, both serve, and afterwards all is one again without a
command."""
import pytest

from lab import PREFIX, Lab, web
from store_moves import (IMAGE, Writer, all_serve, holders, names, promote, refuses,
                         whole_again)

HOST = "five.example.com"
AGAIN_S = 120
KEPT = ("five",)


@pytest.fixture(scope="module")
def cluster():
    machines = Lab(f"{PREFIX}5", machines=5)
    machines.down()
    try:
        machines.up()
        machines.must("image", "push", IMAGE, "--to", "all")
        assert machines.deploy(web("five", IMAGE, replicas=5)).code == 0
        yield machines
    finally:
        machines.down()


@pytest.mark.parametrize("store,lost,how", [
    ((1, 3, 4), (1, 2), "cut"),  # through the store, the founder with the fewer holders
    ((1, 3, 4), (1,), "cut"),    # the founder alone
    ((1, 3, 4), (1, 2), "deaf"),
    ((1, 2, 3, 4, 5), (1, 2), "cut"),
    ((1, 2, 3, 4, 5), (4, 5), "deaf")])
def test_a_split(cluster, store, lost, how):
    stores = [cluster.machine(number) for number in store]
    if holders(cluster) != names(*stores):
        promote(cluster, len(stores), *stores)
    minority = [cluster.machine(number) for number in lost]
    majority = [machine for machine in cluster.all() if machine.name not in names(*minority)]
    missed = [machine for machine in stores if machine.name in names(*majority)]
    with Writer(cluster, majority[-1], "before") as before:
        for machine in minority:
            getattr(machine, how)(*majority)
        try:
            # What waited for the minority's word when it was cut off has its namespace wait for it.
            with Writer(cluster, majority[-1], "meanwhile", AGAIN_S) as meanwhile:
                for machine in minority:
                    refuses(machine, missed)
                all_serve(cluster, HOST, AGAIN_S)
                meanwhile.go_on(2, AGAIN_S)
        finally:
            for machine in minority:
                machine.heal()
        whole_again(cluster, AGAIN_S)
        before.go_on(2, AGAIN_S)
    before.check()
    meanwhile.check()

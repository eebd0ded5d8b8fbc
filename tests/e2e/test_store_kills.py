"""kill -9 at each named step of the store's move: of who coordinates, of who holds the store, of who is to
hold it, of their NATS servers. The same command ends it, and nothing that was acknowledged is lost."""
import pytest

from conftest import store_as_known
from data import again, follow_until
from faults import Kill
from store_moves import Writer, holders

# As the coordinator says them, each when the step begins.
STEPS = {"prepare": "starting 1 servers", "form": "waiting until", "freeze": "takes no writes",
         "copy": "copying every stream", "compared": "copied and compared", "commit": "deciding",
         "switch": "the store is of epoch"}
TAKING_PART = {"former": ["freeze", "copy", "commit", "switch"],
               "next": ["prepare", "form", "copy", "compared", "switch"]}
KILLS = [*(("coordinator", "ployzd", step) for step in STEPS),
         *((who, "ployzd", step) for who, steps in TAKING_PART.items() for step in steps),
         ("former", "nats", "freeze"), ("former", "nats", "copy"), ("former", "nats", "commit"),
         ("next", "nats", "copy"), ("next", "nats", "switch")]
# Shorter than the two minutes after which who holds the store gives it up: a daemon that died is back.
LIMIT_S = 60


@pytest.fixture(scope="module")
def moved(cluster):
    yield cluster
    store_as_known(cluster)


def unit_of(epoch):
    return "ployz-nats" if epoch % 2 else "ployz-nats-b"


def one_server_each(cluster):
    """Where the store is not any more, and where it was to be, nothing serves or claims to."""
    epochs = {machine.ctl("mesh", "status").json["epoch"] for machine in cluster.all()}
    assert len(epochs) == 1, epochs
    for machine in cluster.all():
        running = machine.sh("systemctl list-units --plain --no-legend --state=active 'ployz-nats*' "
                             "| cut -d' ' -f1").stdout.split()
        assert running == [f"{unit_of(epochs.pop())}.service"], (machine.name, running)
        epochs.add(machine.ctl("mesh", "status").json["epoch"])
        assert machine.ctl("doctor").code == 0, machine.ctl("doctor")
    return True


@pytest.mark.parametrize("who,what,step", KILLS)
def test_kill_9_at_a_step_of_the_move(moved, who, what, step):
    cluster = moved
    first, coordinator, third = cluster.all()
    former, following = (first, third) if holders(cluster) == [first.name] else (third, first)
    victim = {"coordinator": coordinator, "former": former, "next": following}[who]
    epoch = cluster.must("mesh", "status").json["epoch"]
    unit = what if what == "ployzd" else unit_of(epoch if who == "former" else epoch + 1)
    through = former if victim is coordinator else coordinator
    words = ("--machine", coordinator.name, "machine", "storage", "promote", "--replicas", "1",
             following.name)
    with Writer(cluster, through, f"{who}-{what}-{step}") as writer, Kill(victim, unit) as kill:
        process = cluster.start(*words)
        assert follow_until(process, STEPS[step]), process.communicate()
        kill.now()
        out, err = process.communicate(timeout=LIMIT_S)
        print(f"exit {process.returncode}: {err}{out}")
        assert process.returncode in (0, 1, 3), out
        answer = again(cluster, *words, limit_s=LIMIT_S)
        assert answer.outcome in ("committed", "unchanged"), answer
        assert holders(cluster) == [following.name]
        writer.go_on(2, LIMIT_S)
    writer.check()
    cluster.wait(lambda: one_server_each(cluster), "one server on each machine, all of one epoch")
    moves = [op for op in cluster.must("op", "ls").json["operations"]
             if op["kind"] == "storage_promote"]
    assert all(op["outcome"] in ("committed", "failed") for op in moves), moves

"""The store moves again and again while three machines write and serve, and whatever can be killed is
killed. Afterwards the writers' own logs are compared with the store: every acknowledged commit is there,
in order, once. `make test` runs a slice, `make soak` all of it; PLOYZ_SOAK_SEED repeats a sequence of
moves and kills (not their timing)."""
import collections
import contextlib
import os
import random
import threading
import time

from data import ALL
from lab import web
from store_moves import IMAGE, Writer, holders

SECONDS = int(os.environ.get("PLOYZ_SOAK_SECONDS", "300"))
MOVES = int(os.environ.get("PLOYZ_SOAK_MOVES", "0"))  # 0: as many as the seconds allow
SEED = int(os.environ.get("PLOYZ_SOAK_SEED", "0")) or random.randrange(1, 1 << 32)
UNITS = ["ployzd", "ployz-nats ployz-nats-b"]
LONGEST_FREEZE_S = 150  # two minutes without a decision end it; then it takes writes again


class Kills:
    """kill -9 of some daemons and NATS servers, at moments of their own. One that the move does
    not last until is neither done nor counted."""

    def __init__(self, cluster, rng):
        self.planned = []
        self.done = 0
        for _ in range(rng.choice([0, 0, 1, 1, 1, 2])):
            self.planned.append((rng.uniform(0, 6), rng.choice(cluster.all()), rng.choice(UNITS)))
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.kill, daemon=True)

    def kill(self):
        begun = time.monotonic()
        for moment, machine, unit in sorted(self.planned, key=lambda kill: kill[0]):
            if self.enough.wait(max(0, begun + moment - time.monotonic())):
                return
            machine.sh(f"systemctl kill -s KILL {unit}", check=False)
            self.done += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        self.thread.join(60)


def next_move(cluster, rng):
    """A coordinator and a place where the store is not."""
    held = holders(cluster)
    coordinator = rng.choice(cluster.all())
    if len(held) == 1 and rng.random() < 0.2:
        return coordinator, ("3", *(m.name for m in cluster.all()))
    others = [m.name for m in cluster.all() if held != [m.name]]
    return coordinator, ("1", rng.choice(others))


def unfinished(machine):
    listed = machine.ctl("op", "ls", *ALL)
    assert listed.code == 0, listed
    return [op["id"] for op in listed.json["operations"]
            if op["outcome"] in ("running", "interrupted") and op["kind"] == "storage_promote"]


def settle(cluster, rng):
    """Whoever died, one command ends what it had begun, and every machine follows the same store."""
    def settled():
        for operation in unfinished(cluster):
            rng.choice(cluster.all()).ctl("op", "resume", operation)
        return not unfinished(cluster)

    def agreed():
        told = [machine.ctl("mesh", "status") for machine in cluster.all()]
        assert all(answer.code == 0 for answer in told), told
        return len({answer.json["epoch"] for answer in told}) == 1

    cluster.wait(settled, "every move to be settled", LONGEST_FREEZE_S)
    cluster.wait(agreed, "every machine to follow the same store", LONGEST_FREEZE_S)


def test_no_acknowledged_write_is_lost(moving):
    cluster = moving
    print(f"PLOYZ_SOAK_SEED={SEED}")
    rng = random.Random(SEED)
    assert cluster.deploy(web("served", IMAGE, replicas=3)).code == 0
    writers = [Writer(cluster, machine, f"writes-{n}") for n, machine in enumerate(cluster.all())]
    ended, reasons = collections.Counter(), collections.Counter()
    killed = 0
    begun = time.monotonic()
    with (cluster.load("served.example.com", connections=2, rate=100, through=cluster.all()) as load,
          contextlib.ExitStack() as writing):
        for writer in writers:
            writing.enter_context(writer)
        while (sum(ended.values()) < MOVES) if MOVES else (time.monotonic() - begun < SECONDS):
            coordinator, place = next_move(cluster, rng)
            with Kills(cluster, rng) as kills:
                moved = coordinator.ctl("machine", "storage", "promote", "--replicas", *place)
            killed += kills.done
            settle(cluster, rng)
            ended[moved.outcome if moved.code == 0 else moved.error["code"]] += 1
            if moved.code != 0:
                reasons[moved.error["message"]] += 1
            for writer in writers:
                writer.go_on(1, LONGEST_FREEZE_S)
    took = time.monotonic() - begun
    acknowledged = sum(len(writer.acknowledged) for writer in writers)
    print(f"{sum(ended.values())} moves {dict(ended)}, {killed} kills, {acknowledged} acknowledged "
          f"commits, {load.report['requests']} requests in {took:.0f} s")
    for reason, count in reasons.most_common():
        print(f"{count} times: {reason}")
    for writer in writers:
        writer.check()
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    assert ended["committed"] > 0, ended

"""Machines come and go while others are cut off: what cannot be done is refused and leaves nothing, the
same command does it afterwards, and then everybody knows everybody, each with a subnet of its own."""
import pytest

from data import again
from lab import PREFIX, BareHost

LIMIT_S = 90


@pytest.fixture
def two(cluster):
    hosts = [BareHost(cluster, f"{PREFIX}-side{n}").up() for n in (1, 2)]
    yield hosts
    for host in hosts:
        host.leave()
        host.down()


def members(cluster):
    return {m["machine"]["name"]: m["machine"]
            for m in cluster.must("machine", "ls").json["machines"]}


def everybody_knows(cluster, machines, gone=frozenset()):
    """Each machine has a tunnel to every other one, and to nobody else but who has to be told that it
    was removed, by the keys that it had."""
    keys = {name: m["wireguard_public_key"] for name, m in members(cluster).items()}
    assert sorted(keys) == sorted(m.name for m in machines), keys
    for machine in machines:
        peers = set(machine.sh("wg show ployz-wg peers").stdout.split())
        expected = {key for name, key in keys.items() if name != machine.name}
        assert peers - gone == expected, machine.name
    listed = cluster.must("machine", "ls").json["machines"]
    assert all(m["reachable"] for m in listed), listed
    return True


def running(cluster):
    return [op for op in cluster.must("op", "ls").json["operations"]
            if op["outcome"] in ("running", "interrupted")]


def test_machines_are_added_from_both_sides(cluster, two):
    first, second, third = cluster.all()
    sides = [(), ("--machine", second.name)]  # with the store, and without
    before = [host.as_found() for host in two]
    first.cut(second, third)
    try:
        adding = [cluster.start(*side, *host.add_words()) for side, host in zip(sides, two)]
        ended = [(process.communicate(timeout=LIMIT_S), process.returncode) for process in adding]
        print(ended)
        for (out, _), code in ended:
            assert code in (1, 3) and '"stays"' not in out, out
        assert second.name in ended[0][0][0] and "store" in ended[1][0][0], ended
        assert [host.as_found() for host in two] == before
        assert sorted(members(cluster)) == sorted(m.name for m in cluster.all())
        assert running(cluster) == []
    finally:
        first.heal()
    for machine in (second, third):
        cluster.wait(machine.reaches_the_store, f"{machine.name} to reach the store again")
    cluster.wait(lambda: everybody_knows(cluster, cluster.all()), "everybody to answer")
    adding = [cluster.start(*side, *host.add_words()) for side, host in zip(sides, two)]
    for process in adding:
        process.communicate(timeout=LIMIT_S)
    for side, host in zip(sides, two):
        again(cluster, *side, *host.add_words(), limit_s=LIMIT_S)
    cluster.wait(lambda: everybody_knows(cluster, [*cluster.all(), *two]), "everybody to know all")
    subnets = [m["subnet"] for m in members(cluster).values()]
    assert len(set(subnets)) == len(subnets) == 5, subnets
    assert running(cluster) == []


def test_a_machine_is_removed_while_another_or_itself_is_cut_off(cluster, host):
    first, second, third = cluster.all()
    stay = [first, second, third]
    assert host.add().code == 0
    # Another one is away: it learns of it when it is back.
    third.cut(first, second, host)
    try:
        done = cluster.ctl("machine", "rm", host.name, "--yes")
        print(done)
        assert done.code in (0, 1, 3), done
        if done.code == 0:
            assert done.json["unconfirmed"] == [third.name], done
        else:
            assert third.name in str(done), done
    finally:
        third.heal()
    cluster.wait(third.reaches_the_store, "it to reach the store again")
    again(cluster, "machine", "rm", host.name, "--yes", limit_s=LIMIT_S)
    cluster.wait(lambda: everybody_knows(cluster, stay), "everybody to drop it", limit_s=LIMIT_S)
    host.wait(lambda: "machine.json" not in host.sh("ls /var/lib/ployz").stdout, "it to leave",
              limit_s=LIMIT_S)
    # The same host comes in anew, and is cut off itself.
    again(cluster, *host.add_words(), limit_s=LIMIT_S)
    cluster.wait(lambda: everybody_knows(cluster, [*stay, host]), "everybody to know it")
    host.cut(*stay)
    try:
        cluster.wait(lambda: not next(m["reachable"] for m in cluster.must("machine", "ls").json[
            "machines"] if m["machine"]["name"] == host.name), "it to be silent")
        refused = cluster.ctl("machine", "rm", host.name, "--yes")
        assert refused.code == 3 and "--force" in refused.error["hint"], refused
        record = members(cluster)[host.name]
        assert record["state"] == "active"
        gone = {record["wireguard_public_key"]}
        done = cluster.ctl("machine", "rm", host.name, "--force", "--yes")
        assert (done.code, done.outcome) == (0, "removed"), done
    finally:
        host.heal()
    # It is back, no member any more, and is told so.
    assert everybody_knows(cluster, stay, gone)
    host.wait(lambda: "was removed" in host.sh("ployzctl mesh status 2>&1", check=False).stdout,
              "it to know", limit_s=LIMIT_S)
    assert cluster.ctl("machine", "rm", host.name).outcome == "unchanged"
    host.leave()
    again(cluster, *host.add_words(), limit_s=LIMIT_S)
    cluster.wait(lambda: everybody_knows(cluster, [*stay, host], gone), "everybody to know it anew")
    assert running(cluster) == []
    done = cluster.ctl("machine", "rm", host.name, "--yes")
    assert (done.code, done.outcome) == (0, "removed"), done

"""The control plane's store moves between machines, and nothing that was acknowledged is lost."""
import json
import time

from lab import COMMAND_LIMIT_S, web
from store_moves import IMAGE, Writer, holders, names, promote


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
    # And knows all of itself, should it start anew.
    for machine in cluster.all():
        machine.kill("ployzd")
    for machine in cluster.all():
        cluster.wait(lambda: machine.ctl("doctor").code == 0, f"{machine.name} to be well")


# Of the servers of a store of several machines, to each other; the two sets of servers alternate.
ROUTES = "tcp dport 6222-6223 drop; tcp sport 6222-6223 drop"
APART = f"""
table inet ployz_test {{
  chain routes_in {{ type filter hook input priority -300; {ROUTES}; }}
  chain routes_out {{ type filter hook output priority -300; {ROUTES}; }}
}}"""


def test_servers_that_are_not_one_store_are_started_again(moving):
    """As one that nobody hears although it hears the others, which happens to one store in forty."""
    cluster = moving
    first, second, third = cluster.all()
    third.sh(f"nft -f - <<'END'{APART}\nEND")
    try:
        moving_to_three = cluster.start("machine", "storage", "promote", "--replicas", "3",
                                        second.name, third.name)
        told = []
        for line in moving_to_three.stderr:
            told.append(line)
            if "not one store" in line:
                break
    finally:
        third.sh("nft delete table inet ployz_test")
    out, err = moving_to_three.communicate(timeout=COMMAND_LIMIT_S)
    assert moving_to_three.returncode == 0, (told, out, err)
    assert json.loads(out)["outcome"] == "committed", out
    assert "not one store" in told[-1], told
    assert holders(cluster) == names(first, second, third)


READS = (("machine", "ls"), ("namespace", "ls"), ("ps",), ("log", "served"), ("op", "ls"),
         ("namespace", "inspect", "served"), ("volume", "ls"), ("machine", "invite", "list"))


def read_of_the_copy(machine, limit_ms):
    """Every reading is answered, and says how old it is."""
    answers = {}
    for words in READS:
        begun = time.monotonic()
        answer = machine.ctl(*words)
        print(f"{' '.join(words)}: {time.monotonic() - begun:.1f} s, {(answer.json or {}).get('as_of')}")
        assert answer.code == 0, answer
        assert 0 <= answer.json["as_of"]["age_ms"] < limit_ms, answer
        assert answer.json["as_of"]["commit"] > 0, answer
        answers[words[:2]] = answer.json
    return answers


def test_with_the_store_away_its_copies_are_read(cluster):
    """By the machines that keep one; nothing is written, and everything is the store's again after."""
    first, second, _ = cluster.all()
    assert cluster.deploy(web("served", IMAGE, replicas=3)).code == 0
    before = {words[:2]: cluster.must(*words).json for words in READS}
    newest = before[("namespace", "inspect")]["sequence"]
    epoch = cluster.must("mesh", "status").json["epoch"]
    # What it notes of itself. It may be coming back from where the store was away before.
    noted = f"cat /var/lib/ployz/agent/copy-{epoch}.json"
    cluster.wait(lambda: json.loads(second.sh(noted).stdout)["copied"]["commits"] >= newest,
                 "the copy to follow", 90)
    first.sh("systemctl stop ployz-nats")
    try:
        answers = read_of_the_copy(second, 60_000)
        for words in (("log", "served"), ("namespace", "ls"), ("namespace", "inspect")):
            del answers[words]["as_of"]
            assert answers[words] == before[words], words
        assert {i["id"] for i in answers[("ps",)]["instances"]} == {
            i["id"] for i in before[("ps",)]["instances"]}
        typed = cluster.typed("--machine", second.name, "log", "served")
        assert typed.returncode == 0 and typed.stderr.startswith(
            "the store does not answer; this is the copy of "), typed
        status = second.ctl("status")
        assert (status.code, status.json["namespaces"]) == (1, 1), status
        assert "age_ms" in status.json["as_of"]
        refused = second.ctl("deploy", "-f", "-", stdin=web("refused", IMAGE, replicas=0))
        assert refused.code != 0 and first.name in refused.error["message"], refused
        assert first.ctl("namespace", "ls").code != 0, "it has no copy beside its store"
    finally:
        first.sh("systemctl start ployz-nats")
    cluster.wait(lambda: cluster.ctl("doctor").code == 0 and second.ctl("doctor").code == 0,
                 "the store to be well again")
    assert all("as_of" not in second.ctl(*words).json for words in READS)


def test_without_a_majority_nothing_is_written_and_everything_is_served(moving):
    cluster = moving
    first, *others = cluster.all()
    assert cluster.deploy(web("served", IMAGE, replicas=3)).code == 0
    promote(cluster, 3, *others)
    stores = [machine.sh("systemctl list-units --plain --no-legend --state=active 'ployz-nats*' "
                         "| cut -d' ' -f1").stdout.split() for machine in others]
    with cluster.load("served.example.com", connections=4, rate=200,
                      through=cluster.all()) as load:
        for machine, units in zip(others, stores):
            machine.sh("systemctl kill -s STOP ployzd " + " ".join(units))
        try:
            for number in range(3):  # at once, and when the store has noticed itself
                begun = time.monotonic()
                refused = cluster.deploy(web("refused", IMAGE, replicas=0, env={"N": str(number)}))
                print(f"refused after {time.monotonic() - begun:.1f} s: {refused.error['message']}")
                assert refused.code != 0, refused
                assert all(machine.name in refused.error["message"] for machine in others), refused
        finally:
            for machine, units in zip(others, stores):
                machine.sh("systemctl kill -s CONT ployzd " + " ".join(units))
        cluster.wait(lambda: cluster.deploy(web("goes-on", IMAGE, replicas=0)).code == 0,
                     "the store to take writes again")
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report


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

"""A PostgreSQL under payments on three machines: branched, changed, promoted, regretted, rolled back,
moved. Every payment it acknowledged is accounted for, each time."""
import json

import pytest

from data import FAR, committed, database, five_branches_of_branches, shared_bank, stored

# The database that the tests share; each leaves it whole, with the ledger going on.
KEPT = ("bank",)


@pytest.fixture(scope="module")
def module_bank(databases):
    yield from shared_bank(databases, database("bank"))


@pytest.fixture
def bank(module_bank):
    """The cluster, with the ledger of namespace bank as `.ledger`, whose client runs on machine 1."""
    lab, ledger = module_bank
    lab.ledger = ledger.afresh()
    return lab


def others(lab, *used):
    return [m for m in lab.all() if m.name not in {u.name for u in used}]


def test_a_branch_of_a_live_database(bank):
    ledger, before = bank.ledger, bank.ledger.more()
    done = committed(bank.branch("bank", "pr", "--volume", "pgdata=branch"))
    assert "write_downtime_ms" not in done.json["measured"], done.json["measured"]
    horizon = ledger.prefix("pr")
    assert before <= horizon
    bank.amcheck("pr")
    # The source noticed nothing; nor does either notice the other from now on.
    ledger.more()
    bank.pg("pr", "delete from ledger where id % 2 = 0")
    ledger.check()
    assert bank.where("pr").name == bank.where("bank").name
    assert bank.strays() == []


def test_five_branches_of_branches(bank):
    five_branches_of_branches(bank)
    assert bank.strays() == []


def test_an_upgrade_is_rehearsed_promoted_regretted_and_rolled_back(bank):
    """By the four manifests that say so."""
    ledger = bank.ledger
    committed(bank.branch("bank", "rehearsal", "--volume-mode", "branch"))
    committed(bank.deploy(database("rehearsal", image="ployz-samples/postgres:2")))
    assert bank.pg("rehearsal", "select max(number) from release") == "2"
    assert bank.pg("bank", "select max(number) from release") == "1"
    bank.amcheck("rehearsal")
    bank.ledger.far_away("rehearsal")
    preview = bank.must("promote", "preview", "rehearsal", "bank", "--volume", "pgdata=take").json
    assert preview["kind"] == "promote" and preview["changes"], preview
    promote = bank.human("promote", "render-manifest", "rehearsal", "bank", "--volume",
                         "pgdata=take").stdout
    assert "[promote]" in promote and "take" in promote, promote
    ledger.more()
    committed(bank.deploy(promote))
    assert bank.pg("bank", "select max(number) from release") == "2"
    ledger.more()
    assert ledger.last() > FAR, "payments go on in the promoted data"
    assert bank.deploy(promote).outcome == "unchanged"
    # Back to the old program, with the new data: its candidate refuses that, and is undone.
    kept = bank.rollback("bank", "--state", "keep")
    assert (kept.code, kept.outcome) == (1, "failed"), kept
    assert bank.pg("bank", "select max(number) from release") == "2"
    back = bank.human("rollback", "render-manifest", "bank").stdout
    committed(bank.deploy(back))
    assert bank.pg("bank", "select max(number) from release") == "1"
    ledger.went_back()
    bank.amcheck("bank")
    # And the rollback is regretted: what it replaced was kept.
    committed(bank.rollback("bank"))
    assert bank.pg("bank", f"select count(*) > 1 from ledger where id >= {FAR}") == "t"
    committed(bank.rollback("bank"))
    ledger.start().more()
    ledger.check()
    assert bank.strays() == []


def test_promote_keeps_data_unless_told(bank):
    ledger = bank.ledger
    committed(bank.branch("bank", "pr", "--volume-mode", "branch"))
    committed(bank.deploy(database("pr", env={"TUNED": "yes"})))
    bank.ledger.far_away("pr")
    committed(bank.promote("pr", "bank"))
    assert bank.inside("bank", "printenv", "TUNED") == "yes"
    ledger.more()
    assert ledger.check() < FAR
    # A moment of the past, on purpose: what was paid after it is gone, by --state commit alone.
    committed(bank.ctl("volume", "snapshot", "bank"))
    mark = bank.commits("bank")[0]["id"]
    later = ledger.more()
    ledger.stop()
    committed(bank.rollback("bank", "--to", mark, "--state", "commit"))
    horizon = ledger.horizon()
    assert horizon < later
    ledger.forget_after(horizon)
    ledger.check()
    ledger.start().more()
    assert bank.strays() == []


def test_fork_volume_of_a_live_database(bank):
    committed(bank.ctl("fork-volume", "bank/pgdata", "audit/pgdata"))
    committed(bank.deploy(database("audit")))
    bank.ledger.prefix("audit")
    bank.amcheck("audit")


def test_a_candidate_that_breaks_the_database_is_undone(bank):
    """It opens the files, writes to them, and is never ready."""
    broken = database("bank", command=["-c", "port=5433"]).replace('"60s"', '"3s"')
    failed = bank.deploy(broken)
    assert (failed.code, failed.outcome) == (1, "failed"), failed
    bank.ledger.more()
    bank.ledger.check()
    assert bank.strays() == []


def test_migrate_under_payments_and_back(bank):
    ledger, first = bank.ledger, bank.where("bank")
    target = others(bank, first, bank.machine(1))[0]
    preview = bank.must("migrate", "preview", "bank/db", "--to", target.name).json
    assert preview["kind"] == "migrate" and bank.where("bank").name == first.name
    ledger.more()
    there = committed(bank.migrate("bank/db", target.name)).json["measured"]
    assert bank.where("bank").name == target.name
    ledger.more()
    ledger.check()
    print(f"there: {there}")
    back = committed(bank.migrate("bank/db", first.name)).json["measured"]
    print(f"back: {back}")
    ledger.more()
    ledger.check()
    bank.amcheck("bank")
    for measured in (there, back):
        assert measured["write_downtime_ms"] > 0 and measured["rounds"] >= 2, measured
    assert there["bytes_sent"] > 8 << 20
    assert back["bytes_sent"] < there["bytes_sent"] / 2, "both have the rest already"
    assert bank.migrate("bank/db", first.name).outcome == "unchanged"
    pinned = bank.human("migrate", "render-manifest", "bank/db", "--to", target.name).stdout
    assert f'machines = ["{target.name}"]' in pinned, pinned
    assert bank.strays() == []


def test_rollback_across_a_migration(bank):
    ledger, first = bank.ledger, bank.where("bank")
    target = others(bank, first, bank.machine(1))[0]
    ledger.more()
    committed(bank.migrate("bank/db", target.name))
    moved_at = ledger.stop().check()
    bank.ledger.far_away("bank")
    committed(bank.rollback("bank"))
    assert bank.where("bank").name == first.name
    # The machine it came from has it up to the moment when the writers were stopped.
    horizon = ledger.horizon()
    assert 0 < horizon <= moved_at
    assert ledger.check(until=horizon) == horizon
    ledger.forget_after(horizon)
    committed(bank.rollback("bank"))
    assert bank.where("bank").name == target.name
    assert bank.pg("bank", f"select count(*) from ledger where id >= {FAR}") == "1"
    bank.pg("bank", f"delete from ledger where id >= {FAR} or id > {horizon}")
    ledger.start().more()
    ledger.check()
    assert bank.strays() == []


def test_volumes_on_two_machines_are_branched_while_both_stand_still(bank):
    one, two = bank.all()[:2]
    both = stored("pair", volumes=("a",), machine=one.name, name="one")
    other = stored("pair", volumes=("b",), machine=two.name, name="two")
    manifest = both + other.replace('namespace = "pair"', "").replace("pair.example", "two.example")
    committed(bank.deploy(manifest))
    done = committed(bank.branch("pair", "pr", "--volume-mode", "branch"))
    assert 0 < done.json["measured"]["paused_ms"] < 5000, done.json["measured"]
    homes = {i["service"]: i["machine_name"] for i in bank.instances("pr")}
    assert homes == {"one": one.name, "two": two.name}
    assert json.loads(one.get("two.example.com")[1])["namespace"] == "pair"
    assert bank.strays() == []

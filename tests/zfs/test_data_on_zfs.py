"""The promises about data on real ZFS: a PostgreSQL under payments is branched, promoted, rolled back
and moved, over a line that is slow, with clocks that jump and power that fails."""
import pytest

from data import (FAR, again, committed, database, five_branches_of_branches,
                  follow_until)

WORDS = ("migrate", "apply", "bank/db", "--to")


def ends(bank):
    """(source, destination) of the next move."""
    first, second = bank.all()
    return (first, second) if bank.where("bank").name == first.name else (second, first)


def settled(bank):
    """The invariants, whatever has happened."""
    bank.wait(lambda: bank.ctl("mesh", "ready").code == 0, "the daemon to be ready again")
    bank.ledger.more(5, limit_s=300)
    bank.ledger.check()
    bank.wait(lambda: bank.strays() == [], "nothing without an owner")


def test_volumes_are_datasets_of_the_pool(bank):
    machine, dataset = bank.home_of("bank/pgdata")
    assert machine.sh(f"zfs get -H -o value refquota tank/ployz/{dataset}").stdout.strip() == "1G"
    instance = bank.instances("bank")[0]["id"]
    mounted = machine.sh(f"docker inspect $(docker ps -q --filter label=ployz.instance={instance})").stdout
    assert f"/{dataset}" in mounted


def test_a_branch_of_a_live_database(bank):
    before = bank.ledger.more(5, limit_s=300)
    committed(bank.branch("bank", "pr", "--volume-mode", "branch"))
    assert before <= bank.ledger.prefix("pr")
    bank.amcheck("pr")
    bank.pg("pr", "delete from ledger where id % 2 = 0")
    bank.ledger.more(5, limit_s=300)
    bank.ledger.check()
    bank.remove("pr")
    settled(bank)


def test_five_branches_of_branches_and_one_in_the_middle_goes(bank):
    five_branches_of_branches(bank)
    for gone in ("pr5", "pr4", "pr3"):
        bank.remove(gone)
    settled(bank)


def test_fork_volume_of_a_live_database(bank):
    committed(bank.ctl("fork-volume", "bank/pgdata", "audit/pgdata"))
    committed(bank.deploy(database("audit").replace('"60s"', '"300s"')))
    bank.ledger.prefix("audit")
    bank.amcheck("audit")
    bank.remove("audit")
    settled(bank)


def test_promoted_with_its_data_regretted_and_rolled_back(bank):
    committed(bank.branch("bank", "pr", "--volume-mode", "branch"))
    bank.ledger.far_away("pr")
    committed(bank.promote("pr", "bank", "--volume", "pgdata=take"))
    bank.ledger.more(5, limit_s=300)
    assert bank.ledger.last() > FAR, "payments go on in the promoted data"
    committed(bank.rollback("bank", "--state", "last"))
    bank.ledger.went_back()
    bank.remove("pr")
    bank.ledger.start()
    settled(bank)


def test_moved_and_back_over_a_slow_and_lossy_line(bank):
    source, target = ends(bank)
    bank.ledger.more(5, limit_s=300)
    there = committed(bank.migrate("bank/db", target.name)).json["measured"]
    print(f"there: {there}")
    assert bank.where("bank").name == target.name
    settled(bank)
    try:
        for machine in bank.all():
            machine.netem("delay", "250ms", "50ms", "loss", "2%")
        back = committed(again(bank, *WORDS, source.name)).json["measured"]
    finally:
        for machine in bank.all():
            machine.netem("off")
    print(f"back: {back}")
    assert back["bytes_sent"] < there["bytes_sent"] / 2, "both have the rest already"
    assert bank.where("bank").name == source.name
    settled(bank)


@pytest.mark.parametrize("victim", ["source", "destination"])
def test_kill_9_in_the_middle_of_a_move(bank, victim):
    source, target = ends(bank)
    process = bank.start(*WORDS, target.name)
    assert follow_until(process, "receive volume pgdata"), process.communicate()
    (source if victim == "source" else target).kill("ployzd")
    out, err = process.communicate(timeout=600)
    # The first machine coordinates: killed, it answers nobody.
    assert process.returncode in (0, 1), out + err
    again(bank, *WORDS, target.name)
    assert bank.where("bank").name == target.name
    settled(bank)


@pytest.mark.parametrize("hours", [3, -3])
def test_a_clock_that_jumps_in_the_middle_of_a_move(bank, hours):
    """The one of the machine that coordinates and keeps the leases."""
    _, target = ends(bank)
    first = bank.machine(1)
    process = bank.start(*WORDS, target.name)
    assert follow_until(process, "receive volume pgdata"), process.communicate()
    first.sh(f"date -s @$(($(date +%s) + {hours * 3600}))")
    try:
        out, err = process.communicate(timeout=600)
        assert process.returncode in (0, 1), out + err
        again(bank, *WORDS, target.name)
        assert bank.where("bank").name == target.name
    finally:
        first.sh(f"date -s @$(($(date +%s) - {hours * 3600}))")
    # The client is on that machine, and libpq's connect_timeout is of the wall clock: one that was
    # connecting when the clock went back three hours waits for three hours.
    bank.ledger.stop().start()
    settled(bank)


def test_the_power_of_the_destination_fails_in_the_middle_of_a_move(bank):
    """The client of the ledger and the store are on the first machine, so it moves to the second."""
    source, target = ends(bank)
    if target.number == 1:
        committed(bank.migrate("bank/db", target.name))
        source, target = ends(bank)
    process = bank.start(*WORDS, target.name)
    assert follow_until(process, "receive volume pgdata"), process.communicate()
    target.reset()
    out, err = process.communicate(timeout=600)
    assert process.returncode in (1, 4), out + err
    bank.ledger.more(5, limit_s=300)  # the source did not care
    again(bank, *WORDS, target.name)
    assert bank.where("bank").name == target.name
    settled(bank)

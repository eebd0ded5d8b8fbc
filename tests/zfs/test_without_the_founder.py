"""The founder leaves with the control plane's store and a database on ZFS, and comes back as any other.
The last of these modules: afterwards the machines are as the others found them."""
from data import committed, database


def names(bank):
    return sorted(m["machine"]["name"] for m in bank.must("machine", "ls").json["machines"])


def holders(bank):
    listed = bank.must("machine", "ls").json["machines"]
    return [m["machine"]["name"] for m in listed if m["machine"]["stores"]]


def client_on(bank, machine):
    """The ledger's client goes elsewhere, with all that it knows."""
    bank.ledger.stop()
    bank.ledger.machine = machine
    bank.ledger.start()
    bank.ledger.more(5, limit_s=300)


def test_the_founder_leaves_and_comes_back(bank):
    first, second = bank.all()
    if bank.where("bank").name != first.name:
        committed(bank.migrate("bank/db", first.name))
    assert holders(bank) == [first.name]
    # Without a pin: where it is pinned to, it stays, and its machine could not leave.
    committed(bank.deploy(database("bank").replace('"60s"', '"300s"')))
    assert bank.where("bank").name == first.name
    client_on(bank, second)
    before = bank.newest("bank")
    bank.machines = (second,)
    left = bank.ctl("machine", "rm", first.name, "--yes")
    assert (left.code, left.outcome) == (0, "removed"), left
    assert names(bank) == holders(bank) == [second.name]
    assert bank.where("bank").name == second.name
    bank.ledger.more(5, limit_s=300)
    bank.ledger.check()
    bank.amcheck("bank")
    assert before["id"] in [commit["id"] for commit in bank.commits("bank")]
    # It cleans itself after it has said that it leaves.
    first.wait("! ip link show ployz-wg && ! ployzctl mesh ready", "the founder to have left")
    assert first.datasets_on_disk() == []
    # And in anew.
    second.ctl(f"machine add --network lab root@{first.address}")
    bank.machines = (first, second)
    committed(bank.ctl("machine", "storage", "promote", "--replicas", "1", first.name))
    assert holders(bank) == [first.name]
    client_on(bank, first)
    bank.ledger.check()

"""The demo's second half: a database under payments, its data branched, changed, promoted, regretted,
rolled back and moved."""
from data import FAR, Ledger
from telling import chapter, check, show, true

BANK = "bank"
BRANCH = "pr-17"


def rows(lab, namespace):
    return int(lab.pg(namespace, "select count(*) from ledger"))


def releases(lab, namespace):
    return lab.pg(namespace, "select max(number) from release")


def journey(lab, manifest):
    """`manifest`: that of the database, as text."""
    for namespace in (BRANCH, BANK):
        if namespace in [n["namespace"] for n in lab.must("namespace", "ls").json["namespaces"]]:
            lab.remove(namespace)
    ledger = database(lab, manifest)
    try:
        branch(lab, ledger)
        change(lab, ledger, manifest)
        promote(lab, ledger)
        regret(lab, ledger)
        move(lab, ledger)
    finally:
        ledger.stop()


def database(lab, manifest):
    chapter("PostgreSQL on a volume, and a client that pays without end")
    for release in (1, 2):
        show(lab, "image", "push", f"ployz-samples/postgres:{release}", "--to", "all")
    show(lab, "deploy", "-f", "-", stdin=manifest)
    ledger = Ledger(lab, BANK, lab.machine(1)).start()
    ledger.more(300)
    check(ledger.check() >= 300, f"{ledger.last()} payments acknowledged, each a link of one chain")
    show(lab, "volume", "ls")
    return ledger


def branch(lab, ledger):
    chapter("A branch of the running database: copy-on-write, whatever its size")
    before = ledger.more()
    show(lab, "branch", "apply", BANK, BRANCH, "--volume-mode", "branch", "--consistency", "pause")
    horizon = ledger.prefix(BRANCH)
    check(horizon >= before, f"the branch has the first {horizon} payments, every one of them")
    ledger.more()
    true("the bank goes on")


def change(lab, ledger, manifest):
    chapter("In the branch: a new release of the database, which upgrades the data; and a mistake")
    show(lab, "deploy", "-f", "-",
         stdin=manifest.replace(f'"{BANK}"', f'"{BRANCH}"').replace("postgres:1", "postgres:2"))
    check((releases(lab, BANK), releases(lab, BRANCH)) == ("1", "2"),
          "the data of the branch is of release 2, that of the bank of release 1")
    lab.pg(BRANCH, "delete from ledger where id > 100")
    ledger.far_away(BRANCH)
    check(rows(lab, BRANCH) == 101 and rows(lab, BANK) > 300,
          f"the branch has 101 payments, the bank {rows(lab, BANK)}")


def promote(lab, ledger):
    chapter("Promoted with its data, under payments")
    show(lab, "promote", "preview", BRANCH, BANK, "--volume", "pgdata=take")
    show(lab, "promote", "apply", BRANCH, BANK, "--volume", "pgdata=take")
    ledger.more()
    check(releases(lab, BANK) == "2" and ledger.last() > FAR,
          f"the bank is what the branch was: {rows(lab, BANK)} payments, and new ones are made")


def regret(lab, ledger):
    chapter("That was a mistake: back, to the very payment")
    show(lab, "rollback", "apply", BANK)
    horizon = ledger.went_back()
    check(releases(lab, BANK) == "1", f"release 1 again, with {horizon} payments: all that were "
          "acknowledged until the moment of the promote, and none that came after")
    show(lab, "volume", "ls", BANK, "--unreferenced")
    true("what was replaced is kept, until `volume prune`")
    ledger.start().more()


def move(lab, ledger):
    home = lab.where(BANK)
    target = next(m for m in lab.all() if m.name != home.name)
    chapter(f"The database moves from {home.name} to {target.name}, under payments")
    show(lab, "migrate", "apply", f"{BANK}/db", "--to", target.name)
    ledger.more()
    check(lab.where(BANK).name == target.name, f"it runs on {target.name}")
    check(ledger.check() > 0, f"{ledger.last()} payments acknowledged, none lost")
    show(lab, "migrate", "apply", f"{BANK}/db", "--to", home.name)
    ledger.more()
    check(ledger.check() > 0, "and back: only what differs was sent")
    show(lab, "log", BANK)

"""One machine, and one cluster of three, for the whole run; every test has namespaces of its own and
leaves none behind."""
import pytest

from lab import PREFIX, BareHost, Lab, run
from store_moves import holders, promote

DATABASES = ["ployz-samples/postgres:1", "ployz-samples/postgres:2"]
IMAGES = ["ployz-samples/web:1", "ployz-samples/web:2", "ployz-samples/web:3"]


def running(machines, images):
    """They are up and have the images, until a fixture that yields from this ends."""
    machines.down()  # what a run that was killed left
    machines.up()
    for image in images:
        machines.must("image", "push", image, "--to", "all")
    yield machines
    machines.down()


@pytest.fixture(scope="session")
def lab():
    yield from running(Lab(PREFIX), IMAGES)


@pytest.fixture(scope="session")
def cluster():
    """Three machines; the images go to one of them, which sends them to the others."""
    yield from running(Lab(f"{PREFIX}3", machines=3), IMAGES)


@pytest.fixture(scope="session")
def databases(cluster):
    """The same three machines, with PostgreSQL."""
    for image in DATABASES:
        cluster.must("image", "push", image, "--to", "all")
    return cluster


@pytest.fixture
def moving(cluster):
    """Whose store may move: afterwards it is as the other scenarios know it, on the first machine and
    of an odd epoch."""
    yield cluster
    store_as_known(cluster)


def store_as_known(cluster):
    first = cluster.machine(1)
    if holders(cluster) != [first.name]:
        promote(cluster, 1, first)
    if cluster.must("mesh", "status").json["epoch"] % 2 == 0:
        for machine in (cluster.machine(2), cluster.machine(3), first):
            promote(cluster, 1, machine)


@pytest.fixture
def host(cluster):
    bare = BareHost(cluster, f"{PREFIX}-bare").up()
    yield bare
    bare.leave()
    bare.down()


@pytest.fixture(autouse=True)
def clean(request):
    """After each test the store has whatever was acknowledged in it, and nothing else of it remains, which
    is itself an assertion on `namespace rm`."""
    # Tests of a cluster have machines of their own; the one of the others is not started for them.
    lab = request.getfixturevalue("cluster" if "cluster" in request.fixturenames else "lab")
    yield
    lab.acknowledged.check(lab)
    # What a module shares among its tests, it removes itself.
    kept = getattr(request.module, "KEPT", ())
    used = [n["namespace"] for n in lab.must("namespace", "ls").json["namespaces"]]
    used += [v["namespace"] for v in lab.volumes()]
    for namespace in set(used) - set(kept):
        lab.remove(namespace)
    assert kept or (lab.containers(), lab.volumes("--all")) == ([], [])
    unfinished = [op for op in lab.must("op", "ls").json["operations"]
                  if op["outcome"] in ("running", "interrupted", "committed_cleanup_pending")]
    assert unfinished == []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """On a failure the machines' own words are part of the report."""
    report = (yield).get_result()
    lab = item.funcargs.get("cluster") or item.funcargs.get("lab")
    for machine in lab.all() if report.failed and lab else []:
        log = run("docker", "exec", machine.container, "journalctl", "-u", "ployzd", "-u",
                  "ployz-router", "-u", "ployz-haproxy", "-n", "60", "--no-pager", check=False)
        report.sections.append((f"journal of {machine.name}", log.stdout + log.stderr))

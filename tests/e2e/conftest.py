"""One machine, and one cluster of three, for the whole run; every test has namespaces of its own and
leaves none behind."""
import pytest

from lab import PREFIX, BareHost, Lab, run

IMAGES = ["ployz-samples/web:1", "ployz-samples/web:2", "ployz-samples/web:3"]


@pytest.fixture(scope="session")
def lab():
    machine = Lab(PREFIX)
    machine.down()  # what a run that was killed left
    machine.up()
    for image in IMAGES:
        machine.must("image", "push", image, "--to", machine.name)
    yield machine
    machine.down()


@pytest.fixture(scope="session")
def cluster():
    """Three machines; the images go to one of them, which sends them to the others."""
    machines = Lab(f"{PREFIX}3", machines=3)
    machines.down()
    machines.up()
    for image in IMAGES:
        machines.must("image", "push", image, "--to", "all")
    yield machines
    machines.down()


@pytest.fixture
def host(cluster):
    bare = BareHost(cluster, f"{PREFIX}-bare").up()
    yield bare
    bare.leave()
    bare.down()


@pytest.fixture(autouse=True)
def clean(request):
    """After each test nothing of it remains, which is itself an assertion on `namespace rm`."""
    # Tests of a cluster have machines of their own; the one of the others is not started for them.
    lab = request.getfixturevalue("cluster" if "cluster" in request.fixturenames else "lab")
    yield
    for entry in lab.must("namespace", "ls").json["namespaces"]:
        lab.must("namespace", "rm", entry["namespace"], "--yes")
    assert lab.containers() == []
    unfinished = [op for op in lab.must("op", "ls").json["operations"]
                  if op["outcome"] in ("running", "interrupted", "committed_cleanup_pending")]
    assert unfinished == []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """On a failure the machine's own words are part of the report."""
    report = (yield).get_result()
    machine = item.funcargs.get("cluster") or item.funcargs.get("lab")
    if report.failed and machine:
        log = run("docker", "exec", machine.container, "journalctl", "-u", "ployzd", "-u",
                  "ployz-router", "-u", "ployz-haproxy", "-n", "60", "--no-pager", check=False)
        report.sections.append(("machine journal", log.stdout + log.stderr))

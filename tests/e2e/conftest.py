"""One machine for the whole run; every test has namespaces of its own and leaves none behind."""
import pytest

from lab import PREFIX, Lab, run

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

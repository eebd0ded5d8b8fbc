"""Traffic does not notice: updates, and the death of every Ployz process."""
import pytest

from lab import service, web

HOSTS = ("a.example.com", "b.example.com")


def pair(version):
    image = f"ployz-samples/web:{version}"
    return (web("pair", image=image, name="a", host=HOSTS[0], replicas=2) + "\n" +
            service("b", image, host=HOSTS[1], replicas=2))


def test_updates_under_load_fail_no_request_and_never_go_back_in_time(lab):
    """≥ 100,000 requests on kept-alive connections and ≥ 20,000 pairs over several updates."""
    total = pairs = 0
    while total < 100_000 or pairs < 20_000:
        assert lab.deploy(pair(1)).code == 0
        with lab.load(*HOSTS, connections=16) as load:
            assert lab.deploy(pair(2)).outcome == "committed"
        report = load.report
        assert report["failed"] == 0 and report["violations"] == 0, report
        assert {f"{HOSTS[0]} 1", f"{HOSTS[0]} 2"} <= set(report["versions"]), report
        total += report["requests"]
        pairs += report["pairs"]
    print(f"{total} requests, {pairs} pairs, 0 failed, 0 violations")


@pytest.mark.parametrize("unit", ["ployzd", "ployz-router", "ployz-nats"])
def test_kill_9_of_a_process_is_not_noticed_and_the_next_command_works(lab, unit):
    assert lab.deploy(pair(1)).code == 0
    with lab.load(*HOSTS, connections=8, rate=2000) as load:
        lab.kill(unit)
        lab.wait(lambda: lab.ctl("mesh", "ready").code == 0, "the machine to be ready again")
        answer = lab.deploy(pair(2))
        assert answer.outcome == "committed", answer
    report = load.report
    assert report["failed"] == 0 and report["violations"] == 0, report
    assert f"{HOSTS[1]} 2" in report["versions"]


def test_a_gateway_that_restarts_serves_the_newest_commit_without_a_router(lab):
    assert lab.deploy(pair(2)).code == 0
    lab.sh("systemctl stop ployz-router")
    try:
        lab.kill("ployz-haproxy")
        lab.wait(lambda: lab.version(HOSTS[0]) == 2, "the gateway to serve again")
    finally:
        lab.sh("systemctl start ployz-router")
        lab.wait(lambda: lab.ctl("mesh", "ready").code == 0, "the machine to be ready again")

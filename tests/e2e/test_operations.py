"""Operations: two at once, Ctrl-C in every phase, a daemon that dies in every phase."""
import json
import signal

import pytest

from data import follow_until
from lab import web

PHASES = ["plan", "lock", "probe", "apply", "commit", "flip", "cleanup"]
# Slow enough to be caught in the act: a second of start-up before it is ready.
SLOW = dict(image="ployz-samples/web:2", env={"START_DELAY_MS": "1000"})


def settled(lab):
    """No operation is open, and what is served is what was committed."""
    version = lab.version("shop.example.com")
    newest = lab.must("log", "shop").json["commits"][0]
    image = lab.must("show", newest["id"]).json["commit"]["services"][0]["service"]["container"]["image"]
    assert image == f"ployz-samples/web:{version}"
    assert len(lab.containers()) == 1
    return version


def test_two_deploys_at_the_same_instant_one_commits_the_other_says_why(lab):
    assert lab.deploy(web("shop")).outcome == "committed"
    both = [lab.start("deploy", "-f", "-", stdin=web("shop", env={"N": str(n)}, **{
        "image": "ployz-samples/web:2"})) for n in (1, 2)]
    answers = [(p.communicate(timeout=60), p.returncode) for p in both]
    codes = sorted(code for _, code in answers)
    # Either they truly met (one refused) or one came after the other (both committed in turn).
    assert codes in ([0, 3], [0, 0]), answers
    for (out, _), code in answers:
        if code == 3:
            error = json.loads(out)["error"]
            assert error["code"] == "conflict" and "op" in error["hint"], error
    assert settled(lab) == 2


def test_deploys_of_different_namespaces_do_not_disturb_each_other(lab):
    processes = [lab.start("deploy", "-f", "-", stdin=web(f"ns{n}", replicas=2)) for n in range(4)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    for n in range(4):
        assert lab.version(f"ns{n}.example.com") == 1


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_in_every_phase_aborts_or_has_committed(lab, phase):
    assert lab.deploy(web("shop")).outcome == "committed"
    process = lab.start("deploy", "-f", "-", stdin=web("shop", **SLOW))
    follow_until(process, phase)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    if process.returncode == 4:
        # Past the point of no return: what is left is named, and one command finishes it.
        assert lab.must("op", "resume", json.loads(out)["id"]).outcome == "committed"
    lab.wait(lambda: not unfinished(lab), "the operation to end")
    assert settled(lab) == (2 if process.returncode in (0, 4) else 1), out
    assert process.returncode in (0, 1, 4), out


@pytest.mark.parametrize("phase", PHASES)
def test_kill_9_of_the_daemon_in_every_phase_is_settled_by_the_next_command(lab, phase):
    assert lab.deploy(web("shop")).outcome == "committed"
    process = lab.start("deploy", "-f", "-", stdin=web("shop", **SLOW))
    follow_until(process, phase)
    lab.kill("ployzd")
    process.communicate(timeout=60)
    lab.wait(lambda: lab.ctl("mesh", "ready").code == 0, "the daemon to be ready again")
    assert lab.version("shop.example.com") in (1, 2)
    lab.wait(lambda: lab.deploy(web("shop", image="ployz-samples/web:2", env={"AGAIN": "1"})).code
             == 0, "the next deploy (the dead one's lease runs out)", limit_s=60)
    assert settled(lab) == 2
    assert not unfinished(lab)


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_an_interrupted_operation_is_resumed_or_aborted(lab, verb):
    assert lab.deploy(web("shop")).outcome == "committed"
    process = lab.start("deploy", "-f", "-", stdin=web("shop", **SLOW))
    assert follow_until(process, "apply")
    lab.kill("ployzd")
    process.communicate(timeout=60)
    lab.wait(lambda: lab.ctl("mesh", "ready").code == 0, "the daemon to be ready again")
    open_operations = unfinished(lab)
    assert len(open_operations) == 1
    lab.wait(lambda: lab.ctl("op", verb, open_operations[0]["id"]).code in (0, 1),
             "its lease to run out", limit_s=60)
    assert settled(lab) == (2 if verb == "resume" else 1)


def test_a_frozen_store_refuses_writes_within_seconds_and_traffic_flows(lab):
    assert lab.deploy(web("shop")).outcome == "committed"
    lab.sh("systemctl kill -s STOP ployz-nats")
    try:
        with lab.load("shop.example.com", connections=4, rate=500) as load:
            answer = lab.deploy(web("shop", image="ployz-samples/web:2"))
            assert answer.code in (1, 3), answer
            assert answer.error["code"] in ("unavailable", "timeout"), answer
        assert load.report["failed"] == 0, load.report
    finally:
        lab.sh("systemctl kill -s CONT ployz-nats")
    lab.wait(lambda: lab.deploy(web("shop", image="ployz-samples/web:2")).code == 0,
             "the store to answer again")


def unfinished(lab):
    return [op for op in lab.must("op", "ls").json["operations"]
            if op["outcome"] in ("running", "interrupted", "committed_cleanup_pending")]

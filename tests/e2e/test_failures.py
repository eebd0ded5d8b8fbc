"""A deploy that fails leaves the previous commit serving, and nothing of its own."""
import pytest

from lab import service, web

FAILURES = {
    "its health check never passes": dict(image="ployz-samples/web:3", start_period="1s"),
    "it exits at once": dict(image="ployz-samples/web:2", env={"FAIL_START": "1"}),
    "it never gets ready in time": dict(image="ployz-samples/web:2", start_period="1s",
                                        env={"START_DELAY_MS": "60000"}),
    "it floods its log and is never ready": dict(image="ployz-samples/web:3", start_period="2s",
                                                 env={"FLOOD_LOG": "1"}),
}


@pytest.mark.parametrize("rollout", ["blue_green", "recreate"])
@pytest.mark.parametrize("why", FAILURES)
def test_a_candidate_that_fails_is_undone(lab, why, rollout):
    assert lab.deploy(web("shop", rollout=rollout)).outcome == "committed"
    before, log = lab.containers(), lab.must("log", "shop").json["commits"]
    answer = lab.deploy(web("shop", rollout=rollout, **FAILURES[why]))
    assert (answer.code, answer.outcome) == (1, "failed"), answer
    assert lab.version("shop.example.com") == 1
    assert lab.containers() == before
    assert lab.must("log", "shop").json["commits"] == log
    # The next one works without any cleaning up.
    assert lab.deploy(web("shop", rollout=rollout, image="ployz-samples/web:2")).outcome == "committed"
    assert lab.version("shop.example.com") == 2


def test_the_error_of_a_container_that_exits_names_code_and_log(lab):
    answer = lab.deploy(web("shop", env={"FAIL_START": "1"}))
    assert answer.code == 1
    text = answer.stdout
    assert "exit" in text and "web" in text, answer


def test_a_container_that_ignores_sigterm_is_killed_after_its_grace(lab):
    stubborn = web("shop", env={"IGNORE_SIGTERM": "1"}, extra='stop_grace_period = "1s"')
    assert lab.deploy(stubborn).outcome == "committed"
    assert lab.deploy(web("shop", image="ployz-samples/web:2")).outcome == "committed"
    assert len(lab.containers()) == 1


REFUSALS = {
    "an image that is nowhere": (
        web("other", image="ployz-samples/absent:9"), "image push"),
    "a host name another namespace serves": (
        web("other", host="shop.example.com"), "shop"),
    "a published port another namespace serves": (
        web("other", host="other.example.com", publish=9100), "9100"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_missing_precondition_is_refused_and_changes_nothing(lab, what):
    assert lab.deploy(web("shop", publish=9100)).outcome == "committed"
    before = lab.containers()
    manifest, said = REFUSALS[what]
    answer = lab.deploy(manifest)
    assert answer.code == 3, answer
    assert said in answer.error["message"] + answer.error["hint"], answer
    assert lab.containers() == before
    assert lab.version("shop.example.com") == 1


def test_a_host_port_somebody_else_listens_on_is_refused(lab):
    lab.sh("systemd-run --unit ployz-test-listener systemd-socket-activate -l 9200 --inetd cat")
    try:
        lab.wait(lambda: lab.sh("ss -Hltn 'sport = :9200'").stdout.strip(), "the listener")
        answer = lab.deploy(web("shop", publish=9200))
        assert answer.code == 3 and "9200" in answer.error["message"], answer
        assert lab.containers() == []
    finally:
        lab.sh("systemctl stop ployz-test-listener", check=False)


def test_an_image_that_vanishes_between_plan_and_apply_fails_cleanly(lab):
    """Deploys race with the removal of their image; whatever wins, nothing is half done."""
    lab.docker("tag", "ployz-samples/web:2", "ployz-samples/fleeting:1")
    config = lab.docker("inspect", "-f", "{{.Id}}", "ployz-samples/fleeting:1").stdout.strip()
    manifest = web("shop", image="ployz-samples/fleeting:1", replicas=3)
    process = lab.start("deploy", "-f", "-", stdin=manifest)
    lab.docker("rmi", "-f", "ployz-samples/fleeting:1", "ployz-samples/web:2", check=False)
    process.communicate(timeout=60)
    try:
        if process.returncode == 0:
            assert lab.version("shop.example.com") == 2
        else:
            assert process.returncode in (1, 3)
            assert lab.containers() == []
    finally:
        lab.must("image", "push", "ployz-samples/web:2", "--to", lab.name)
        assert config in lab.docker("images", "--no-trunc", "-q").stdout


def test_a_full_disk_fails_the_command_and_nothing_else(lab):
    assert lab.deploy(web("shop")).outcome == "committed"
    # The control-plane store's folder becomes a full file system of its own for a moment.
    lab.sh("systemctl stop ployz-nats && cp -a /var/lib/ployz/nats /run/nats-copy && "
           "mount -t tmpfs -o size=24m tmpfs /var/lib/ployz/nats && "
           "cp -a /run/nats-copy/. /var/lib/ployz/nats/ && chown --reference=/run/nats-copy "
           "/var/lib/ployz/nats && systemctl start ployz-nats && "
           "(dd if=/dev/zero of=/var/lib/ployz/nats/fill bs=64k status=none || true)")
    try:
        answer = lab.deploy(web("shop", image="ployz-samples/web:2"))
        assert answer.code in (1, 3), answer
        assert lab.version("shop.example.com") == 1
    finally:
        lab.sh("systemctl stop ployz-nats; umount /var/lib/ployz/nats; rm -rf /run/nats-copy; "
               "systemctl start ployz-nats")
        lab.wait(lambda: lab.ctl("mesh", "ready").code == 0, "the machine to be ready again")
    assert lab.deploy(web("shop", image="ployz-samples/web:2")).outcome == "committed"
    assert lab.version("shop.example.com") == 2

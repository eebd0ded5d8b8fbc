"""Bad input of any kind: one clear error, nothing is lost or half done."""
import pytest

from lab import PLOYZCTL, run, web

BAD_MANIFESTS = {
    "broken TOML": ('namespace = "shop\n', "1:"),
    "an unknown key": (web().replace("image =", "imge ="), "image"),
    "a wrong type": (web().replace("replicas = 1", 'replicas = "one"'), "replicas"),
    "a duplicate service": (web() + "\n" + web().split("\n", 1)[1], "web"),
    "two services on one port": (
        web(publish=9000) + "\n" + web(name="b", host="b.example.com", publish=9000).split("\n", 1)[1],
        "9000"),
    "an empty file": ("", "namespace"),
    "JSON with a trailing comma": ('{"namespace": "shop",}', "1:"),
    "ten megabytes": ("# " + "x" * 10_000_000, "1048576 bytes"),
    "binary": ("\x00\x01\x02", "1:"),
}


@pytest.mark.parametrize("what", BAD_MANIFESTS)
def test_a_bad_manifest_is_one_clear_error(lab, what):
    manifest, said = BAD_MANIFESTS[what]
    answer = lab.deploy(manifest)
    assert answer.code == 2, answer
    assert answer.error["code"] == "invalid"
    assert said in answer.error["message"] + answer.error["hint"], answer
    assert lab.containers() == []


@pytest.mark.parametrize("args", [["deplo"], ["deploy", "--fil", "x"], ["deploy", "-f", "/no/such"],
                                  ["op", "show"], ["--plain", "--json", "status"]])
def test_wrong_usage_exits_2_and_says_what_to_type(lab, args):
    done = run(PLOYZCTL, *args, check=False, env=lab.env)
    assert done.returncode == 2, done
    assert len(done.stderr.strip() + done.stdout.strip()) > 10


def test_an_absent_daemon_is_one_line_with_a_hint(lab):
    done = run(PLOYZCTL, "--socket", "/nonexistent/ployzd.sock", "status", check=False, env=lab.env)
    assert done.returncode in (1, 3)
    assert len(done.stderr.strip().splitlines()) == 1 and "/nonexistent/ployzd.sock" in done.stderr


def test_json_is_exactly_one_document_on_stdout(lab):
    for args in (["status"], ["namespace", "ls"], ["op", "ls"], ["ps"], ["machine", "ls"]):
        assert lab.must(*args).json is not None
    assert lab.ctl("op", "show", "nonsense").error["code"] in ("invalid", "not_found")


@pytest.mark.parametrize("bucket", ["machines", "operations", "leases"])
def test_garbage_in_a_bucket_hides_nothing_and_stops_nothing(lab, bucket):
    """Written with the daemon's own credentials, past every check of ours."""
    lab.deploy(web("shop"))
    put_raw(lab, f"$JS.ployz.API.$KV.{bucket}.zz-garbage", "{not json")
    try:
        assert lab.ctl("op", "ls").code == 0
        assert lab.ctl("machine", "ls").code == 0
        assert lab.deploy(web("shop", image="ployz-samples/web:2")).outcome == "committed"
    finally:
        put_raw(lab, f"$JS.ployz.API.$KV.{bucket}.zz-garbage", "")


def test_garbage_as_a_commit_is_refused_and_the_old_one_serves(lab):
    lab.deploy(web("shop"))
    put_raw(lab, "ployz.commit.junk", "\\x00garbage")
    assert lab.version("shop.example.com") == 1
    assert lab.deploy(web("shop", image="ployz-samples/web:2")).outcome == "committed"
    answer = lab.deploy(web("junk", host="junk.example.com"))
    assert answer.code == 1 and answer.error["code"] == "corrupt", answer
    # Nothing can be removed from the log: that later tests work beside it is part of the test.


def put_raw(lab, subject, payload):
    """Past every check of ours, with the daemon's own credentials."""
    lab.install_tool("ployz_nats_put")
    lab.sh(f"printf '{payload}' | ployz_nats_put /var/lib/ployz/machine.json "
           f"/var/lib/ployz/keys/daemon.nk '{subject}'")

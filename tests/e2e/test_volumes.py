"""Volumes on one machine: data outlives what uses it, limits hold, and going back is to the byte."""
import json
import time

import pytest

from data import committed, stored

ONE, TWO = "ployz-samples/web:1", "ployz-samples/web:2"
VANDAL = ("sh", "-c", "rm -rf /data/* && echo vandal > /data/new && exec sleep 600")


def write(lab, text, namespace="files", path="/data/note"):
    lab.inside(namespace, "sh", "-c", f"echo {text} > {path} && sync {path}")


def read(lab, namespace="files", path="/data/note"):
    return lab.inside(namespace, "cat", path)


def datasets(lab, *args):
    return {v["spec"]["id"] for v in lab.volumes(*args)}


def test_data_outlives_replacement_removal_and_return(lab):
    committed(lab.deploy(stored()))
    assert lab.inside("files", "stat", "-c", "%a %u:%g", "/data") == "750 1000:1001"
    write(lab, "one")
    committed(lab.deploy(stored(image=TWO)))
    assert read(lab) == "one" and lab.version("files.example.com") == 2
    # The service goes, the volume stays, and is there when the service is again.
    committed(lab.deploy('namespace = "files"'))
    assert lab.containers() == [] and lab.volume("files/data")["referenced"]
    committed(lab.deploy(stored(env={"AGAIN": "1"})))
    assert read(lab) == "one"
    assert lab.strays() == []


def test_a_namespace_leaves_its_data_unless_told_otherwise(lab):
    committed(lab.deploy(stored()))
    write(lab, "kept")
    lab.must("namespace", "rm", "files", "--yes")
    committed(lab.deploy(stored(image=TWO)))
    assert read(lab) == "kept"
    unasked = lab.ctl("namespace", "rm", "files", "--volumes")
    assert unasked.code == 2 and "--yes" in unasked.error["hint"], unasked
    lab.remove("files")
    assert lab.volumes("files", "--all") == []
    assert lab.sh("ls /var/lib/ployz/pool/datasets").stdout == ""
    committed(lab.deploy(stored()))
    assert lab.inside("files", "ls", "/data") == ""


def test_a_quota_stops_one_writer_and_no_other(lab):
    committed(lab.deploy(stored("small", quota="16M")))
    committed(lab.deploy(stored("other", quota="64M")))
    fill = ("dd", "if=/dev/zero", "of=/data/fill", "bs=1M", "count=32", "conv=fsync")
    said = lab.inside("small", *fill, check=False)
    assert "quota" in said.lower() or "space" in said.lower(), said
    lab.inside("other", *fill)
    assert lab.version("small.example.com") == 1
    # More room: the same data, the same instance.
    before = lab.containers()
    committed(lab.deploy(stored("small", quota="64M")))
    assert lab.containers() == before
    lab.inside("small", *fill)
    assert lab.volume("small/data")["spec"]["quota_bytes"] == 64 << 20


def test_a_promise_the_pool_cannot_keep_is_refused(lab):
    refused = lab.deploy(stored(quota="900T"))
    assert (refused.code, refused.error["code"]) == (3, "precondition"), refused
    assert "promise" in refused.error["message"] and lab.volumes("--all") == []


@pytest.mark.parametrize("image", [ONE, TWO])
def test_a_candidate_that_wrote_and_failed_never_did(lab, image):
    committed(lab.deploy(stored()))
    write(lab, "precious")
    lab.inside("files", "sh", "-c", "mkdir -p /data/deep && head -c 300000 /dev/urandom > "
               "/data/deep/blob && ln /data/deep/blob /data/link && chmod 640 /data/link && sync")
    before, all_before = lab.tree_hash("files/data"), datasets(lab, "--all")
    log = lab.commits("files")
    vandal = stored(image=image, entrypoint=VANDAL) + "\n".join(
        ["", "[service.readiness]", 'exec = ["false"]', 'start_period = "1s"'])
    failed = lab.deploy(vandal)
    assert (failed.code, failed.outcome) == (1, "failed"), failed
    assert lab.tree_hash("files/data") == before
    assert datasets(lab, "--all") == all_before and lab.commits("files") == log
    assert lab.version("files.example.com") == 1 and read(lab) == "precious"
    assert lab.strays() == []


def test_ls_inspect_snapshot_prune_and_rm(lab):
    committed(lab.deploy(stored()))
    write(lab, "first")
    marked = committed(lab.ctl("volume", "snapshot", "files"))
    assert lab.newest("files")["kind"] == "snapshot", marked
    mark = lab.commits("files")[0]["id"]
    write(lab, "second")
    committed(lab.deploy(stored(image=TWO)))
    report = lab.must("volume", "inspect", "files/data").json
    assert report["referenced"] and report["origin"]["dataset"], report
    # What was replaced is kept, and listed.
    old = lab.must("volume", "ls", "files", "--unreferenced").json["volumes"]
    assert [v["spec"]["id"] for v in old] == [report["origin"]["dataset"]]
    assert mark in [s["name"] for s in old[0]["snapshots"]]
    committed(lab.rollback("files", "--to", mark, "--state", "commit"))
    assert read(lab) == "first" and lab.version("files.example.com") == 1
    unasked = lab.ctl("volume", "prune", "files")
    assert unasked.code == 2 and "--yes" in unasked.error["hint"], unasked
    shown = lab.must("volume", "prune", "files", "--dry-run").json
    assert shown["changes"] and len(lab.volumes("--unreferenced")) == 2, shown
    committed(lab.ctl("volume", "prune", "files", "--keep", "1", "--yes"))
    committed(lab.ctl("volume", "prune", "files", "--yes"))
    assert lab.volumes("--unreferenced") == [] and read(lab) == "first"
    assert lab.ctl("volume", "prune", "files", "--yes").outcome == "unchanged"
    gone = lab.rollback("files", "--to", mark, "--state", "commit")
    assert gone.code == 3 and "prune" in gone.error["message"], gone
    mounted = lab.ctl("volume", "rm", "files/data", "--yes")
    assert (mounted.code, mounted.error["code"]) == (3, "precondition"), mounted
    committed(lab.deploy('namespace = "files"'))
    committed(lab.ctl("volume", "rm", "files/data", "--yes"))
    assert lab.volumes("--all") == [] and lab.strays() == []


def test_an_earlier_manifest_wants_to_be_told_about_data(lab):
    committed(lab.deploy(stored()))
    write(lab, "one")
    committed(lab.deploy(stored(image=TWO)))
    write(lab, "two")
    refused = lab.deploy(stored())
    assert (refused.code, refused.error["code"]) == (3, "precondition"), refused
    for state in ("last", "commit", "keep"):
        assert f"--state {state}" in refused.error["hint"], refused
    assert read(lab) == "two" and lab.version("files.example.com") == 2
    committed(lab.deploy(stored(), "--state", "last"))
    assert read(lab) == "one" and lab.version("files.example.com") == 1
    assert lab.newest("files")["kind"] == "rollback"
    # A rollback is a commit like any other: it can be rolled back.
    committed(lab.rollback("files"))
    assert read(lab) == "two" and lab.version("files.example.com") == 2
    committed(lab.rollback("files", "--state", "keep"))
    assert read(lab) == "two" and lab.version("files.example.com") == 1
    assert lab.strays() == []


def test_a_manifest_says_the_same_as_rollback(lab):
    committed(lab.deploy(stored()))
    write(lab, "one")
    committed(lab.deploy(stored(image=TWO)))
    write(lab, "two")
    shown = lab.must("rollback", "preview", "files").json
    assert shown["kind"] == "rollback" and read(lab) == "two"
    text = lab.human("rollback", "render-manifest", "files").stdout
    assert "[rollback]" in text and lab.commits("files")[1]["id"] in text, text
    committed(lab.deploy(text))
    assert read(lab) == "one"
    assert lab.deploy(text).outcome == "unchanged"


def test_a_prepared_branch_is_applied_as_it_was_or_not_at_all(lab):
    committed(lab.deploy(stored()))
    write(lab, "one")
    fresh = lab.must("branch", "preview", "files", "pr").json
    assert fresh["kind"] == "branch" and len(lab.volumes()) == 1
    prepare = ("branch", "prepare", "files", "pr", "--volume-mode", "branch")

    def apply(prepared):
        return lab.ctl("branch", "apply-prepared", prepared["prepared_deploy_id"])

    short = lab.must(*prepare, "--expires-in", "1s").json
    assert short["expires_at_ms"] and short["changes"], short
    lab.wait(lambda: time.time() * 1000 > short["expires_at_ms"], "the plan to expire")
    late = apply(short)
    assert late.code == 3 and "expired" in late.error["message"], late
    # The source moves on; so does the target.
    moved = lab.must(*prepare).json
    committed(lab.ctl("volume", "snapshot", "files"))
    refused = apply(moved)
    assert refused.code == 3 and "files" in refused.error["message"], refused
    first, second = lab.must(*prepare).json, lab.must(*prepare).json
    committed(apply(first))
    assert apply(first).outcome == "committed"  # the same command again: its first result
    taken = apply(second)
    assert taken.code == 3 and "pr" in taken.error["message"], taken
    assert read(lab, "pr") == "one"
    assert lab.strays() == []


def test_a_branch_steals_nothing(lab):
    committed(lab.deploy(stored()))
    write(lab, "one")
    committed(lab.branch("files", "pr", "--volume", "data=branch"))
    write(lab, "other", "pr")
    assert (read(lab), read(lab, "pr")) == ("one", "other")
    assert json.loads(lab.get("files.example.com")[1])["namespace"] == "files"
    assert json.loads(lab.get("web.pr.ployz.local")[1])["namespace"] == "pr"
    address = lab.instances("pr")[0]["address"]
    overlay = lab.sh("ip -4 -o addr show ployz0 | awk '{print $4}'").stdout.split("/")[0]
    assert lab.sh(f"kdig +short @{overlay} web.pr.cluster.local").stdout.split() == [address]
    assert lab.branch("files", "pr", "--volume", "data=branch").outcome == "unchanged"
    text = lab.human("branch", "render-manifest", "files", "pr").stdout
    assert 'namespace = "pr"' in text and "hostnames" not in text, text
    # Fresh volumes are empty; a namespace that is there is not overwritten.
    committed(lab.branch("files", "empty"))
    assert lab.inside("empty", "ls", "/data") == ""
    assert lab.branch("pr", "files").error["code"] == "exists"
    unknown = lab.branch("files", "x", "--volume", "nodata=branch")
    assert (unknown.code, unknown.error["code"]) == (3, "not_found"), unknown


def test_fork_volume_is_independent(lab):
    committed(lab.deploy(stored()))
    write(lab, "one")
    committed(lab.ctl("fork-volume", "files/data", "files/copy"))
    assert lab.tree_hash("files/copy") == lab.tree_hash("files/data")
    write(lab, "two")
    assert lab.tree_hash("files/copy") != lab.tree_hash("files/data")
    again = lab.ctl("fork-volume", "files/data", "files/copy")
    assert again.error["code"] == "exists", again
    committed(lab.ctl("fork-volume", "files/copy", "elsewhere/data"))
    committed(lab.deploy(stored("elsewhere")))
    assert read(lab, "elsewhere") == "one"
    committed(lab.ctl("volume", "rm", "files/copy", "--yes"))
    assert read(lab, "elsewhere") == "one"
    lab.remove("elsewhere")
    assert lab.strays() == []


COUNTER = ("sh", "-c", "i=0; while :; do i=$((i+1)); for v in a b; do echo $i > /$v/next; "
           "mv /$v/next /$v/count; done; done")


def test_two_volumes_are_branched_at_one_instant(lab):
    """The writer counts in one volume, then in the other: never may they differ by more than one."""
    committed(lab.deploy(stored("pair", volumes=("a", "b"), entrypoint=COUNTER)))
    lab.wait(lambda: int(lab.inside("pair", "cat", "/b/count")) > 10, "the counter to run")
    for number in range(3):
        done = committed(lab.branch("pair", f"pr{number}", "--volume-mode", "branch"))
        assert 0 <= done.json["measured"]["paused_ms"] < 5000, done.json["measured"]
        taken = lab.commits(f"pr{number}")[0]["id"]
        counts = []
        for volume in ("a", "b"):
            _, dataset = lab.home_of(f"pair/{volume}")
            counts.append(int(lab.sh(f"cat /var/lib/ployz/pool/datasets/{dataset}/snapshots/{taken}/"
                                     "data/count").stdout))
        assert counts[0] - counts[1] in (0, 1), counts
        before = lab.inside("pair", "cat", "/a/count")
        lab.wait(lambda before=before: lab.inside("pair", "cat", "/a/count") != before,
                 "the writer to go on")

"""Machines that take nothing new, and machines that are emptied."""
import pytest

from data import POOL, committed, stored
from lab import web

IMAGE = "ployz-samples/web:1"


def state_of(cluster, machine):
    listed = cluster.must("machine", "ls").json["machines"]
    return next(m["machine"]["state"] for m in listed if m["machine"]["name"] == machine.name)


def machines_of(cluster, namespace):
    return sorted(i["machine_name"] for i in cluster.instances(namespace))


@pytest.fixture(autouse=True)
def all_active(cluster):
    yield
    for machine in cluster.all():
        cluster.must("machine", "activate", machine.name)


def test_a_machine_on_standby_takes_nothing_new_and_keeps_what_it_runs(cluster):
    second = cluster.machine(2)
    pinned = 'machines = ["%s"]' % second.name
    assert cluster.deploy(web("stays", IMAGE, extra=pinned)).code == 0
    refused = cluster.ctl("machine", "standby", second.name)
    assert refused.code == 3 and "stays/web" in refused.error["message"], refused
    assert refused.error["details"] == {"stays/web": "1 instances"}, refused
    assert state_of(cluster, second) == "active"

    preview = cluster.must("machine", "standby", second.name, "--force", "--dry-run")
    assert preview.outcome == "preview" and state_of(cluster, second) == "active"
    done = cluster.must("machine", "standby", second.name, "--force")
    assert done.outcome == "changed" and done.json["workloads"][0]["service"] == "web", done
    # Seen by every daemon; repeating is nothing.
    again = cluster.machine(3).ctl("machine", "standby", second.name)
    assert (again.code, again.outcome) == (0, "unchanged"), again
    assert state_of(cluster, second) == "standby"

    # What runs there stays and serves; its deploy is unchanged.
    assert cluster.deploy(web("stays", IMAGE, extra=pinned)).outcome == "unchanged"
    assert cluster.machine(1).get("stays.example.com")[0] == 200
    # Nothing new is placed there, and a pin is refused.
    assert cluster.deploy(web("spread", IMAGE, replicas=4)).code == 0
    assert second.name not in machines_of(cluster, "spread")
    changed = cluster.deploy(web("stays", IMAGE, extra=pinned, env={"A": "1"}))
    assert changed.code == 3 and f"{second.name} is standby" in changed.error["message"], changed

    back = cluster.must("machine", "activate", second.name)
    assert back.outcome == "changed" and state_of(cluster, second) == "active", back
    assert cluster.must("machine", "activate", second.name).outcome == "unchanged"
    assert cluster.deploy(web("stays", IMAGE, extra=pinned, env={"A": "1"})).code == 0
    assert second.name in cluster.human("__complete", "--", "machine", "standby", "").stdout


# -- drain ----------------------------------------------------------------------------------

def test_a_web_service_leaves_under_load_and_no_request_fails(cluster):
    second = cluster.machine(2)
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).code == 0
    assert second.name in machines_of(cluster, "busy")
    preview = cluster.must("machine", "drain", second.name, "--dry-run")
    assert preview.outcome == "preview" and state_of(cluster, second) == "active"
    assert [(s["namespace"], s["services"]) for s in preview.json["steps"]] == [("busy", ["web"])]
    with cluster.load("busy.example.com", connections=8, rate=500, through=cluster.all()) as load:
        done = cluster.must("machine", "drain", second.name)
    assert done.outcome == "drained", done
    assert [s["outcome"] for s in done.json["steps"]] == ["committed"], done
    assert load.report["requests"] > 0 and load.report["failed"] == 0, load.report
    assert second.name not in machines_of(cluster, "busy")
    assert len(machines_of(cluster, "busy")) == 3
    assert second.docker("ps", "-aq", "--filter", "label=ployz.instance").stdout == ""
    assert state_of(cluster, second) == "drained"
    # Its gateway serves on; repeating is nothing; nothing comes back by itself.
    assert second.get("busy.example.com")[0] == 200
    assert cluster.must("machine", "drain", second.name).outcome == "unchanged"
    cluster.must("machine", "activate", second.name)
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).outcome == "unchanged"


def test_a_service_with_a_volume_is_migrated(cluster):
    committed(cluster.deploy(stored("files")))
    home, dataset = cluster.home_of("files/data")
    home.sh(f"head -c 3000000 /dev/urandom > {POOL}/datasets/{dataset}/live/blob")
    before = cluster.tree_hash("files/data")
    preview = cluster.must("machine", "drain", home.name, "--dry-run").json
    step = next(s for s in preview["steps"] if s["namespace"] == "files")
    assert step["volumes"] == ["data"] and step["to"] != home.name and step["bytes"] > 0, step
    done = cluster.must("machine", "drain", home.name)
    assert done.outcome == "drained", done
    step = next(s for s in done.json["steps"] if s["namespace"] == "files")
    assert step["measured"]["bytes_sent"] > 0 and step["measured"]["write_downtime_ms"] > 0, step
    assert cluster.where("files", "web").name == step["to"] != home.name
    assert cluster.tree_hash("files/data") == before
    assert cluster.machine(1).get("files.example.com")[0] == 200
    # What a rollback would need stays, and is told.
    assert dataset in [d["dataset"] for d in done.json["stays"]], done
    assert cluster.strays() == []


def test_what_fits_nowhere_is_named_before_anything_moves(cluster):
    second = cluster.machine(2)
    pinned = 'machines = ["%s"]' % second.name
    assert cluster.deploy(web("pinned", IMAGE, extra=pinned)).code == 0
    assert cluster.deploy(web("free", IMAGE, replicas=3)).code == 0
    newest = cluster.newest("free")
    for words in (("--dry-run",), ()):
        refused = cluster.ctl("machine", "drain", second.name, *words)
        assert refused.code == 3 and list(refused.error["details"]) == ["pinned/web"], refused
        assert second.name in refused.error["message"], refused
    assert cluster.newest("free") == newest and state_of(cluster, second) == "active"
    # Nobody else takes anything.
    cluster.remove("pinned")
    for machine in (cluster.machine(1), cluster.machine(3)):
        cluster.must("machine", "standby", machine.name, "--force")
    refused = cluster.ctl("machine", "drain", second.name)
    assert refused.code == 3 and list(refused.error["details"]) == ["free/web"], refused
    assert cluster.ctl("machine", "drain", "nobody").error["code"] == "not_found"


def test_a_drain_that_is_cut_off_goes_on(cluster):
    committed(cluster.deploy(stored("files")))
    assert cluster.deploy(web("busy", IMAGE, replicas=3)).code == 0
    home, _ = cluster.home_of("files/data")
    before = cluster.tree_hash("files/data")
    cut_off = cluster.start("machine", "drain", home.name)
    cluster.wait(lambda: state_of(cluster, home) == "draining", "the drain to begin")
    cluster.kill("ployzd")
    cut_off.communicate(timeout=60)
    cluster.wait(lambda: cluster.ctl("mesh", "ready").code == 0, "the machine to be ready again")
    done = cluster.must("machine", "drain", home.name)
    assert done.outcome in ("drained", "unchanged") and state_of(cluster, home) == "drained", done
    assert home.name not in machines_of(cluster, "busy") + machines_of(cluster, "files")
    assert cluster.tree_hash("files/data") == before
    assert cluster.strays() == []


def test_images_that_nobody_else_has_go_along(cluster):
    second = cluster.machine(2)
    image = "ployz-samples/web:2"
    pinned = 'machines = ["%s"]' % second.name
    assert cluster.deploy(web("carried", image, extra=pinned)).code == 0
    try:
        for machine in (cluster.machine(1), cluster.machine(3)):
            machine.docker("rmi", "--force", image)
        assert cluster.deploy(web("carried", image)).code == 0
        assert machines_of(cluster, "carried") == [second.name]
        preview = cluster.must("machine", "drain", second.name, "--dry-run").json
        copied = [(c["image"], c["machine_name"]) for s in preview["steps"] for c in s["images"]]
        assert len(copied) == 1 and copied[0][0] == image, preview
        done = cluster.must("machine", "drain", second.name)
        assert done.outcome == "drained", done
        assert machines_of(cluster, "carried") == [copied[0][1]]
        assert cluster.machine(1).get("carried.example.com")[0] == 200
    finally:
        cluster.must("image", "push", image, "--to", "all")

"""Machines that take nothing new, and machines that are emptied."""
import pytest

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

"""Three machines, and a bare host that becomes the fourth: what holds across them."""
import time

from lab import run, web

IMAGE = "ployz-samples/web:1"


def names(answer):
    return [m["machine"]["name"] for m in answer.json["machines"]]


def test_every_daemon_lists_every_machine(cluster):
    expected = [m.name for m in cluster.all()]
    assert names(cluster.must("machine", "ls")) == expected
    assert names(cluster.machine(2).ctl("machine", "ls")) == expected
    listed = cluster.must("machine", "ls").json["machines"]
    assert all(m["round_trip_us"] > 0 for m in listed), listed
    assert all(m["reachable"] for m in listed), listed
    assert len({m["machine"]["subnet"] for m in listed}) == 3
    # Repeating is nothing; fewer is refused.
    again = cluster.ctl("dev", "up", "--name", cluster.name, "--machines", "3")
    assert (again.code, again.outcome) == (0, "unchanged"), again
    fewer = cluster.ctl("dev", "up", "--name", cluster.name, "--machines", "2")
    assert fewer.code == 3 and "machine rm" in fewer.error["hint"], fewer


def test_round_trips_of_every_pair(cluster):
    pairs = cluster.must("machine", "rtt").json["pairs"]
    assert len(pairs) == 6
    assert all(p["samples"] > 0 and p["median_us"] > 0 for p in pairs), pairs


def test_images_are_the_same_everywhere_and_not_sent_twice(cluster):
    status = cluster.must("image", "status", IMAGE).json["machines"]
    assert [m["machine_name"] for m in status] == [m.name for m in cluster.all()]
    assert len({m["image_id"] for m in status}) == 1 and all(m["present"] for m in status), status
    again = cluster.must("image", "push", IMAGE, "--to", "all").json
    assert (again["outcome"], again["layers_sent"]) == ("unchanged", 0), again
    # From a machine that has it, asked through a third one.
    one, two, three = (m.name for m in cluster.all())
    cluster.machine(3).docker("rmi", "ployz-samples/web:3")
    absent = cluster.must("image", "status", "ployz-samples/web:3").json["machines"]
    assert [m["present"] for m in absent] == [True, True, False], absent
    send = ("image", "distribute", "ployz-samples/web:3", "--from", two, "--to", f"{one},{three}")
    sent = {m["machine_name"]: m for m in cluster.machine(3).ctl(*send).json["machines"]}
    assert (sent[one]["outcome"], sent[three]["outcome"]) == ("unchanged", "sent"), sent
    # Layers that other images on that machine have are not sent.
    assert sent[three]["layers_sent"] <= 1, sent
    repeated = cluster.machine(3).ctl(*send).json["machines"]
    assert all(m["layers_sent"] == m["sent_bytes"] == 0 for m in repeated), repeated
    assert len({m["image_id"] for m in
                cluster.must("image", "status", "ployz-samples/web:3").json["machines"]}) == 1


def test_a_deploy_spreads_and_every_gateway_serves(cluster):
    done = cluster.deploy(web("spread", IMAGE, replicas=3))
    assert (done.code, done.outcome) == (0, "committed"), done
    used = {i["machine_name"] for i in cluster.instances("spread")}
    assert used == {m.name for m in cluster.all()}
    for machine in cluster.all():
        status, _ = machine.get("spread.example.com")
        assert status == 200, machine.name
    # The control plane from anywhere.
    removed = cluster.machine(3).ctl("namespace", "rm", "spread", "--yes")
    assert removed.code == 0, removed


def test_names_resolve_on_other_machines(cluster):
    done = cluster.deploy(web("far", IMAGE, extra='machines = ["%s"]' % cluster.machine(2).name))
    assert done.code == 0, done
    address = cluster.instances("far")[0]["address"]
    for machine in cluster.all():
        overlay = machine.sh("ip -4 -o addr show ployz0 | awk '{print $4}'").stdout.split("/")[0]
        found = machine.sh(f"kdig +short @{overlay} web.far.cluster.local").stdout.split()
        assert found == [address], machine.name
        machine.sh(f"curl -fsS -m 5 http://{address}:8080/healthz")
    cluster.must("namespace", "rm", "far", "--yes")


def test_a_paused_machine_is_named_and_the_others_serve(cluster):
    assert cluster.deploy(web("alive", IMAGE, replicas=3)).code == 0
    third = cluster.machine(3)
    third.pause()
    try:
        listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
        assert not listed[third.name]["reachable"] and listed[third.name]["error"]["message"]
        refused = cluster.deploy(web("alive", IMAGE, replicas=3, env={"A": "1"}))
        assert refused.code != 0 and third.name in str(refused), refused
        for machine in (cluster.machine(1), cluster.machine(2)):
            assert machine.get("alive.example.com")[0] == 200
    finally:
        third.unpause()
    cluster.wait(lambda: all(m["reachable"] for m in cluster.must("machine", "ls").json["machines"]),
                 "the third machine to answer again")
    cluster.must("namespace", "rm", "alive", "--yes")


# -- machine add ----------------------------------------------------------------------------

def test_preflight_lists_every_problem_and_touches_nothing(cluster, host):
    before = host.as_found()
    host.sh("systemd-run --unit=squatter /usr/sbin/sshd -D -p 80 -o PidFile=none")
    host.wait(lambda: ":80 " in host.sh("ss -Hlnt").stdout, "port 80 to be taken")
    refused = host.add(user="guest")
    assert refused.code == 3, refused
    problems = list(refused.error["details"].values())
    assert any("sudo" in p for p in problems) and any("TCP port 80" in p for p in problems)
    host.sh("systemctl stop squatter")
    assert host.as_found() == before


def test_wrong_key_and_changed_host_key_are_told_apart(cluster, host, tmp_path):
    other = tmp_path / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other)
    wrong = cluster.ctl("machine", "add", "--network", cluster.name, "--identity", other,
                        f"root@{host.address}")
    assert wrong.code == 3 and "none of our keys" in wrong.error["message"], wrong
    host.sh("rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh")
    changed = host.add()
    assert changed.code == 3 and "not the one known" in changed.error["message"], changed


def test_another_network_is_refused(cluster, host):
    refused = host.add(network="elsewhere")
    assert refused.code == 3 and cluster.name in refused.error["message"], refused


def test_a_bare_host_becomes_a_machine(cluster, host):
    began = time.monotonic()
    added = host.add(user="admin")
    took = time.monotonic() - began
    assert (added.code, added.outcome) == (0, "added"), added
    print(f"machine add, all packages but ours being there: {took:.1f} s")
    assert took <= 60
    listed = {m["machine"]["name"]: m for m in cluster.must("machine", "ls").json["machines"]}
    assert listed[host.name]["reachable"]
    again = host.add(user="admin")
    assert (again.code, again.outcome) == (0, "unchanged"), again
